"""Where a training computes."""

from __future__ import annotations

import pytest
import torch

from training.core.devices import choose_device, torch_threads
from training.core.errors import RecipeError


@pytest.mark.parametrize(("has_cuda", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_cuda_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, *, has_cuda: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)

    assert choose_device("auto").type == expected
    assert choose_device("cpu").type == "cpu"


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    with pytest.raises(RecipeError, match="'cuda'"):
        choose_device("cuda")
    with pytest.raises(RecipeError, match="'mps'"):
        choose_device("mps")


def test_threads_are_given_back_after_a_failure() -> None:
    before = torch.get_num_threads()
    inside: list[int] = []

    def fail() -> None:
        with torch_threads(before + 1):
            inside.append(torch.get_num_threads())
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert inside == [before + 1]
    assert torch.get_num_threads() == before
