"""Composed calls: a question that a human wrote, inside a call around it.

A model that is trained on single questions has to read whole calls. What stands around the question
is drawn from sentences that say nothing about the subject; the question stays as it was written.
"""

from __future__ import annotations

import random
import re
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models.text.spoken_form import spoken_form
from training.classification.corpus.rows import SPLITS, Row, RowTurn
from training.classification.corpus.spreading import spread_over_labels
from training.core.errors import RecipeError
from training.text.recognizer_noise import RecognizerNoise, SimilarWords, with_mistakes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from training.classification.corpus.rows import Split

FRAMES = Path(__file__).parent / "call_frames.toml"
SOURCE = "composed_calls"
_SLOT = re.compile(r"\{(\w+)(?::(\d+))?\}")
_DIGITS = "digits"


class Composition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which calls are composed.

    Attributes:
        sources: Of the questions.
        without: Labels of questions that are no call.
        train: Calls to learn from, spread evenly over the labels.
        validation: Calls of the validation split.
        test: Calls of the test split.
        opening_share: Of the calls that begin with an opening of the caller.
        closing_share: Of the calls that the caller ends.
        exchanges: Further questions of the agent at most.
        fillers_share: Share of words of the noisy calls with ``uh`` or the like before them.
        noise: Mistakes of a recognizer in training calls.
        frames: File with the sentences around the question; by default the one that ships.
    """

    sources: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    train: int = 0
    validation: int = 0
    test: int = 0
    opening_share: float = 0.9
    closing_share: float = 0.8
    exchanges: int = 3
    fillers_share: float = 0.03
    noise: RecognizerNoise = RecognizerNoise()
    frames: str = ""

    def asked(self, split: Split) -> int:
        """Return how many calls of a split are wanted."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


class CallFrames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sentences around a question; a pair is what the agent says, and what the caller answers.

    Attributes:
        greetings: Of the agent.
        openings: Of the caller, before the question.
        requests: Of the agent, after the opening.
        exchanges: After the question.
        closings: At the end.
        slots: Words for names in braces.
    """

    greetings: tuple[str, ...]
    openings: tuple[str, ...]
    requests: tuple[str, ...]
    exchanges: tuple[tuple[str, str], ...]
    closings: tuple[tuple[str, str], ...]
    slots: dict[str, tuple[str, ...]]


def read_frames(path: Path) -> CallFrames:
    """Return the sentences of a file.

    Raises:
        RecipeError: It cannot be read, or a sentence has an unknown slot.
    """
    try:
        frames = msgspec.convert(tomllib.loads(path.read_text("utf-8")), CallFrames)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"the call frames {path} cannot be read: {error}") from error
    lines = [*frames.greetings, *frames.openings, *frames.requests]
    lines += [line for pair in (*frames.exchanges, *frames.closings) for line in pair]
    unknown = {match[1] for line in lines for match in _SLOT.finditer(line)} - {_DIGITS}
    if missing := sorted(unknown - {name for name, words in frames.slots.items() if words}):
        raise RecipeError(f"the call frames {path} have no words for {', '.join(missing)}")
    return frames


def compose_calls(
    rows: Mapping[Split, Sequence[Row]], wanted: Composition, stratify_by: str, seed: int
) -> dict[Split, list[Row]]:
    """Return composed calls for each split, of the questions of that split alone.

    A call is in the group of its question. Validation and test calls have no noise.

    Args:
        rows: By split.
        wanted: How many, of which.
        stratify_by: Task over whose labels they are spread.
        seed: Of the run.

    Raises:
        RecipeError: The file with the sentences is not valid.
    """
    if not any(wanted.asked(split) for split in SPLITS):
        return {split: [] for split in SPLITS}
    composer = _Composer(wanted, read_frames(Path(wanted.frames) if wanted.frames else FRAMES))
    composed: dict[Split, list[Row]] = {}
    for split in SPLITS:
        questions = [
            row
            for row in rows[split]
            if row.source in wanted.sources
            and row.labels.get(stratify_by)
            and not set(wanted.without) & {name for names in row.labels.values() for name in names}
        ]
        draw = random.Random(f"{seed}/composed/{split}")
        chosen = spread_over_labels(questions, wanted.asked(split), stratify_by, draw)
        composed[split] = list(composer.calls(chosen, draw, has_noise=split == "train"))
    return composed


class _Composer:
    def __init__(self, wanted: Composition, frames: CallFrames) -> None:
        self._wanted, self._frames = wanted, frames

    def calls(
        self, questions: Sequence[Row], draw: random.Random, *, has_noise: bool
    ) -> Iterator[Row]:
        words = (word for row in questions for turn in row.turns for word in turn.text.split())
        similar = SimilarWords(map(str.lower, words) if has_noise else ())
        for question in questions:
            parts = [*self._beginning(draw), *question.turns, *self._end(draw)]
            is_noisy = has_noise and draw.random() < self._wanted.noise.share
            if is_noisy:
                parts = [self._misheard(turn, similar, draw) for turn in parts]
            yield Row(
                id=f"{SOURCE}/{question.id}",
                source=SOURCE,
                group=question.group,
                turns=tuple(turn for turn in parts if turn.text),
                labels=question.labels,
                is_synthetic=question.is_synthetic,
                provenance={
                    **question.provenance,
                    "question": question.id,
                    "composed": "turns around the question",
                    **({"noise": "recognizer"} if is_noisy else {}),
                },
            )

    def _beginning(self, draw: random.Random) -> Iterator[RowTurn]:
        say = partial(self._filled, draw)
        yield RowTurn("agent", say(draw.choice(self._frames.greetings)))
        if draw.random() < self._wanted.opening_share:
            yield RowTurn("customer", say(draw.choice(self._frames.openings)))
            yield RowTurn("agent", say(draw.choice(self._frames.requests)))

    def _end(self, draw: random.Random) -> Iterator[RowTurn]:
        pairs = draw.sample(self._frames.exchanges, draw.randint(0, self._wanted.exchanges))
        if draw.random() < self._wanted.closing_share:
            pairs.append(draw.choice(self._frames.closings))
        for asked, answered in pairs:
            yield RowTurn("agent", self._filled(draw, asked))
            yield RowTurn("customer", self._filled(draw, answered))

    def _filled(self, draw: random.Random, line: str) -> str:
        def word(match: re.Match[str]) -> str:
            if match[1] == _DIGITS:
                return "".join(draw.choices("0123456789", k=int(match[2] or 1)))
            return draw.choice(self._frames.slots[match[1]])

        return _SLOT.sub(word, line)

    def _misheard(self, turn: RowTurn, similar: SimilarWords, draw: random.Random) -> RowTurn:
        """Return a turn in spoken form, with hesitations and words that were heard wrong."""
        every = msgspec.structs.replace(self._wanted.noise, share=1.0)
        heard = with_mistakes(
            spoken_form(turn.text), every, similar, draw, is_complete=turn.party == "agent"
        )
        words = [
            f"{draw.choice(('uh', 'um', 'er'))} {word}"
            if draw.random() < self._wanted.fillers_share
            else word
            for word in heard.split()
        ]
        return RowTurn(turn.party, " ".join(words))
