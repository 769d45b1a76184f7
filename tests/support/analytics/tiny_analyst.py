"""A tiny model of random weights with the manifest of an analytics model."""

from pathlib import Path

from models.analytics.guide import FOLDER
from models.analytics.manifest import FORMAT, AnalyticsManifest
from models.analytics.turns import SpokenTurn, TemporalContext
from models.store.manifest import sha256_of, write_manifest
from tests.support.analytics.tiny_llm import make_gguf, make_hugging_face, make_peft
from training.analytics.adapters.bases import read_shape
from training.analytics.adapters.gguf_adapter import write_gguf
from training.analytics.adapters.peft_folder import read_peft

SAID = ("good morning how can i help", "my parcel is lost", "i am sorry to hear that", "thanks bye")


def make_base(folder: Path) -> Path:
    """Write a base model in both forms (``hf``, ``base.gguf``); return its GGUF file."""
    return make_gguf(
        make_hugging_face(folder / "hf", max_position_embeddings=2048), folder / "base.gguf"
    )


def make_version(base: Path, folder: Path, name: str = "tiny") -> Path:
    """Write an adapter of a base with the guide that ships; return the manifest."""
    hugging_face = base.with_name("hf")
    make_peft(hugging_face, folder / "peft", layers=(1, 2))
    for each in (folder / "peft").iterdir():
        if each.suffix == ".md":
            each.unlink()
    shape = read_shape(hugging_face)
    write_gguf(read_peft(folder / "peft"), folder / "adapter.gguf", shape)
    (folder / "guide.toml").write_bytes((FOLDER / "contact-centre.toml").read_bytes())
    others = [folder / "guide.toml", *sorted((folder / "peft").iterdir())]
    manifest = AnalyticsManifest(
        name=name,
        format=FORMAT,
        file="adapter.gguf",
        sha256=sha256_of(folder / "adapter.gguf"),
        other_files={str(each.relative_to(folder)): sha256_of(each) for each in others},
        base=str(base),
        base_sha256=sha256_of(base),
        guide_file="guide.toml",
        gguf_adapter="adapter.gguf",
        peft_folder="peft",
        max_prompt_tokens=400,  # of a byte or two
    )
    return write_manifest(manifest, folder / f"{name}.json")


def call_of(number: int, turns: int = 4) -> tuple[list[SpokenTurn], TemporalContext]:
    """Return a call; those of two numbers differ."""
    spoken = [
        SpokenTurn("agent" if n % 2 == 0 else "customer", f"{SAID[(n + number) % 4]} {number}")
        for n in range(turns)
    ]
    return spoken, TemporalContext(day_of_week="Monday", queue_wait_time_seconds=number)
