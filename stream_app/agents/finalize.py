"""The agent `finalize`: turns in, finalized calls out."""

from schemas.codec import decode_json
from schemas.turns import TurnTopicMessage
from stream_app.calls.finalizer import AGENT, CallFinalizer, FinalizeConfig
from stream_app.settings import Settings
from stream_app.topics import TURNS
from stream_app.transport.definitions import AgentDefinition


def define(_: Settings) -> AgentDefinition:
    """Return the definition of the agent."""
    config = FinalizeConfig()
    return AgentDefinition(
        name=AGENT,
        input_topic=TURNS,
        decode=lambda data: decode_json(data, TurnTopicMessage),
        create=lambda call_id: CallFinalizer(call_id, config),
        restore=lambda checkpoint: CallFinalizer.restore(checkpoint, config),
        rereads_input=True,
    )
