"""Metrics of the work of an agent's model."""

from stream_app.monitoring.catalogue.metric import Metric

INFERENCE_BUCKETS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    *(0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0),
)

INFERENCE_SECONDS = Metric(
    "inference_seconds",
    "histogram",
    "Time of one run of the model.",
    "Longer than usual: cores are shared; look for other processes and for throttling.",
    buckets=INFERENCE_BUCKETS_S,
)
INFERENCE_CPU_SECONDS = Metric(
    "inference_cpu_seconds", "counter", "CPU time of the inference thread in the model."
)
FEED_MODEL_CPU_SECONDS = Metric(
    "feed_model_cpu_seconds",
    "counter",
    "CPU time of the model that hears audio as it comes: the voice activity detection.",
)
SHED_REQUESTS = Metric(
    "shed_requests",
    "counter",
    "Requests to the model dropped: replaced by a newer one, or too old. Finals never are.",
    "Steadily more than none: add workers, or choose smaller weights.",
)
STRETCHED_REQUESTS = Metric(
    "stretched_requests",
    "counter",
    "Partials not decoded because overload made the interval between them longer.",
    "As for shed requests.",
)
INTERRUPTIONS = Metric(
    "interruptions",
    "counter",
    "Runs of the model between two steps of a longer one: first partials within a final, first "
    "partials and finals within a final that is decoded early.",
    "None while finals come: partials stretch, or the back-end has no steps.",
)
GIVEN_UP_SEARCHES = Metric(
    "given_up_searches",
    "counter",
    "Finals decoded early that were given up half-way, since their party spoke on.",
    "A high share of the finals is work for nothing: add workers.",
)
FAILED_REQUESTS = Metric(
    "failed_requests",
    "counter",
    "Requests that failed for good: their input is a dead letter where their call waited for them.",
    "Read the log lines `inference.failed`.",
)
RETRIED_REQUESTS = Metric(
    "retried_requests",
    "counter",
    "Failed requests that are run again: their failure may pass.",
    "Read the log lines `inference.postponed`: a back-end is away, or overloaded.",
)
PARTIAL_INTERVAL_SECONDS = Metric(
    "partial_interval_seconds",
    "gauge",
    "New audio between two partials of a segment, at present.",
    "Above the setting `CALLSTREAM_ASR__PARTIAL_INTERVAL_MS`: overload.",
)
PENDING_AUDIO_SECONDS = Metric(
    "pending_final_audio_seconds",
    "gauge",
    "Audio of the finals that `transcribe` has not finished.",
    "Near `CALLSTREAM_OVERLOAD__MAX_PENDING_FINAL_AUDIO_S` reading stops: add workers.",
)
UNFINISHED_REQUESTS = Metric(
    "unfinished_requests",
    "gauge",
    "Requests to the model that are never dropped and have no result yet, retries included.",
    "Rises with `callstream_retried_requests_total`: a back-end is away. Else: add workers.",
)
GUARDED_RESULTS = Metric(
    "guarded_results",
    "counter",
    "Results of the recognizer whose words a guard refused (`loop`: cut), by guard and by "
    "`final` or `partial`.",
    "`tone`, `dtmf` and `quiet` tell of the audio, the others of the weights: a jump after new "
    "weights means that they make words up.",
    labels=("guard", "result"),
)
OUTDATED_PARTIALS = Metric(
    "outdated_partials",
    "counter",
    "Results for partials that came after their segment had ended, and were dropped.",
    "A high share is work for nothing: add workers.",
)
EARLY_FINALS = Metric(
    "early_finals",
    "counter",
    "Finals that were decoded in the silence before their pause was over, and went out with it.",
    "A falling share of the finals: the recognizer is too busy to decode ahead. Add workers.",
)
MODEL_SWAPS = Metric(
    "model_swaps", "counter", "Times that new files of the model were taken up while running."
)
MODEL_REFUSALS = Metric(
    "model_refusals",
    "counter",
    "Times that new files of the model were refused; the old ones stay at work.",
    "Read the log line `turn_model.refused`, and put the files right.",
)
