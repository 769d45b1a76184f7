"""The agent `detect_turns`: transcripts in, turns out."""

from schemas.codec import decode_json
from schemas.transcripts import TranscriptTopicMessage
from stream_app.calls.endpointing import BACKCHANNELS, TurnConfig
from stream_app.calls.turns import AGENT, CallTurns
from stream_app.settings import Settings
from stream_app.topics import TRANSCRIPTS
from stream_app.transport.definitions import AgentDefinition


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent."""
    turns = settings.turns
    config = TurnConfig(
        silence_ms=turns.silence_ms,
        ceiling_ms=turns.ceiling_ms,
        backchannels=turns.backchannels or BACKCHANNELS,
    )
    return AgentDefinition(
        name=AGENT,
        input_topic=TRANSCRIPTS,
        decode=lambda data: decode_json(data, TranscriptTopicMessage),
        create=lambda call_id: CallTurns(call_id, config),
        restore=lambda checkpoint: CallTurns.restore(checkpoint, config),
    )
