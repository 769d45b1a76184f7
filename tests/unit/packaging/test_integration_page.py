"""The page of the contract is what the code says, and its programs are short."""

import re
from pathlib import Path

import pytest

from schemas.audio import AudioChunk
from schemas.audio_forms import FORMS
from schemas.base import Message
from schemas.catalogue import MESSAGE_TYPES, TOPICS
from schemas.descriptions import structs_of
from stream_app.contract.page import page
from stream_app.contract.producers import FOLDER, PROGRAMS
from stream_app.contract.writing import DECODE_US

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "integration.md"
MAX_LINES = 30
KINDS = tuple(dict.fromkeys(kind for message in MESSAGE_TYPES for kind in structs_of(message)))


def section(title: str) -> str:
    """Return what stands below a heading of a type."""
    _, _, rest = page().partition(f"#### {title}\n")
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), (
        "run: python -m stream_app.contract.page > docs/integration.md"
    )


def test_every_topic_has_a_row_with_its_messages() -> None:
    for spec in TOPICS:
        (row,) = re.findall(rf"^\| `{re.escape(spec.name)}` .*$", page(), re.MULTILINE)
        assert re.findall(r"`(\w+\.v1)`", row) == [t.__struct_config__.tag for t in spec.types]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_of_every_type_has_a_row(kind: type) -> None:
    names = re.findall(r"^\|(?: \d+ \|)? `(\w+)` \|", section(kind.__name__), re.MULTILINE)
    fields: tuple[str, ...] = kind.__struct_fields__  # type: ignore[attr-defined]

    assert tuple(names) == (fields[3:] if fields[:3] == Message.__struct_fields__ else fields)


def test_the_positions_of_a_chunk_are_those_of_its_array() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", section("AudioChunk"), re.MULTILINE)

    names = ["schema", *AudioChunk.__struct_fields__]
    assert [(int(place), name) for place, name in rows] == [*enumerate(names)][4:]


def test_every_link_within_the_pages_leads_to_a_heading() -> None:
    for name in ("integration.md", "connecting.md"):
        text = (PAGE.parent / name).read_text()
        for target, anchor in re.findall(r"\]\(([\w.]*)#([^)]+)\)", text):
            page_text = (PAGE.parent / (target or name)).read_text()
            headings = re.findall(r"^#+ (.+)$", page_text, re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
            assert anchor in slugs, f"{name}: {target}#{anchor}"


def test_the_programs_stand_on_the_page_and_are_short() -> None:
    files = {path.name for path in FOLDER.iterdir()}
    assert files == {file for _, file, _, _ in PROGRAMS}
    for file in files:
        code = (FOLDER / file).read_text()
        assert code.count("\n") <= MAX_LINES, file
        assert code in page()


def test_each_form_has_a_program_and_a_cost() -> None:
    assert {form.name for *_, form in PROGRAMS} == {form.name for form in FORMS}
    assert DECODE_US.keys() == {form.name for form in FORMS}
