"""The agent `finalize`: turns in, finalized calls out."""

from schemas.catalogue import TURNS, spec_of
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.finalize.finalizer import AGENT, CallFinalizer, FinalizeConfig
from stream_app.calls.first_offset import first_offset
from stream_app.settings import Settings


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent."""
    config = FinalizeConfig(withholds_words=settings.asr.unserved_language == "withhold")
    return AgentDefinition(
        name=AGENT,
        input_topic=TURNS,
        decode=spec_of(TURNS).decode,
        create=lambda call_id: CallFinalizer(call_id, config),
        restore=lambda checkpoint: CallFinalizer.restore(checkpoint, config),
        reread_from=first_offset,
    )
