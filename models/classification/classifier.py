"""What calls are about, by one model on ONNX Runtime.

A call's answer does not depend on the calls that share its batch: windows of one length share a
run, and no row of a product in a graph depends on another (`training.text.quantise`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from models.classification.decoding import (
    ReadLogits,
    aggregated,
    columns_of,
    decide,
    probabilities_of,
)
from models.classification.evidence import candidates, strongest
from models.classification.label_set import load_label_set
from models.classification.manifest import load_classification_manifest
from models.classification.readings import TokenizedCall, read_windows
from models.classification.rules import abstention, raised_labels
from models.classification.similarity import CategoryEmbeddings
from models.onnx_session import ONNX_ERRORS, open_session
from models.store.manifest import verified_weights
from models.text.encoder import EncoderConfig, TextEncoder, load_tokenizer
from models.text.spoken_form import spoken_form
from schemas.classification import MAX_EVIDENCE, ScoredLabel
from schemas.errors import InferenceError, ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    import onnxruntime
    from tokenizers import Tokenizer

    from models.classification.label_set import LabelSet, Task
    from models.classification.manifest import ClassificationManifest
    from models.classification.readings import ReadWindows
    from models.classification.rules import Raised
    from schemas.base import Party
    from schemas.classification import Abstention

    FloatArray = npt.NDArray[np.floating]

MAX_CHARACTERS = 20_000  # of a passage: no turn is longer
PROBE = ("hello i lost my card can you help me", "what should i do " * 100)
NO_CONFIDENCE = -1.0


@dataclass(frozen=True, slots=True)
class Passage:
    """A turn of a call, or a sentence of a text.

    Attributes:
        id: Of the turn.
    """

    text: str
    party: Party = "unknown"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is in one respect; as `schemas.classification.TaskAnswer`.

    Attributes:
        evidence: Indexes of the passages that carried the first label, the strongest first.
    """

    task: str
    labels: tuple[ScoredLabel, ...]
    evidence: tuple[int, ...] = ()
    raised_by: str = ""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a call is about; as `schemas.classification.CallClassified`.

    Attributes:
        probabilities: Of the labels of each task, decided together; empty without a model.
    """

    answers: tuple[Answer, ...] = ()
    abstained: Abstention = ""
    windows: int = 0
    second_opinion: str = ""
    probabilities: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Read:
    """A call as the model reads it.

    Attributes:
        chosen: Indexes of the passages that are read.
        spoken: Their spoken forms.
        passages: Their token ids.
        readings: Their windows; none of a call that is not to be classified.
    """

    chosen: tuple[int, ...]
    spoken: tuple[str, ...]
    raised: Mapping[str, Raised]
    abstained: Abstention
    passages: Sequence[Sequence[int]]
    readings: Sequence[ReadWindows]


def classify_by_rules(
    label_set: LabelSet, call: Sequence[Passage], reason: Abstention
) -> Classification:
    """Return what the rules of a label set alone say of a call.

    Args:
        label_set: With the rules.
        call: Its passages.
        reason: Why no model is asked.
    """
    chosen, spoken = _spoken(label_set, call)
    raised = raised_labels(label_set, spoken)
    return Classification(_raised_answers(label_set, raised, chosen), reason)


class Classifier:
    """One graph with its tokenizer and label set; use `load`.

    Attributes:
        name: Name and version, as it appears in messages.
        label_set: What its answers are made of.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        label_set: LabelSet,
        manifest: ClassificationManifest,
        embeddings: CategoryEmbeddings | None = None,
    ) -> None:
        self._embeddings = embeddings
        self.name = manifest.versioned_name
        self.label_set = label_set
        self._session = session
        self._columns = columns_of(label_set)
        self._tokenizer = tokenizer
        unknown = getattr(tokenizer.model, "unk_token", None)
        known_id = tokenizer.token_to_id(unknown) if unknown else None
        self._unknown = -1 if known_id is None else known_id
        self._manifest = manifest
        special = manifest.special_tokens
        self._before = [special.first] if special.first >= 0 else []
        self._after = [special.last] if special.last >= 0 else []
        self._room = manifest.max_tokens - special.around
        self._encoder = TextEncoder(
            tokenizer,
            EncoderConfig(
                special_tokens=special, max_tokens=manifest.max_tokens, padding=manifest.padding
            ),
        )

    @classmethod
    def load(cls, manifest_path: Path, *, threads: int = 1) -> Self:
        """Return the classifier that a manifest describes, after trying it on a few texts.

        Args:
            manifest_path: Of `training.classification.export.exporter`.
            threads: For one run.

        Raises:
            ModelNotFoundError: A file is missing.
            ModelIntegrityError: A file is damaged, or does not do what the manifest says.
            ConfigurationError: Its label set contradicts itself.
        """
        manifest = load_classification_manifest(manifest_path)
        weights = verified_weights(manifest_path, manifest)
        folder = manifest_path.parent
        label_set = load_label_set(folder / manifest.label_set_file)
        if manifest.tasks != {task.name: task.names for task in label_set.tasks}:
            raise ModelIntegrityError(f"{manifest_path}: its tasks are not those of its label set")
        if not manifest.given_from.keys() <= label_set.lone_ranks:
            raise ModelIntegrityError(f"{manifest_path}: given_from is of ranked tasks alone")
        tokenizer = load_tokenizer(folder / manifest.tokenizer_file)
        session = open_session(weights, device="cpu", threads=threads)
        embeddings = None
        if manifest.embeddings_folder:
            place = folder / manifest.embeddings_folder
            embeddings = CategoryEmbeddings(place, label_set, threads=threads)
        classifier = cls(session, tokenizer, label_set, manifest, embeddings)
        try:
            logits = classifier._logits(classifier._tokens(PROBE))
            if not np.isfinite(logits).all():
                raise ModelIntegrityError(f"{manifest_path}: it gives no finite logits")
            found = classifier.classify([[Passage(text, "customer")] for text in PROBE])
            if not all(np.isfinite(p).all() for one in found for p in one.probabilities.values()):
                raise ModelIntegrityError(f"{manifest_path}: it gives no finite probabilities")
        except (*ONNX_ERRORS, ValueError, LookupError) as error:
            raise ModelIntegrityError(f"{manifest_path}: it cannot be run: {error}") from error
        return classifier

    def classify(self, calls: Sequence[Sequence[Passage]]) -> list[Classification]:
        """Return what calls are about, each with the passages that carried its labels.

        Args:
            calls: Passages of each, in order; whose are read is up to the label set.

        Raises:
            InferenceError: The graph gives no finite logits.
        """
        read = [self._read(call) for call in calls]
        ids = [window.ids for call in read for each in call.readings for window in each.windows]
        logits = self._logits(ids)
        if not np.isfinite(logits).all():
            raise InferenceError(f"{self.name} gives no finite logits")
        ends = np.cumsum([len(each.windows) for call in read for each in call.readings])
        pieces = iter(np.split(logits, ends[:-1]))
        parts = [
            [ReadLogits(each.reading, next(pieces)) for each in call.readings] for call in read
        ]
        found = [self._decided(call, part) for call, part in zip(read, parts, strict=True)]
        return self._with_evidence(read, parts, found)

    def _read(self, call: Sequence[Passage]) -> _Read:
        chosen, spoken = _spoken(self.label_set, call)
        raised = raised_labels(self.label_set, spoken)
        abstained: Abstention = abstention(self.label_set, spoken)
        if raised and abstained in {"wrong_number", "prank", "too_short"}:
            abstained = ""  # what somebody says who is in danger
        passages = [] if abstained else self._tokens(spoken)
        if self.label_set.languages and self._are_unknown(passages):
            abstained, passages = "language", []
        parties = [call[index].party for index in chosen] if passages else []
        readings = read_windows(
            TokenizedCall(passages, parties),
            self._manifest.all_readings,
            self._manifest.special_tokens.around,
        )
        return _Read(chosen, spoken, raised, abstained, passages, readings)

    def _are_unknown(self, passages: Sequence[Sequence[int]]) -> bool:
        """Return whether most words are in letters that the model does not know."""
        ids = [token for passage in passages for token in passage]
        return 2 * ids.count(self._unknown) > len(ids)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [each.ids for each in encoded]

    def _logits(self, windows: Sequence[Sequence[int]]) -> FloatArray:
        """Return the logits of token ids without special ones, shape (windows, labels)."""
        rows = [[*self._before, *ids[: self._room], *self._after] for ids in windows]
        found = np.zeros((len(rows), self._columns[-1].stop), np.float32)
        for indexes, feed in self._encoder.batches(rows):
            found[indexes] = self._session.run(["logits"], feed)[0]
        return found

    def _decided(self, call: _Read, logits: Sequence[ReadLogits]) -> Classification:
        if call.abstained:
            return Classification(
                _raised_answers(self.label_set, call.raised, call.chosen), call.abstained
            )
        manifest = self._manifest
        whole = aggregated([logits], self._columns, manifest.aggregation)
        decided = decide(
            probabilities_of(whole, self._columns, manifest.temperatures),
            self.label_set,
            manifest.given_from,
        )
        probabilities = {name: values[0] for name, values in decided.probabilities.items()}
        second = self._second_opinion(call, whole[0])
        first = self.label_set.tasks[0].name
        is_unsure = float(probabilities[first].max()) < self.label_set.min_confidence
        # How much a call hurries is said also where nobody knows what it is about
        tasks = self.label_set.lone_ranks if is_unsure else probabilities.keys()
        answers = tuple(
            self._answer(task, probabilities[task.name], decided.best.get(task.name), call)
            for task in self.label_set.tasks
            if task.name in tasks
        )
        reason: Abstention = "uncertain" if is_unsure else ""
        windows = sum(len(each.logits) for each in logits)
        return Classification(answers, reason, windows, second, probabilities)

    def _second_opinion(self, call: _Read, logits: FloatArray) -> str:
        if self._embeddings is None:
            return ""
        return self._embeddings.second_opinion(" ".join(filter(None, call.spoken)), logits)

    def _answer(self, task: Task, probabilities: FloatArray, best: Any, call: _Read) -> Answer:
        raised = call.raised.get(task.name)
        if task.mode == "multi":
            given = [
                index
                for index in np.argsort(-probabilities)
                if probabilities[index] >= task.thresholds.get(task.names[index], task.threshold)
            ]
        else:
            given = [int(best[0])]
            if raised is not None and raised.label >= given[0]:
                labels = (_scored(task, raised.label, probabilities),)
                evidence = tuple(call.chosen[index] for index in raised.passages)
                return Answer(task.name, labels, evidence[:MAX_EVIDENCE], raised.rule)
        return Answer(task.name, tuple(_scored(task, index, probabilities) for index in given))

    def _with_evidence(
        self,
        read: Sequence[_Read],
        logits: Sequence[Sequence[ReadLogits]],
        found: Sequence[Classification],
    ) -> list[Classification]:
        """Return the answers with the passages that carried their first labels.

        Passages of the windows where a label is strongest are read once more, each alone: windows
        of the reading that every call has, which leaves no passage out.
        """
        places = {task.name: slice(task.start, task.stop) for task in self._columns}
        looked_at: list[list[int]] = []
        for call, part, one in zip(read, logits, found, strict=True):
            strengths = [
                part[0].logits[:, places[answer.task]][:, self._first(answer)]
                for answer in one.answers
                if answer.labels and not answer.raised_by and part
            ]
            asked = candidates(call.readings[0].windows, strengths) if strengths else []
            looked_at.append([index for index in asked if call.passages[index]])
        alone = self._logits(
            [
                call.passages[index]
                for call, asked in zip(read, looked_at, strict=True)
                for index in asked
            ]
        )
        ends = np.cumsum([len(asked) for asked in looked_at])
        parts = np.split(alone, ends[:-1]) if read else []
        return [
            self._evidenced(one, call, asked, part)
            for one, call, asked, part in zip(found, read, looked_at, parts, strict=True)
        ]

    def _evidenced(
        self, one: Classification, call: _Read, asked: Sequence[int], alone: FloatArray
    ) -> Classification:
        if not len(asked):
            return one
        each = decide(
            probabilities_of(alone, self._columns, self._manifest.temperatures), self.label_set, {}
        ).probabilities
        passages = [call.chosen[index] for index in asked]
        answers = tuple(
            answer
            if answer.raised_by or not answer.labels
            else Answer(
                answer.task,
                answer.labels,
                strongest(passages, each[answer.task][:, self._first(answer)]),
            )
            for answer in one.answers
        )
        return Classification(
            answers, one.abstained, one.windows, one.second_opinion, one.probabilities
        )

    def _first(self, answer: Answer) -> int:
        return self.label_set.task(answer.task).names.index(answer.labels[0].label)


def _spoken(
    label_set: LabelSet, call: Sequence[Passage]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return which passages are read, and their spoken forms."""
    chosen = tuple(label_set.classified([passage.party for passage in call]))
    return chosen, tuple(spoken_form(call[index].text[:MAX_CHARACTERS]) for index in chosen)


def _raised_answers(
    label_set: LabelSet, raised: Mapping[str, Raised], chosen: Sequence[int]
) -> tuple[Answer, ...]:
    """Return the answers that rules alone give."""
    return tuple(
        Answer(
            task.name,
            (ScoredLabel(label=task.names[rule.label], confidence=NO_CONFIDENCE),),
            tuple(chosen[index] for index in rule.passages)[:MAX_EVIDENCE],
            rule.rule,
        )
        for task in label_set.tasks
        if (rule := raised.get(task.name)) is not None
    )


def _scored(task: Task, index: int, probabilities: FloatArray) -> ScoredLabel:
    confidence = min(1.0, max(0.0, round(float(probabilities[index]), 6)))
    return ScoredLabel(label=task.names[index], confidence=confidence)
