"""The agent `detect_turns`: transcripts in, turns out."""

from collections.abc import Sequence
from typing import cast

import structlog

from models.turns.store import Judge, Route, TurnModels, judge_all
from schemas.catalogue import TRANSCRIPTS, spec_of
from schemas.operations import Checkpoint
from stream_app.agents.definition import AgentDefinition, ModelWatch
from stream_app.agents.limits import Limits
from stream_app.agents.model_look import ModelLook
from stream_app.calls.detect_turns.backchannels import BACKCHANNELS
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import (
    NO_PROBABILITY,
    Judgement,
    JudgementRequest,
)
from stream_app.calls.detect_turns.turns import AGENT, CallTurns
from stream_app.settings import AsrSettings, Settings, TurnSettings

NO_MODEL = "none"
MAX_INPUTS = 8_192  # held back while the model works, of all calls
VERSIONS_KEPT = 2  # before the present one, for calls that come back after a rebalance

log = structlog.get_logger(__name__)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; loads the model, if any."""
    turns = settings.turns
    config = turn_config(turns, settings.asr)
    models = None if turns.model == NO_MODEL else load_models(turns)

    def restore(checkpoint: Checkpoint) -> CallTurns:
        machine = CallTurns.restore(checkpoint, config, router=models)
        if machine.counters.models_replaced:
            log.warning("turn_model.replaced", channels=machine.counters.models_replaced)
        return machine

    return AgentDefinition(
        name=AGENT,
        input_topic=TRANSCRIPTS,
        decode=spec_of(TRANSCRIPTS).decode,
        create=lambda call_id: CallTurns(call_id, config, router=models),
        restore=restore,
        infer=None if models is None else judge,
        fail=lambda request, _: Judgement(request, NO_PROBABILITY),
        max_batch=turns.max_batch,
        max_urgent=turns.max_batch,
        limits=Limits(max_inputs=MAX_INPUTS),
        watch=None
        if models is None
        else ModelWatch(turns.refresh_s, ModelLook(models.refresh, log, "turn_model")),
    )


def turn_config(turns: TurnSettings, asr: AsrSettings | None = None) -> TurnConfig:
    """Return when turns end by the settings; without those of speech no language is doubted."""
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
        doubtful_confidence=asr.doubtful_confidence if asr else 0.0,
        withholds_words=asr is not None and asr.unserved_language == "withhold",
    )


def judge(requests: Sequence[JudgementRequest]) -> list[Judgement]:
    """Return the probability that each text is a whole turn, those of one model in one run."""
    asked = [(cast("Judge", request.judge), request.text) for request in requests]
    return [
        Judgement(request, probability)
        for request, probability in zip(requests, judge_all(asked), strict=True)
    ]


def load_models(turns: TurnSettings) -> TurnModels:
    """Return the models that the settings name."""
    routes = [
        Route(variant=r.variant, party=r.party, domain=r.domain, language=r.language)
        for r in turns.routes
    ]
    return TurnModels(turns.model, routes=routes, threads=turns.threads, keep=VERSIONS_KEPT)
