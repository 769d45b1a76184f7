"""The section of producers: whole programs, which tests run."""

from pathlib import Path

from schemas.audio_forms import ARRAY, JSON, MAP, Form

FOLDER = Path(__file__).parents[2] / "docs" / "producers"
TEXT = """\
## Producers

Each sends a recording as a call, 100 ms at a time, as fast as it goes; a gateway sends each chunk
as it is captured, and looks at the outcome. Tests run them against Apache Kafka (the first also
against the embedded broker) and compare what comes of the call with `callstream replay` of the
same file. They stand in `docs/producers/`.
"""
PROGRAMS: tuple[tuple[str, str, str, Form], ...] = (
    ("Python", "producer.py", "aiokafka and msgspec", ARRAY),
    ("Java 17", "Producer.java", "kafka-clients on the class path", JSON),
    ("Node 20", "producer.mjs", "kafkajs and @msgpack/msgpack", MAP),
)


def producer_section() -> str:
    """Return the section."""
    return "\n".join((TEXT, *(_program(*program) for program in PROGRAMS)))


def _program(language: str, file: str, needs: str, form: Form) -> str:
    code = (FOLDER / file).read_text(encoding="utf-8")
    fence = file.rpartition(".")[2].replace("mjs", "js").replace("py", "python")
    head = f"### {language}, {form.name}\n\nNeeds {needs}.\n"
    return f'{head}\n```{fence} title="{file}"\n{code}```\n'
