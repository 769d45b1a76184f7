"""Metrics of the HTTP server."""

from stream_app.monitoring.catalogue.metric import Metric

REQUEST_BUCKETS_S = (
    *(0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1),
    *(0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
)

API_REQUESTS = Metric(
    "api_requests",
    "counter",
    "Requests that were answered, by path and status; a path that there is not counts as other.",
    "4xx: the message of the answer says what the caller has to change.",
    labels=("path", "status"),
)
API_REQUEST_SECONDS = Metric(
    "api_request_seconds",
    "histogram",
    "Time from the head of a request to the end of its answer.",
    "Run a second server; look whether somebody sends very long texts.",
    labels=("path",),
    buckets=REQUEST_BUCKETS_S,
)
API_REQUESTS_IN_FLIGHT = Metric(
    "api_requests_in_flight",
    "gauge",
    "Requests that are being answered, against `CALLSTREAM_API__MAX_IN_FLIGHT`.",
)
API_CALLS = Metric(
    "api_calls",
    "counter",
    "Texts that were classified or analysed, by label set or analysis guide, and by why they were "
    "abstained from.",
    labels=("label_set", "abstained"),
)
API_RUNS = Metric(
    "api_runs",
    "counter",
    "Runs of a model; texts of several requests share one.",
)
API_CORRECTIONS = Metric(
    "api_corrections",
    "counter",
    "Corrections of labels that are durable on their topic.",
)
