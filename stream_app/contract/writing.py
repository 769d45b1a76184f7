"""The sections for gateways: forms of a message, and the order and the rules of a call."""

from collections.abc import Iterator

from msgspec import json, msgpack
from msgspec.structs import asdict

from models.audio.resample import SOURCE_RATES_HZ
from schemas.audio import MAX_CHUNK_MS, MIN_CHUNK_MS, AudioChunk
from schemas.audio_forms import ARRAY, FORMS, JSON, MAP, named
from schemas.base import MAX_CALL_ID, MAX_CALL_MS, MAX_CHANNELS, MAX_DTMF_KEYS, MAX_HOLDS
from schemas.catalogue import AUDIO, HOUR_MS, spec_of
from stream_app.calls.transcribe.input.sequencer import FILL_LIMIT_MS, REORDER_MS
from stream_app.contract.tables import table
from stream_app.settings import Settings

# Microseconds of CPU, by `python -m stream_app.contract.decode_cost`: the median of nine rounds
DECODE_US = {ARRAY.name: 3.0, MAP.name: 5.0, JSON.name: 8.7}
EXAMPLE = AudioChunk(
    event_id="call-7/audio_chunk/3",
    call_id="call-7",
    captured_at_ns=1_764_000_000_123_456_789,
    seq=3,
    start_ms=300,
    encoding="mulaw",
    sample_rate_hz=8_000,
    payloads=(bytes(range(200)) * 4,) * 2,
)

FORMS_TEXT = """\
## Forms of an audio message

A message of `calls.audio.v1` comes in one of three forms, told apart by its first byte. All are
read alike: the same fields, types and bounds; what is missing at the end, or by name, has its
default; what is not known is ignored. Replay and the gateways of this project write arrays.
"""
FORMS_NOTES = """\
The figures are for a chunk of 100 ms of two channels in mu-law ({audio:,} bytes of audio),
before compression; decoding is CPU time of one core of an AMD EPYC, the median of nine rounds;
Faust has about 70 microseconds of other work for each message.

- **Integers are integers**: `1.0` or `"1"` for one is refused. In JavaScript `captured_at_ns`
  needs a `BigInt`, else MessagePack libraries write a float.
- **Payloads** are `bin` in MessagePack, not `str`; in JSON base64 in the standard alphabet with
  padding. `context` is a map in all forms.
- Blanks may stand before a JSON object; a byte order mark, a JSON array, a string that holds
  JSON, and the framing of a schema registry are refused.
- Anything else becomes a [dead letter](#dead-letters) whose reason says what was found at the
  first byte and what was expected; a message of a known form whose fields do not fit, which call,
  which schema, which field, and why.
"""

ORDER = """\
## A call, message by message

1. `call_started.v1` before any audio: who speaks on each channel, encoding, sample rate, and the
   context. It may come later, but parties, language and context hold from then on only; audio
   before it has the channels of its first chunk, all `unknown`, is logged as `call.without_start`
   and counted (`callstream_set_aside_total{{kind="calls_without_start"}}`), once a call.
2. `audio_chunk.v1`, `seq` from 0, as it is captured. `call_held.v1`, `call_resumed.v1` and
   `dtmf_pressed.v1` stand among the chunks, each with the audio time `at_ms`.
3. `call_stalled.v1` is the system's own: `transcribe` appends it {stall:g} s after the last
   chunk, and segments and turns close. Audio that comes after it goes on with the call.
4. `call_ended.v1` with `completed`, `transferred` or `failed`. Without it the call ends {stale:g}
   min after its last audio, {held:g} h while it is on hold (`transcribe` appends `stale`).

| rule | otherwise |
|---|---|
"""
RULES: tuple[tuple[str, str], ...] = (
    (
        (
            "The key is the call id, and all messages of a call go to one partition, by whichever "
            "partitioner. One producer writes a call, idempotent where the client can: retries "
            "neither lose nor reorder."
        ),
        "the call is split, or words are lost",
    ),
    (
        (
            "A call id names one call, and is not used again for {memory_h} hours. At most "
            "{call_id} characters, no control characters."
        ),
        "input for a closed call is a dead letter, with one alert",
    ),
    (
        (
            "`event_id` is any text that is the same when the message is sent again. Nothing is "
            "decided by it: duplicates are told by number, time and audio."
        ),
        "",
    ),
    (
        (
            "`captured_at_ns` is the wall clock (Unix, ns) when the last sample of the chunk was "
            "captured. It only serves latencies, and is copied into results."
        ),
        "wrong delays in the metrics, nothing else",
    ),
    (
        (
            "A chunk holds all channels of its interval ({channels} at most). A payload is empty "
            "where a channel has no audio; the others have one duration. Channels may also come in "
            "[messages of their own](audio.md#channels-in-messages-of-their-own), at some cost."
        ),
        "a dead letter; the call goes on",
    ),
    (
        (
            "One party speaks on each channel, in the order of `parties`. A mix of both belongs on "
            "one channel, as `unknown`."
        ),
        (
            "of two equal channels only the first has words, and an echo of the other party has "
            "none ([how that is told](adr/0038-crosstalk-becomes-silence.md))"
        ),
    ),
    (
        (
            "A chunk has {shortest} to {longest} ms. **A shorter one is taken where it ends a "
            "stretch of audio**: the last of a call, what is left at a hold or a transfer. So the "
            "next chunk must not be short."
        ),
        "dead letters: longer ones, and of shorter ones in a row all but the first",
    ),
    (
        (
            "`encoding` is `mulaw`, `alaw` or `pcm16` (little-endian); the sample rate is that of "
            "the call: {rates} kHz."
        ),
        "dead letters",
    ),
    (
        (
            "`seq` counts chunks; `start_ms` is the time of the first sample since the call began, "
            "at most {call_h} h. What was lost leaves a hole in both."
        ),
        "a jump counts only once later chunks confirm it",
    ),
    (
        (
            "Send as you capture. A chunk that comes up to {reorder} ms of audio behind its "
            "successors is put in order."
        ),
        "a later one is a dead letter",
    ),
    ("Gaps of up to {fill:g} s become silence.", "longer ones close the segments"),
    (
        "At most {holds:,} holds and {keys:,} keys a call. Audio may come during a hold or not.",
        "dead letters for those beyond",
    ),
    ("Nothing follows the end.", "audio is a dead letter, with an alert `audio_after_end`"),
    (
        (
            "Buffer while no broker answers, for up to {stale:g} minutes: nothing here holds audio "
            "that is not on the topic."
        ),
        "the audio is lost, or comes after the end",
    ),
)


def writing_sections() -> Iterator[str]:
    """Yield the sections."""
    notes = FORMS_NOTES.format(audio=sum(map(len, EXAMPLE.payloads)))
    yield f"{FORMS_TEXT}\n{_forms_table()}\n{notes}"
    figures = _figures()
    rules = ((rule.format(**figures), otherwise) for rule, otherwise in RULES)
    rows = "".join(f"| {rule} | {otherwise} |\n" for rule, otherwise in rules)
    yield f"{ORDER.format(**figures)}{rows}"


def _forms_table() -> str:
    by_name = named(AudioChunk)(**asdict(EXAMPLE))
    sizes = {
        ARRAY.name: len(msgpack.encode(EXAMPLE)),
        MAP.name: len(msgpack.encode(by_name)),
        JSON.name: len(json.encode(by_name)),
    }
    shown = {
        ARRAY.name: "elements in the order of their positions, the schema first",
        MAP.name: "field names, `schema` among them",
        JSON.name: "the same, payloads in base64",
    }
    rows = (
        (
            form.name,
            form.shown,
            shown[form.name],
            f"{sizes[form.name]:,}",
            f"{DECODE_US[form.name]:g}",
        )
        for form in FORMS
    )
    return table(("form", "begins with", "holds", "bytes", "decoding, microseconds"), rows)


def _figures() -> dict[str, object]:
    stalls = Settings().stalls
    rates = [f"{rate / 1000:g}" for rate in SOURCE_RATES_HZ]
    return {
        "stall": stalls.stall_after_s,
        "stale": stalls.stale_after_s / 60,
        "held": stalls.stale_on_hold_after_s / 3600,
        "memory_h": spec_of(AUDIO).remembered_ms // HOUR_MS,
        "call_id": MAX_CALL_ID,
        "channels": MAX_CHANNELS,
        "shortest": MIN_CHUNK_MS,
        "longest": MAX_CHUNK_MS,
        "rates": f"{', '.join(rates[:-1])} or {rates[-1]}",
        "call_h": MAX_CALL_MS // HOUR_MS,
        "reorder": REORDER_MS,
        "fill": FILL_LIMIT_MS / 1000,
        "holds": MAX_HOLDS,
        "keys": MAX_DTMF_KEYS,
    }
