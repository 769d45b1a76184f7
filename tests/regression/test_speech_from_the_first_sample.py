"""A call in which somebody speaks from the first sample on was refused by `detect_turns`.

The pre-roll of its first segment began 192 ms before the call, and no message may carry a time
before 0: the final became a dead letter, and its turn was lost.
"""

from schemas.codec import decode_json, encode_json
from schemas.transcripts import TranscriptFinal, TranscriptTopicMessage
from stream_app.calls.effects import Emit, Infer
from stream_app.calls.transcribe.recognition import RecognitionRequest
from tests.support.calls.recorded_calls import fingerprint, recorded_call, transcriber

MID_SPEECH_MS = 38_000


def finals(start_ms: int, end_ms: int) -> list[TranscriptFinal]:
    machine = transcriber("c")
    emitted = []
    for offset, message in enumerate(recorded_call("c", start_ms, end_ms)):
        effects = list(machine.feed(message, offset))
        while effects:
            effect = effects.pop(0)
            if isinstance(effect, Emit):
                emitted.append(effect.message)
            elif isinstance(effect, Infer):
                assert isinstance(effect.request, RecognitionRequest)
                effects += machine.resolve(fingerprint(effect.request))
    return [message for message in emitted if isinstance(message, TranscriptFinal)]


def test_the_first_segment_begins_with_the_call() -> None:
    found = finals(MID_SPEECH_MS, MID_SPEECH_MS + 3_000)

    assert found[0].start_ms == 0
    for final in found:
        assert decode_json(encode_json(final), TranscriptTopicMessage) == final
