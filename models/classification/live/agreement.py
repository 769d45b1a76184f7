"""Two models on the same live calls, and answers against what people corrected; ids, no text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from models.classification.corrections import Corrected
    from schemas.classification import CallClassified, TaskAnswer


class Rate(msgspec.Struct, frozen=True):
    """A share of calls with its interval of 95 %.

    Attributes:
        calls: How many were looked at.
        count: Of them.
        share: Of them; 0 without calls.
        low: Of the interval.
        high: Of the interval.
    """

    calls: int
    count: int
    share: float
    low: float
    high: float


class Disagreement(msgspec.Struct, frozen=True):
    """A call that two models answer differently.

    Attributes:
        call_id: Of the call.
        task: That differs.
        champion: Labels by the model that serves; why it abstained where it has none.
        shadow: By its challenger, likewise.
        champion_confidence: Of its first label; -1 without.
        shadow_confidence: Likewise.
    """

    call_id: str
    task: str
    champion: tuple[str, ...]
    shadow: tuple[str, ...]
    champion_confidence: float
    shadow_confidence: float


class Agreement(msgspec.Struct, frozen=True):
    """Champion and shadow on the calls that both were asked about.

    Attributes:
        champion: Names of the models that served.
        shadow: Names of the models beside them.
        tasks: Calls on which both say the same, by task.
        disagreements: Calls on which they do not, by id.
    """

    champion: tuple[str, ...]
    shadow: tuple[str, ...]
    tasks: dict[str, Rate]
    disagreements: tuple[Disagreement, ...]


class Answers:
    """The answers of live calls: of each call and model the last one that is not provisional."""

    def __init__(self) -> None:
        self._champion: dict[str, dict[str, CallClassified]] = {}
        self._shadow: dict[str, dict[str, CallClassified]] = {}

    def add(self, message: CallClassified) -> None:
        """Take in an answer; the later one of a call and model counts."""
        if not message.is_provisional:
            by_call = self._shadow if message.is_shadow else self._champion
            by_model = by_call.setdefault(message.call_id, {})
            by_model.pop(message.model, None)  # the last one stands last
            by_model[message.model] = message

    @property
    def champion(self) -> tuple[CallClassified, ...]:
        """Return the answers that counted: the last one of each call."""
        return tuple(map(_last, self._champion.values()))

    @property
    def every(self) -> tuple[CallClassified, ...]:
        """Return the answers of all models that served or ran in shadow."""
        calls = (*self._shadow.values(), *self._champion.values())
        return tuple(message for by_model in calls for message in by_model.values())

    def agreement(self) -> Agreement | None:
        """Return how champion and shadow agree; None where no call has both.

        A model is compared with another one, also where it serves by now and answered again.
        """
        pairs = list(self._pairs())
        if not pairs:
            return None
        counts: dict[str, list[int]] = {}
        differ: list[Disagreement] = []
        for champion, shadow in pairs:
            for task, (mine, other) in _by_task(champion, shadow).items():
                same = _labels(mine, champion) == _labels(other, shadow)
                calls = counts.setdefault(task, [0, 0])
                calls[0] += 1
                calls[1] += same
                if not same:
                    differ.append(_disagreement(task, champion, shadow))
        return Agreement(
            _names(champion for champion, _ in pairs),
            _names(shadow for _, shadow in pairs),
            {task: rate(same, calls) for task, (calls, same) in counts.items()},
            tuple(differ),
        )

    def _pairs(self) -> Iterator[tuple[CallClassified, CallClassified]]:
        """Yield the shadow's answer of each call behind the last one of another model."""
        for call_id in sorted(self._champion.keys() & self._shadow.keys()):
            shadow = _last(self._shadow[call_id])
            without = {shadow.model, ""}  # the empty one is of calls that rules alone answered
            others = {
                model: message
                for model, message in self._champion[call_id].items()
                if model not in without
            }
            if others:
                yield _last(others), shadow


def _last(by_model: Mapping[str, CallClassified]) -> CallClassified:
    return list(by_model.values())[-1]


def corrected_scores(
    answers: Iterable[CallClassified], corrections: Mapping[str, Mapping[str, Corrected]]
) -> dict[str, dict[str, Rate]]:
    """Return by model and task how many of the corrected calls it had answered rightly.

    An answer is right if its labels are those of the correction. Calls that people correct are no
    sample of all calls: the shares compare models, and say little about either. What rules raised,
    or answered without a model, is no answer of one.

    Args:
        answers: The last one of a call and model counts.
        corrections: By call and task.
    """
    counts: dict[str, dict[str, list[int]]] = {}
    last = {(message.call_id, message.model): message for message in answers if message.model}
    for message in last.values():
        for task, corrected in corrections.get(message.call_id, {}).items():
            answer = next((each for each in message.answers if each.task == task), None)
            if answer is not None and answer.raised_by:
                continue
            given = {label.label for label in answer.labels} if answer else set()
            calls = counts.setdefault(message.model, {}).setdefault(task, [0, 0])
            calls[0] += 1
            calls[1] += given == set(corrected.labels)
    return {
        model: {task: rate(right, calls) for task, (calls, right) in tasks.items()}
        for model, tasks in counts.items()
    }


def rate(count: int, calls: int) -> Rate:
    """Return a share with its interval."""
    interval = wilson(count, calls)
    share = round(count / calls, 5) if calls else 0.0
    return Rate(calls, count, share, interval.low, interval.high)


def _by_task(
    champion: CallClassified, shadow: CallClassified
) -> dict[str, tuple[TaskAnswer | None, TaskAnswer | None]]:
    """Return the answers of both by task; those that rules raised are no model's."""
    mine, other = (
        {each.task: each for each in message.answers if not each.raised_by}
        for message in (champion, shadow)
    )
    raised = {each.task for one in (champion, shadow) for each in one.answers if each.raised_by}
    names = [task for task in dict.fromkeys((*mine, *other)) if task not in raised]
    return {task: (mine.get(task), other.get(task)) for task in names}


def _labels(answer: TaskAnswer | None, message: CallClassified) -> tuple[str, ...]:
    if answer is None:
        return (f"({message.abstained or 'none'})",)
    return tuple(sorted(label.label for label in answer.labels))


def _disagreement(task: str, champion: CallClassified, shadow: CallClassified) -> Disagreement:
    mine, other = _by_task(champion, shadow)[task]
    return Disagreement(
        champion.call_id,
        task,
        _labels(mine, champion),
        _labels(other, shadow),
        mine.labels[0].confidence if mine and mine.labels else -1.0,
        other.labels[0].confidence if other and other.labels else -1.0,
    )


def _names(messages: Iterable[CallClassified]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(message.model for message in messages))
