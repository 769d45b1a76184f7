"""A classification model of a few kilobytes: each word of a list speaks for one label.

Nothing here needs torch: workers and agents are tested with it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import onnx

from models.classification.classifier import Passage
from models.classification.label_set import load_label_set
from models.classification.manifest import FORMAT, Aggregation, ClassificationManifest
from models.classification.readings import Reading
from models.text.encoder import SpecialTokens
from tests.support.models.tiny_turns import PIECES, table_graph, tiny_tokenizer

TASKS = """
[[tasks]]
name = "main"
title = "Main"
labels = [
    { name = "Time", definition = "When something is" },
    { name = "Contact", definition = "How to reach somebody" },
]

[[tasks]]
name = "sub"
title = "Sub"
parent = "main"
labels = [
    { name = "Day", parent = "Time", definition = "Monday or today" },
    { name = "Hour", parent = "Time", definition = "Noon or morning" },
    { name = "Phone", parent = "Contact", definition = "A phone number" },
]

[[tasks]]
name = "flags"
title = "Flags"
mode = "multi"
labels = [
    { name = "Polite", definition = "Says thank you" },
    { name = "Asks", definition = "Says please" },
]
"""
LABEL_SET = f"""
name = "tiny"
version = 2
title = "Tiny"
reads = "customer"
min_words = 3

{TASKS}
[[tasks]]
name = "priority"
title = "Priority"
is_ranked = true
labels = [
    {{ name = "Low", definition = "Nothing hurries" }},
    {{ name = "High", definition = "Somebody is in danger" }},
]

[[alerts]]
kind = "urgent"
task = "priority"
label = "High"
severity = "critical"

[[alerts]]
kind = "certain_phone"
task = "sub"
label = "Phone"
severity = "info"
confidence = 0.9

[[floor]]
name = "in_danger"
task = "priority"
label = "High"
phrases = ["i need * now", "he has a knife"]
unless = ["in the film"]

[[abstentions]]
reason = "wrong_number"
phrases = ["wrong number"]
max_words = 10
"""
WEIGHTS = {
    ("main", "Time"): ("monday", "today", "noon", "morning"),
    ("main", "Contact"): ("phone", "number"),
    ("sub", "Day"): ("monday", "today"),
    ("sub", "Hour"): ("noon", "morning"),
    ("sub", "Phone"): ("phone", "number"),
    ("flags", "Polite"): ("thank",),
    ("flags", "Asks"): ("please",),
    ("priority", "High"): ("seven",),
}
STRENGTH = 2.0  # of a word; sums of it are exact, so that their order is no matter
UNSAID = -1.0  # spread over the tokens around a text: flags that nobody speaks for do not hold


def said(*texts: str) -> list[Passage]:
    """Return a call whose odd turns are the customer's."""
    return [
        Passage(text, "customer" if number % 2 == 0 else "agent", f"t{number}")
        for number, text in enumerate(texts)
    ]


def write_classifier(
    folder: Path,
    *,
    name: str = "tiny",
    label_set: str = LABEL_SET,
    strength: float = STRENGTH,
    aggregation: Aggregation = "mean",
    max_tokens: int = 32,
    readings: tuple[Reading, ...] = (),
) -> Path:
    """Return the manifest of a model; the files are replaced with the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    labels_file = folder / f"{name}.labels.toml"
    labels_file.write_text(label_set, "utf-8")
    tasks = {task.name: task.names for task in load_label_set(labels_file).tasks}
    graph = _graph(tasks, strength).SerializeToString()
    tokenizer = tiny_tokenizer().to_str().encode()
    manifest = ClassificationManifest(
        name=name,
        format=FORMAT,
        file=f"{name}.onnx",
        sha256=hashlib.sha256(graph).hexdigest(),
        other_files={
            f"{name}.tokenizer.json": hashlib.sha256(tokenizer).hexdigest(),
            labels_file.name: hashlib.sha256(label_set.encode()).hexdigest(),
        },
        label_set_file=labels_file.name,
        tokenizer_file=f"{name}.tokenizer.json",
        special_tokens=SpecialTokens(first=2, last=3, padding=0),
        tasks=tasks,
        max_tokens=max_tokens,
        overlap_tokens=8,
        aggregation=aggregation,
        readings=readings,
    )
    path = folder / f"{name}.json"
    for file, content in (
        (folder / f"{name}.onnx", graph),
        (folder / f"{name}.tokenizer.json", tokenizer),
        (path, msgspec.json.encode(manifest)),
    ):
        file.with_suffix(".new").write_bytes(content)
        file.with_suffix(".new").replace(file)
    return path


def _graph(tasks: Mapping[str, tuple[str, ...]], strength: float) -> onnx.ModelProto:
    """Return a graph that adds up a row of a table for each token."""
    columns = [(task, label) for task, labels in tasks.items() for label in labels]
    table = np.zeros((len(PIECES), len(columns)), np.float32)
    for number, column in enumerate(columns):
        for word in WEIGHTS.get(column, ()):
            table[PIECES.index(word), number] = strength
        if column[0] == "flags":
            table[PIECES.index("[CLS]"), number] = UNSAID
    return table_graph(table, (len(columns),))
