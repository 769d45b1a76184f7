"""A base model of each architecture with a PEFT adapter, and what PEFT answers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
import torch
from peft import PeftModel

from tests.support.analytics.tiny_llm import (
    KINDS,
    load_hugging_face,
    logits_of,
    make_gguf,
    make_hugging_face,
    make_peft,
)

if TYPE_CHECKING:
    from pathlib import Path


class Bases:
    """A base of one architecture in its forms, with an adapter of its upper two layers."""

    TOKENS = (258, *b"where is my parcel", 259)

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.hugging_face = make_hugging_face(folder / "hf", kind)
        self.gguf = make_gguf(self.hugging_face, folder / "base.gguf")
        self.peft = make_peft(self.hugging_face, folder / "peft", layers=(1, 2))

    @cached_property
    def logits_with_peft(self) -> Any:
        """Those of the base with its adapter, by PEFT."""
        model = PeftModel.from_pretrained(load_hugging_face(self.hugging_face), self.peft)
        return logits_of(model, self.TOKENS)

    @cached_property
    def logits(self) -> Any:
        """Those of the base alone."""
        return logits_of(load_hugging_face(self.hugging_face), self.TOKENS)

    def logits_of_peft(self, folder: Path) -> Any:
        """Return those of the base with another adapter, by PEFT."""
        model = PeftModel.from_pretrained(load_hugging_face(self.hugging_face), folder)
        return logits_of(model, self.TOKENS)

    def logits_of_gguf(self, path: Path) -> Any:
        """Return those of a whole GGUF file, by transformers."""
        model = KINDS[self.kind].from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32
        )
        return logits_of(model.eval(), self.TOKENS)


@pytest.fixture(scope="session", params=["llama", "qwen2"])
def bases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bases:
    """Return the bases of one architecture; whoever gets them leaves them as they are."""
    return Bases(tmp_path_factory.mktemp(request.param), request.param)
