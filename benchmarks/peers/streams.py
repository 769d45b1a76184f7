"""What a system makes of growing utterances: CPU, when words settle, how many come out wrong.

The same measure for every system: a word counts as settled from the update on after which every
later text, the last one included, has it right. Only texts are compared, so that it does not matter
what a system itself calls committed.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.core.error_rates import errors_of
from benchmarks.core.held_out_sets import HeldOut
from benchmarks.core.reference import TrueWord
from benchmarks.peers.systems import CallstreamTogether, PeerSystem
from models.audio.samples import SAMPLE_RATE_HZ
from models.text.spoken_form import spoken_words
from models.text.word_errors import WordErrors

UPDATE_S = 1.0


@dataclass(frozen=True, slots=True)
class Display:
    """A text that a system showed.

    Attributes:
        audio_ms: Of the utterance until then.
        compute_ms: CPU time that it took.
    """

    text: str
    audio_ms: int
    compute_ms: float


@dataclass(slots=True)
class StreamFigures:
    """What was measured of a system.

    Attributes:
        cpu_s: In each round, over all utterances.
        delays_ms: From the end of each right word until it settled, computing included.
        errors: Of each utterance's last text.
    """

    audio_s: float = 0.0
    cpu_s: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    errors: list[WordErrors] = field(default_factory=list)


def follow_all(
    system: PeerSystem | CallstreamTogether,
    utterances: Sequence[HeldOut],
    figures: StreamFigures,
    *,
    is_first: bool,
) -> None:
    """Let a system follow all utterances once; delays and errors are kept of the first round."""
    start_s = time.process_time()
    if isinstance(system, CallstreamTogether):
        displayed = follow_together(system, utterances)
    else:
        displayed = [follow_one(system, utterance) for utterance in utterances]
    figures.cpu_s.append(time.process_time() - start_s)
    if not is_first:
        return
    figures.audio_s = sum(len(one.samples) for one in utterances) / SAMPLE_RATE_HZ
    for utterance, texts in zip(utterances, displayed, strict=True):
        figures.errors.append(errors_of(utterance.words, texts[-1].text))
        figures.delays_ms += settled_delays(texts, utterance.true_words)


def follow_one(system: PeerSystem, utterance: HeldOut) -> list[Display]:
    """Return what a system shows once a second, and at the end."""
    step = int(UPDATE_S * SAMPLE_RATE_HZ)
    displayed: list[Display] = []
    system.begin()
    for length in [*range(step, len(utterance.samples), step), len(utterance.samples)]:
        samples = utterance.samples[:length]
        start_s = time.process_time()
        is_last = length == len(utterance.samples)
        text = system.finish(samples) if is_last else system.update(samples)
        compute_ms = (time.process_time() - start_s) * 1000
        displayed.append(Display(text, length * 1000 // SAMPLE_RATE_HZ, compute_ms))
    return displayed


def follow_together(
    system: CallstreamTogether, utterances: Sequence[HeldOut]
) -> list[list[Display]]:
    """Return what is displayed of each utterance when several go on at the same time.

    An update takes as long as all that are due with it.
    """
    step = int(UPDATE_S * SAMPLE_RATE_HZ)
    displayed: list[list[Display]] = [[] for _ in utterances]
    for first in range(0, len(utterances), system.streams):
        group = range(first, min(first + system.streams, len(utterances)))
        drafts: dict[int, tuple[int, ...]] = dict.fromkeys(group, ())
        longest = max(len(utterances[n].samples) for n in group)
        for length in range(step, longest + step, step):
            ending = [n for n in group if length - step < len(utterances[n].samples) <= length]
            going = [n for n in group if length < len(utterances[n].samples)]
            start_s = time.process_time()
            finals = system.finish([utterances[n].samples for n in ending])
            partials = system.update(
                [utterances[n].samples[:length] for n in going], [drafts[n] for n in going]
            )
            compute_ms = (time.process_time() - start_s) * 1000
            for n, heard in [*zip(ending, finals, strict=True), *zip(going, partials, strict=True)]:
                displayed[n].append(Display(heard.text, heard.duration_ms, compute_ms))
                drafts[n] = heard.tokens
    return displayed


def settled_delays(displayed: Sequence[Display], true_words: Sequence[TrueWord]) -> list[float]:
    """Return, for each word that is right at the end, how long after its end it had settled."""
    settled: dict[int, float] = {}
    for one in displayed:
        said = [word for word in true_words if word.start_ms < one.audio_ms]
        right = right_words([word.text for word in said], spoken_words(one.text))
        settled = {
            number: settled.get(number, one.audio_ms + one.compute_ms) for number in sorted(right)
        }
    return [at_ms - true_words[number].end_ms for number, at_ms in settled.items()]


def right_words(reference: Sequence[str], heard: Sequence[str]) -> set[int]:
    """Return which words of a reference a text has.

    The alignment has the fewest errors, and of those the most words that are right.
    """
    error = len(reference) + 1  # costs more than all right words together bring
    rows = [[error * column for column in range(len(heard) + 1)]]
    for number, word in enumerate(reference, start=1):
        above, row = rows[-1], [error * number]
        for column, other in enumerate(heard, start=1):
            paired = above[column - 1] + (-1 if word == other else error)
            row.append(min(paired, above[column] + error, row[-1] + error))
        rows.append(row)
    right: set[int] = set()
    number, column = len(reference), len(heard)
    while number and column:
        is_right = reference[number - 1] == heard[column - 1]
        paired = rows[number - 1][column - 1] + (-1 if is_right else error)
        if rows[number][column] == paired:
            number, column = number - 1, column - 1
            if is_right:
                right.add(number)
        elif rows[number][column] == rows[number - 1][column] + error:
            number -= 1
        else:
            column -= 1
    return right
