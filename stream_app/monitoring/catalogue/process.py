"""Metrics of an agent's process."""

from stream_app.monitoring.catalogue.metric import Metric

LAG_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
INFERENCE_BUCKETS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    *(0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0),
)

BUILD_INFO = Metric(
    "build_info", "gauge", "Always 1; tells version and agent.", labels=("version",)
)
LIVE = Metric(
    "live",
    "gauge",
    "1 while the event loop turns.",
    "0: the supervisor ends the process and starts it again.",
)
READY = Metric(
    "ready",
    "gauge",
    "1 while the agent has its partitions and their checkpoints, and the brokers answer.",
    "0: `callstream health` says why.",
)
RESTARTS = Metric(
    "restarts",
    "counter",
    "Times that the supervisor started this agent again.",
    "Read the last `agent.failed` or `agent.stopped` in the log.",
)
FROZEN_KILLS = Metric(
    "frozen_kills",
    "counter",
    "Times that the supervisor killed this agent because it said nothing.",
    "Look for swapping, a paused machine, or a model that never returns.",
)
LOOP_LAG_SECONDS = Metric(
    "loop_lag_seconds",
    "histogram",
    "How late the event loop wakes a timer.",
    "Give the process a core of its own.",
    buckets=LAG_BUCKETS_S,
)
