"""The agent `detect_turns`: transcripts in, turns out."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import structlog

from schemas.codec import decode_json
from schemas.operations import Checkpoint
from schemas.transcripts import TranscriptTopicMessage
from stream_app.calls.endpointing import BACKCHANNELS, TurnConfig
from stream_app.calls.judgement import NO_PROBABILITY, Judgement, JudgementRequest, TurnJudge
from stream_app.calls.turns import AGENT, CallTurns
from stream_app.settings import Settings, TurnRoute, TurnSettings
from stream_app.topics import TRANSCRIPTS
from stream_app.transport.definitions import AgentDefinition, ModelChange, ModelWatch

if TYPE_CHECKING:
    from models.turns.store import Judge, TurnModels

NO_MODEL = "none"
PARTIES = ("agent", "customer", "unknown")
MAX_UNACKNOWLEDGED = 8_192  # inputs held back while the model works, of all calls
VERSIONS_KEPT = 2  # before the present one, for calls that come back after a rebalance

log = structlog.get_logger(__name__)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; loads the model, if any."""
    turns = settings.turns
    config = turn_config(turns)
    models = None if turns.model == NO_MODEL else _load_models(turns)

    def restore(checkpoint: Checkpoint) -> CallTurns:
        machine = CallTurns.restore(checkpoint, config, router=models)
        if machine.counters.models_replaced:
            log.warning("turn_model.replaced", channels=machine.counters.models_replaced)
        return machine

    return AgentDefinition(
        name=AGENT,
        input_topic=TRANSCRIPTS,
        decode=lambda data: decode_json(data, TranscriptTopicMessage),
        create=lambda call_id: CallTurns(call_id, config, router=models),
        restore=restore,
        infer=None if models is None else judge,
        fail=lambda request: Judgement(request, NO_PROBABILITY),
        max_batch=turns.max_batch,
        max_urgent=turns.max_batch,
        max_unacknowledged=MAX_UNACKNOWLEDGED,
        watch=None
        if models is None
        else ModelWatch(turns.refresh_s, ModelLook(models, turns.routes)),
    )


def turn_config(turns: TurnSettings) -> TurnConfig:
    """Return when turns end by the settings."""
    return TurnConfig(
        complete_silence_ms=turns.complete_silence_ms,
        silence_ms=turns.silence_ms,
        uncertain_silence_ms=turns.uncertain_silence_ms,
        incomplete_silence_ms=turns.incomplete_silence_ms,
        dictation_silence_ms=turns.dictation_silence_ms,
        ceiling_ms=turns.ceiling_ms,
        complete_probability=turns.complete_probability,
        incomplete_probability=turns.incomplete_probability,
        thresholds=turns.thresholds,
        backchannels=turns.backchannels or BACKCHANNELS,
    )


def judge(requests: Sequence[JudgementRequest]) -> list[Judgement]:
    """Return the probability that each text is a whole turn, those of one model in one run."""
    from models.turns.store import judge_all  # noqa: PLC0415 - ONNX Runtime, not without a model

    asked = [(cast("Judge", request.judge), request.text) for request in requests]
    return [
        Judgement(request, probability)
        for request, probability in zip(requests, judge_all(asked), strict=True)
    ]


class ModelLook:
    """Takes up new files of the end-of-turn model, and logs what came of it.

    The versions before are kept loaded for a while: after a rebalance calls that began with them
    are restored from checkpoints.

    Args:
        models: Of the worker.
        routes: Of the settings.
    """

    def __init__(self, models: "TurnModels", routes: Sequence[TurnRoute] = ()) -> None:
        self._models = models
        self._asked = {(party, "", "") for party in PARTIES} | {
            (route.party or party, route.domain, route.language)
            for route in routes
            for party in PARTIES
        }
        self._present = self._judges()
        self._kept: deque[list[TurnJudge]] = deque(maxlen=VERSIONS_KEPT)

    def __call__(self) -> list[ModelChange]:
        """Return what changed since the last look."""
        from models.turns.store import Refusal  # noqa: PLC0415 - as above

        changes = []
        for change in self._models.refresh():
            if isinstance(change, Refusal):
                log.error("turn_model.refused", reason=change.reason, kept=list(change.kept))
            else:
                log.info("turn_model.swapped", before=list(change.before), after=list(change.after))
                self._kept.append(self._present)
                self._present = self._judges()
            changes.append(ModelChange(is_refused=isinstance(change, Refusal)))
        return changes

    def _judges(self) -> list[TurnJudge]:
        """Return judges that keep every version of the present set loaded."""
        judges = [
            self._models.judge(party=party, domain=domain, language=language)
            for party, domain, language in sorted(self._asked)
        ]
        return [judge for judge in judges if judge is not None]


def _load_models(turns: TurnSettings) -> "TurnModels":
    from models.turns.store import Route, TurnModels  # noqa: PLC0415 - as above

    routes = [
        Route(variant=r.variant, party=r.party, domain=r.domain, language=r.language)
        for r in turns.routes
    ]
    return TurnModels(turns.model, routes=routes, threads=turns.threads)
