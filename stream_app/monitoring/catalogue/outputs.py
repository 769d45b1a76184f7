"""Metrics of what an agent writes."""

from stream_app.monitoring.catalogue.metric import Metric

DURABLE_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 40.0)
LATENCY_BUCKETS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0, 60.0)

EMITTED = Metric("emitted", "counter", "Messages produced, checkpoints not counted.")
REFUSED_OUTPUTS = Metric(
    "refused_outputs",
    "counter",
    "Outputs and checkpoints that were too large to send.",
    "Read their dead letters; the call goes on without them.",
)
OUTPUT_LATENCY_SECONDS = Metric(
    "output_latency_seconds",
    "histogram",
    "Time from when the input that decided it came to the log, by the agent's own clock, to when "
    "an output was emitted, by its type. Input that was in the log before the process does not "
    "count.",
    "The sum over the agents is the delay that the machines add.",
    labels=("type",),
    buckets=LATENCY_BUCKETS_S,
)
ALERTS = Metric(
    "alerts", "counter", "Messages on `calls.alerts.v1`, by kind.", "Read them.", labels=("kind",)
)
CLASSIFIED = Metric(
    "classified",
    "counter",
    "Answers about what a call is, by label set and by why it was abstained from (empty where it "
    "was not); those of a challenger do not count.",
    "`no_model`: weights are missing. A rising share of `uncertain`: calls are about what the "
    "model has not learnt; `callstream models drift classification` shows what shifted.",
    labels=("label_set", "abstained"),
)
ANALYZED = Metric(
    "analyzed",
    "counter",
    "Insights of whole calls, by analysis guide and by why there are none (empty where there are); "
    "those of a challenger do not count.",
    "`no_model`: the log line `analytics_model.missing` says what to do; "
    "`CALLSTREAM_ANALYTICS__MODELS` names the models.",
    labels=("guide", "abstained"),
)
DURABLE_SECONDS = Metric(
    "durable_seconds",
    "histogram",
    "Time from when a commit is due to its acknowledgement.",
    "Long: the brokers are slow to take output.",
    buckets=DURABLE_BUCKETS_S,
)
