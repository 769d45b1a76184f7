"""The sections for readers: what may be relied on, repetitions, and dead letters."""

from collections.abc import Iterator

from schemas.catalogue import DEAD_LETTERS
from stream_app.runtime.output.dead_letters import HEADERS, MAX_REASON

READING = """\
## Reading results

Every topic but that of the audio and of dead letters is JSON, keyed by the call id; a reader
ignores fields and schemas that it does not know. Times are milliseconds on the clock of the
call's audio.

- **Two lanes.** `speech_activity.v1`, `transcript_final.v1`, `call_transcribed.v1`, all turns but
  predictions, and `finalized_call.v1` are deterministic: read again, the same audio gives the
  same messages with the same ids, byte for byte but for `captured_at_ns`, with the same build,
  weights and class of CPU. `transcript_partial.v1` and `turn_end_predicted.v1` are volatile: for
  screens, and they may differ or be missing in a second run.
- **Order.** Messages of a call keep their order. `lane_seq` counts the deterministic messages of
  a channel without holes, so that a reader sees what it has missed. After `call_transcribed.v1`,
  `call_turns_complete.v1` and `finalized_call.v1` only repetitions of that call come on their
  topic.
- **At least once.** After a crash or a rebalance up to a second of messages may be written again,
  and a consumer reads some again after its own crash. The repetition has the same `event_id` and,
  in the deterministic lane, the same content: drop it. Either way works: write results under
  `event_id` as a unique key (insert or ignore), or keep the ids of each open call in memory and
  forget them with its last message. `finalized_call.v1` comes once a call: `call_id` alone is
  its key.
- **What replaces what.** A final replaces the partials of its `segment_id`, those that come after
  it too (a crash may bring some), and a partial with a lower `revision` than one that is known is
  old. `revised` in a later final replaces the words of
  earlier segments; the latest `turn_revised.v1` those of a turn; the finalized call has all of
  it.
- `calls.checkpoints.v1` is the memory of the agents, and no interface.
"""

LETTERS = """\
## Dead letters

What cannot be taken in goes to `{topic}`, bytes and key as they came (or described, with the
header `abridged`, where they are too many), with the headers {headers}. The reason has at most
{reason} characters, `call_id` is that of the key where the bytes name none. The partition goes on
after it, and so does the call; `calls.alerts.v1` tells of it once a call (`input_refused`);
chunks that are late are counted only. [operations.md](operations.md#dead-letters) says what each
header means, how they are read, and how one is sent again.
"""


def reading_sections() -> Iterator[str]:
    """Yield the sections."""
    yield READING
    headers = ", ".join(f"`{name}`" for name in HEADERS)
    yield LETTERS.format(topic=DEAD_LETTERS, headers=headers, reason=MAX_REASON)
