"""Models of one word: files, manifests and loading as those of real ones."""

import hashlib
from pathlib import Path

import msgspec

from models.store.layout import ModelKind
from models.store.manifest import WeightsManifest, load_manifest, verified_weights
from models.store.versioned import VersionedStore
from schemas.errors import ModelIntegrityError

KIND = ModelKind(title="word model", bundled="words", hint="write one with `write_word`")
GRAPH, MANIFEST = "word.bin", "word.json"
LATER_S = 10_000.0


class WordModel:
    """A loaded model that answers with the word of its file."""

    def __init__(self, name: str, word: str) -> None:
        self.name = name
        self.word = word


class Clock:
    """A wall clock far from every file's time, unless it is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def graph_of(word: str) -> bytes:
    """Return the file of a model."""
    return f"word: {word}".encode()


def manifest_of(word: str, graph: str = GRAPH) -> bytes:
    """Return the manifest of a model."""
    manifest = WeightsManifest(
        name=word, format="word", file=graph, sha256=hashlib.sha256(graph_of(word)).hexdigest()
    )
    return msgspec.json.encode(manifest)


def write_word(folder: Path, word: str, stem: str = "word") -> Path:
    """Return the manifest of a model that was written into a folder, the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.bin").write_bytes(graph_of(word))
    path = folder / f"{stem}.json"
    path.write_bytes(manifest_of(word, f"{stem}.bin"))
    return path


def load_word(manifest: Path) -> WordModel:
    """Return the model of a manifest.

    Raises:
        ModelIntegrityError: Its file is damaged, or says ``broken``.
    """
    about = load_manifest(manifest, WeightsManifest)
    word = verified_weights(manifest, about).read_text().removeprefix("word: ")
    if word == "broken":
        raise ModelIntegrityError(f"{manifest}: it cannot be run")
    return WordModel(about.versioned_name, word)


def open_store(
    path: Path, clock: Clock, *, others: tuple[str, ...] = (), keep: int = 0
) -> VersionedStore[WordModel]:
    """Return a store of such models."""
    return VersionedStore(str(path), KIND, load_word, others=others, keep=keep, now=clock)


def served(store: VersionedStore[WordModel], alias: str = "champion") -> list[str]:
    """Return the words that are served under an alias."""
    return [model.word for model in store.version(alias).models]
