"""What the server tells of versions that it took up or refused."""

from collections.abc import Iterable

import structlog

from models.store.versioned import Refusal, Swap
from stream_app.api.http.metrics import ApiMetrics

log = structlog.get_logger(__name__)


def tell_changes(changes: Iterable[Swap | Refusal], metrics: ApiMetrics) -> None:
    """Count and log changes of a model that serves."""
    for change in changes:
        if isinstance(change, Refusal):
            metrics.model_refusals.inc()
            kept = list(change.kept)
            log.error("api_model.refused", alias=change.alias, reason=change.reason, kept=kept)
            continue
        metrics.model_swaps.inc()
        before, after = list(change.before), list(change.after)
        log.info("api_model.swapped", alias=change.alias, before=before, after=after)
