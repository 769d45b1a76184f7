"""A call in passages that cut no phrase of the safety floor, and its answer in the given ones.

A pause in the middle of a sentence ends a turn, so that its words may come in two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.classification.classifier import MAX_CHARACTERS, Answer, Classification, Passage
from models.classification.label_set import LabelSet
from models.classification.rules import cut_passages
from models.text.spoken_form import spoken_form
from schemas.classification import MAX_EVIDENCE


@dataclass(frozen=True, slots=True)
class WholeCall:
    """A call as a label set reads it.

    Attributes:
        passages: Those that were given, some of them joined.
        given: Indexes of the given passages that each is made of.
    """

    passages: tuple[Passage, ...]
    given: tuple[tuple[int, ...], ...]

    def answered(self, found: Classification) -> Classification:
        """Return an answer with its evidence in the passages that were given."""
        if len(self.passages) == sum(map(len, self.given)):
            return found
        return replace(found, answers=tuple(map(self._answer, found.answers)))

    def _answer(self, answer: Answer) -> Answer:
        evidence = tuple(index for joined in answer.evidence for index in self.given[joined])
        return replace(answer, evidence=evidence[:MAX_EVIDENCE])


def whole_call(label_set: LabelSet, call: Sequence[Passage]) -> WholeCall:
    """Return a call in which those passages are one over which a phrase of the floor goes.

    They stand where the first of them stood.

    Args:
        label_set: With the floor.
        call: Its passages, in order.
    """
    spoken = [spoken_form(passage.text[:MAX_CHARACTERS]) for passage in call]
    cut = cut_passages(label_set, spoken, [passage.party for passage in call])
    groups = {group[0]: group for group in cut}
    later = {index for group in cut for index in group[1:]}
    given = tuple(groups.get(n, (n,)) for n in range(len(call)) if n not in later)
    return WholeCall(tuple(_joined([call[index] for index in group]) for group in given), given)


def _joined(passages: Sequence[Passage]) -> Passage:
    first, *others = passages
    return replace(first, text=" ".join(each.text for each in passages)) if others else first
