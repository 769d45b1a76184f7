"""A store under any sequence of changes of its files."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from models.store.layout import ALIASES_FILE
from models.store.versioned import Refusal, Swap
from tests.support.examples import examples
from tests.support.models.stored_models import (
    GRAPH,
    LATER_S,
    MANIFEST,
    Clock,
    WordModel,
    graph_of,
    manifest_of,
    open_store,
    write_word,
)

WORDS = ("red", "green", "blue", "broken")
VERSIONS = ("v1", "v2", "v3")
ALIASES = (
    b'{"champion": "v1"}',
    b'{"champion": "v2", "shadow": "v1"}',
    b'{"champion": "v3", "shadow": "v2"}',
    b'{"champion": "v9"}',
    b"{",
    b"{}",
)

Change = Callable[[Path], None]


def write(name: str, file: str, content: bytes) -> Change:
    def change(folder: Path) -> None:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / file).write_bytes(content)

    return change


def remove(name: str, file: str) -> Change:
    return lambda folder: (folder / name / file).unlink(missing_ok=True)


contents = st.one_of(
    st.tuples(st.just(GRAPH), st.sampled_from(WORDS).map(graph_of)),
    st.tuples(st.just(MANIFEST), st.sampled_from(WORDS).map(manifest_of)),
    st.tuples(st.sampled_from([GRAPH, MANIFEST]), st.just(b'half of "sha256')),
)
changes = st.one_of(
    st.tuples(st.sampled_from(VERSIONS), contents).map(lambda c: write(c[0], *c[1])),
    st.tuples(st.sampled_from(VERSIONS), st.sampled_from([GRAPH, MANIFEST])).map(
        lambda c: remove(*c)
    ),
    st.sampled_from(ALIASES).map(lambda content: write(".", ALIASES_FILE, content)),
    st.just(remove(".", ALIASES_FILE)),
)


@examples(150)
@given(steps=st.lists(st.lists(changes, max_size=3), max_size=12), is_settled=st.booleans())
def test_what_is_served_is_always_a_whole_verified_version(
    steps: list[list[Change]], *, is_settled: bool
) -> None:
    """Whatever happens to the files, in whatever order, and whenever somebody looks."""
    with tempfile.TemporaryDirectory() as name:
        folder, clock = Path(name), Clock()
        write_word(folder / "v1", "red")
        store = open_store(folder, clock, others=("shadow",))
        handed_out: list[tuple[WordModel, str]] = []
        for step in steps:
            for change in step:
                change(folder)
            before = {alias: store.version(alias).names for alias in ("champion", "shadow")}
            clock.now_s = 0.0 if is_settled else newest(folder) + 0.1
            told = {each.alias: each for each in store.refresh()}

            for alias, names in before.items():
                version = store.version(alias)
                for model in version.models:
                    assert model.name.partition("@")[0] == model.word != "broken"
                    handed_out.append((model, model.word))
                match told.get(alias):
                    case Swap() as swap:
                        assert (swap.before, swap.after) == (names, version.names)
                    case Refusal(kept=kept):
                        assert kept == names == version.names
                    case None:
                        assert names == version.names
            assert len(store.champion.models) == 1
            clock.now_s += LATER_S
        store.refresh()
        assert store.refresh() == []  # nothing is told twice
        assert all(model.word == word for model, word in handed_out)


def newest(folder: Path) -> float:
    return max((file.stat().st_mtime for file in folder.rglob("*") if file.is_file()), default=0)
