"""Metrics of what an agent reads."""

from stream_app.monitoring.catalogue.metric import Metric

EVENTS = Metric(
    "events",
    "counter",
    "Messages taken from the input topic.",
    "None although calls are open: see `callstream_consumer_lag_messages` and `callstream_ready`.",
)
LATE_EVENTS = Metric(
    "late_events",
    "counter",
    "Messages of calls that were closed.",
    "Some follow every takeover. Many without one: a gateway uses the id of an ended call again.",
)
SET_ASIDE = Metric(
    "set_aside",
    "counter",
    "What open calls received and did not use, or used with a doubt, by kind; the kinds are below.",
    "See the kinds.",
    labels=("kind",),
)
DEAD_LETTERS = Metric(
    "dead_letters",
    "counter",
    "Inputs and outputs sent to the dead letters.",
    "Read the reasons in the headers on `calls.dead_letters.v1`.",
)
SKIPPED_OFFSETS = Metric(
    "skipped_offsets",
    "counter",
    "Offsets of the input that were not in the log when it was to be read.",
    "Input was lost: add workers, or keep the topic for longer.",
)
REFUSED_CALLS = Metric(
    "refused_calls",
    "counter",
    "Messages of new calls refused because too many calls were open.",
    "A gateway makes up ids, or `CALLSTREAM_OVERLOAD__MAX_OPEN_CALLS` is too low for the load.",
)
QUARANTINED_INPUTS = Metric(
    "quarantined_inputs",
    "counter",
    "Inputs set aside because they were at work at two deaths of the process in a row.",
    "Keep the dead letter: it is the input to reproduce the crash with.",
)
AUDIO_GAPS = Metric(
    "audio_gaps",
    "counter",
    "Stretches of audio that never came.",
    "Look at the gateway and at the network before it.",
)
AUDIO_GAP_SECONDS = Metric(
    "audio_gap_seconds",
    "counter",
    "Duration of the audio that never came.",
    "Divided by the duration of all calls it is the share that no transcript can have.",
)
CLOCK_AHEAD_SECONDS = Metric(
    "clock_ahead_seconds",
    "counter",
    "By how much the audio clocks of calls ran ahead of the times of their chunks.",
    "The times that a gateway gives do not fit the length of its audio: the log line "
    "`call.clock_ahead` names the call.",
)
CROSSTALK_SECONDS = Metric(
    "crosstalk_seconds",
    "counter",
    "Duration of the sound on a channel that is an echo of another channel, and was taken out.",
    "Normal in handsets and analogue lines. Where it grows, a leg carries both parties.",
)
PARTITIONS_HELD = Metric(
    "partitions_held",
    "gauge",
    "Partitions of the input topic that the process holds.",
    "Over all processes of an agent the sum is the topic's count; 0 in one: more than are needed.",
)
CONSUMER_LAG_MESSAGES = Metric(
    "consumer_lag_messages",
    "gauge",
    "Messages in the log of a partition that were not taken in yet.",
    "Growing: add workers, up to a process for each partition.",
    labels=("partition",),
)
CONSUMER_LAG_SECONDS = Metric(
    "consumer_lag_seconds",
    "gauge",
    "Time since everything in the log of a partition had been taken in.",
    "One partition alone: one busy call. All: as for the lag in messages.",
    labels=("partition",),
)
OLDEST_UNREAD_SECONDS = Metric(
    "oldest_unread_seconds",
    "gauge",
    "The greatest of the lags in seconds of all partitions that the process holds.",
    "Above some seconds: add workers.",
)
OLDEST_UNACKNOWLEDGED_SECONDS = Metric(
    "oldest_unacknowledged_seconds",
    "gauge",
    "Age of the oldest input that is not acknowledged, idle calls included, by the input's "
    "timestamp: how much a restart reads again. A silent call holds its last input.",
    "Hours are normal with a call on hold.",
)
OLDEST_ACTIVE_SECONDS = Metric(
    "oldest_unacknowledged_active_seconds",
    "gauge",
    "Time since the oldest input that is not acknowledged was taken in, of calls that still get "
    "input, or that input may be waiting for.",
    "Above a minute: the model does not finish, or the brokers do not take the output "
    "(`callstream_durable_seconds`).",
)
UNACKNOWLEDGED_MESSAGES = Metric(
    "unacknowledged_messages",
    "gauge",
    "Inputs taken in and not acknowledged yet.",
    "A restart reads this many again.",
)
