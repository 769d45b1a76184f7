"""Label sets: what calls can be, as data.

A label set is one TOML file: its tasks with their labels, which label belongs to which of a parent
task, when an alert is raised, and the phrases that raise a label whatever the model says. Those
that ship lie in ``models/classification/label_sets``; others are given by their path.
"""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from models.store.files import is_file_name
from models.text.spoken_form import spoken_form
from schemas.base import MAX_NAME
from schemas.classification import MAX_LABELS, MAX_TASKS
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FOLDER = Path(__file__).parent / "label_sets"
Severity = Literal["info", "warning", "high", "critical"]
# Fields of the flat answer of the API, which has the tasks beside them
TAKEN_NAMES = frozenset(
    {"case_id", "label_set", "abstained", "processing_time", "model_info", "timestamp"}
)
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One label of a task.

    Attributes:
        name: As answers give it.
        definition: When it holds, for people and for the similarity of texts.
        parent: Label of the parent task that it belongs to; empty where the task has none.
        spellings: Other names that input may have.
    """

    name: Name
    definition: str
    parent: str = ""
    spellings: tuple[str, ...] = ()


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One respect in which calls differ.

    Attributes:
        name: As answers give it.
        title: For people.
        labels: In the order of the model's outputs; of a ranked task the lowest first.
        parent: Task whose label follows from this one's; the two are decided together.
        mode: ``single``: one label. ``multi``: each label holds or not, by its threshold.
        threshold: Probability from which a label of a ``multi`` task holds.
        thresholds: Those of labels that have one of their own.
        is_ranked: Its labels rise, so that a rule may raise but never lower it; each call has one.
    """

    name: Name
    title: str
    labels: tuple[Label, ...]
    parent: str = ""
    mode: Literal["single", "multi"] = "single"
    threshold: Probability = 0.5
    thresholds: dict[str, Probability] = {}
    is_ranked: bool = False

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its labels, in order."""
        return tuple(label.name for label in self.labels)

    @cached_property
    def _by_spelling(self) -> dict[str, str]:
        return {
            _folded(spelling): label.name
            for label in self.labels
            for spelling in (*label.spellings, label.name)
        }

    def label_of(self, text: str) -> str | None:
        """Return the name of a label from any of its spellings; None where there is none."""
        return self._by_spelling.get(_folded(text))


class AlertRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a classified call is an alert.

    Attributes:
        kind: Of the alert.
        task: Of the label set.
        label: That raises it.
        severity: Of the alert.
        confidence: From which the model's label counts; a label that a rule raised always does.
    """

    kind: Name
    task: str
    label: str
    severity: Severity = "high"
    confidence: Probability = 0.5


class FloorRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrases that raise a label of a ranked task, whatever the model says.

    Attributes:
        name: Of the rule, as answers give it.
        task: That is raised.
        label: The least that holds once a phrase was said.
        phrases: Any of them counts; compared word by word in spoken form. ``*`` stands for up to
            three words.
        unless: Phrases that silence those of the rule which they overlap; one that overlaps none
            silences those near it (see `models.classification.rules`).
    """

    name: Name
    task: str
    label: str
    phrases: tuple[str, ...]
    unless: tuple[str, ...] = ()


class AbstentionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrases by which a short call turns out to be none for this label set.

    Attributes:
        reason: Given with the answer.
        phrases: As in `FloorRule`.
        max_words: A call with more words is classified whatever it says.
    """

    reason: Literal["wrong_number", "prank"]
    phrases: tuple[str, ...]
    max_words: int = 60


class LabelSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What calls of one kind of service can be.

    Attributes:
        name: Of the label set.
        version: Grows with every change of tasks or labels.
        title: For people.
        languages: BCP 47 codes of the calls that it is for.
        reads: Whose turns are classified: everybody's, or the customers' where there are any.
        min_words: A call with fewer is abstained from.
        min_confidence: A call that no label of the first task reaches it for is abstained from; its
            ranked tasks are answered all the same.
        tasks: In the order of the model's outputs.
        alerts: When a classified call is an alert.
        floor: What raises a label whatever the model says.
        abstentions: By which a call turns out to be none.
    """

    name: Name
    version: int
    title: str
    tasks: tuple[Task, ...]
    languages: tuple[str, ...] = ("en",)
    reads: Literal["all", "customer"] = "all"
    min_words: int = 3
    min_confidence: Probability = 0.0
    alerts: tuple[AlertRule, ...] = ()
    floor: tuple[FloorRule, ...] = ()
    abstentions: tuple[AbstentionRule, ...] = ()

    @cached_property
    def versioned_name(self) -> str:
        """Name and version, as messages name it."""
        return f"{self.name}-{self.version}"

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        return {task.name: task for task in self.tasks}

    @cached_property
    def lone_ranks(self) -> frozenset[str]:
        """The names of the ranked tasks that are decided alone: without parent or children."""
        parents = {task.parent for task in self.tasks}
        ranked = (task for task in self.tasks if task.is_ranked and not task.parent)
        return frozenset(task.name for task in ranked if task.name not in parents)

    def task(self, name: str) -> Task:
        """Return a task.

        Raises:
            ConfigurationError: There is none of that name.
        """
        try:
            return self._tasks[name]
        except KeyError as error:
            known = ", ".join(self._tasks)
            raise ConfigurationError(
                f"the label set {self.name!r} has no task {name!r}, but {known}"
            ) from error

    def classified(self, parties: Sequence[str]) -> list[int]:
        """Return the indexes of the turns that are classified, by who says each.

        Args:
            parties: ``agent``, ``customer`` or ``unknown``, one a turn.

        Returns:
            All, or where the label set reads customers the customers' turns if there are any.
        """
        heard = [index for index, party in enumerate(parties) if party == "customer"]
        return heard if heard and self.reads == "customer" else list(range(len(parties)))

    def parents(self, task: Task) -> tuple[int, ...]:
        """Return for each label of a task the index of its label in the parent task."""
        names = self.task(task.parent).names
        return tuple(names.index(label.parent) for label in task.labels)


def load_label_set(source: str | Path) -> LabelSet:
    """Return a label set.

    Args:
        source: Name of one that ships, or the path of a TOML file.

    Raises:
        ConfigurationError: There is none, or it contradicts itself.
    """
    path = FOLDER / f"{source}.toml" if str(source) in bundled_label_sets() else Path(source)
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        found = msgspec.convert(content, LabelSet)
    except OSError as error:
        raise ConfigurationError(
            f"no label set {str(source)!r}: give the path of a TOML file, or one of "
            f"{', '.join(bundled_label_sets())}"
        ) from error
    except (ValueError, RecursionError) as error:  # of TOML, of msgspec, of a path with a NUL
        raise ConfigurationError(f"the label set {path} is not valid: {error}") from error
    for problem in _problems(found):
        raise ConfigurationError(f"the label set {path}: {problem}")
    return found


def bundled_label_sets() -> tuple[str, ...]:
    """Return the names of the label sets that ship."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def _problems(found: LabelSet) -> Iterator[str]:
    """Yield what contradicts itself."""
    names = [task.name for task in found.tasks]
    if not 1 <= len(names) <= MAX_TASKS:
        yield f"it has {len(names)} tasks, not 1 to {MAX_TASKS}"
    for name in (found.name, *names):
        if name in TAKEN_NAMES or not is_file_name(name):
            yield f"no label set or task can be called {name!r}"
    yield from (f"the task {name!r} stands there twice" for name in _twice(names))
    for task in found.tasks:
        yield from _problems_of_task(found, task)
    yield from _problems_of_rules(found, names)


def _problems_of_rules(found: LabelSet, names: Sequence[str]) -> Iterator[str]:
    rules: tuple[AlertRule | FloorRule, ...] = (*found.alerts, *found.floor)
    for rule in rules:
        if rule.task not in names or rule.label not in found.task(rule.task).names:
            yield f"a rule names {rule.label!r} of {rule.task!r}, which there is not"
    for floor in found.floor:
        if floor.task in names and floor.task not in found.lone_ranks:
            yield f"the floor {floor.name!r} raises {floor.task!r}, no ranked task decided alone"
    phrases = [(f"the floor {each.name!r}", each.phrases, each.unless) for each in found.floor]
    phrases += [(f"the abstention {each.reason!r}", each.phrases, ()) for each in found.abstentions]
    for title, own, unless in phrases:
        if not own or not all(map(spoken_form, (*own, *unless))):
            yield f"{title} has a phrase without words, or none"


def _problems_of_task(found: LabelSet, task: Task) -> Iterator[str]:
    if len(task.labels) < 2:  # noqa: PLR2004  nothing to decide
        yield f"the task {task.name!r} has fewer than two labels"
    spellings = (spelling for label in task.labels for spelling in (*label.spellings, label.name))
    for name in _twice(_folded(each) for each in spellings):
        yield f"two labels of {task.name!r} are spelled {name!r}"
    unknown = task.thresholds.keys() - set(task.names)
    if unknown:
        yield f"{task.name!r} has thresholds for {', '.join(sorted(unknown))}, which there are not"
    if task.mode == "multi" and task.is_ranked:
        yield f"{task.name!r} is ranked, so that a call has one of its labels: its mode is single"
    if task.mode == "multi" and len(task.labels) > MAX_LABELS:
        yield f"{task.name!r} has more than {MAX_LABELS} labels, which one call may have"
    if task.parent:
        yield from _problems_of_child(found, task)


def _problems_of_child(found: LabelSet, task: Task) -> Iterator[str]:
    """Yield why a task and its parent cannot be decided together."""
    parents = [each for each in found.tasks if each.name == task.parent]
    if not parents or task.mode == "multi" or parents[0].mode == "multi":
        yield f"{task.name!r} wants a parent with one label a call, not {task.parent!r}"
        return
    if parents[0].parent:
        yield f"{task.parent!r} has a parent itself, so that it cannot be that of {task.name!r}"
    if [each.name for each in found.tasks if each.parent == task.parent] != [task.name]:
        yield f"{task.parent!r} is the parent of several tasks, and cannot agree with each of them"
    for label in task.labels:
        if label.parent not in parents[0].names:
            yield f"{label.name!r} of {task.name!r} belongs to {label.parent!r}, which there is not"
    childless = set(parents[0].names) - {label.parent for label in task.labels}
    if childless:
        yield f"{', '.join(sorted(childless))} of {task.parent!r} has no label of {task.name!r}"


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace("-", " ").replace("_", " ").split())
