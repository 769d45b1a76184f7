"""Metrics of the calls of an agent."""

from stream_app.monitoring.catalogue.metric import Metric

OPEN_CALLS = Metric("open_calls", "gauge", "Calls in memory that are not closed.")
GENERATIONS = Metric(
    "generations",
    "counter",
    "Times that a partition was taken up.",
    "Growing without starts and stops of workers: the group rebalances; look for processes that "
    "miss their session timeout.",
)
CHECKPOINTS = Metric("checkpoints", "counter", "Checkpoints written.")
UNREADABLE_CHECKPOINTS = Metric(
    "unreadable_checkpoints",
    "counter",
    "Records of the checkpoint topic that hold no checkpoint.",
    "Something else writes to the topic.",
)
LOST_CALLS = Metric(
    "lost_calls",
    "counter",
    "Calls given up because their checkpoint could not be used.",
    "After an upgrade: go back to the version before, then report it with the log line "
    "`checkpoint.unusable`.",
)
STALL_MARKERS = Metric(
    "stall_markers",
    "counter",
    "Markers appended to the input of calls that fell silent.",
    "Many at once: a gateway died without ending its calls.",
)
PREDICTED_ENDS = Metric(
    "turn_end_predictions", "counter", "Ends of turns predicted from partial transcripts."
)
WITHDRAWN_ENDS = Metric(
    "turn_end_predictions_withdrawn",
    "counter",
    "Predictions of a turn's end that were taken back.",
    "A rising share after a new end-of-turn model: its threshold is too low.",
)
ABRIDGED_CALLS = Metric(
    "abridged_calls",
    "counter",
    "Finalized calls too large for one message, written without some of their turns.",
)
SHADOW_AGREED = Metric(
    "shadow_agreed",
    "counter",
    "Calls for which a challenger gave the answers of the model that serves, in every task.",
)
SHADOW_DIFFERED = Metric(
    "shadow_differed",
    "counter",
    "Calls for which a challenger gave other answers, or abstained where the other did not.",
    "Of `classify`: `callstream models drift classification` lists them, by task.",
)
CATEGORIES_AGREED = Metric(
    "categories_agreed",
    "counter",
    "Calls whose insights have the main category that the classifier of the same label set gives.",
)
CATEGORIES_DIFFERED = Metric(
    "categories_differed",
    "counter",
    "Calls whose insights have another main category than the classifier gives.",
    "A rising share: one of the two models has become worse, or calls are about something new; "
    "look at some of them, and at `callstream models drift classification`.",
)
