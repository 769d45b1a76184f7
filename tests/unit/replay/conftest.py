"""Recordings in every container."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from numpy.typing import NDArray

WriteAudio = Callable[..., Path]


@pytest.fixture
def write_audio(tmp_path: Path) -> WriteAudio:
    """Return a function that writes samples through libsndfile and returns the path."""

    def write(name: str, samples: NDArray[Any], *, rate: int = 8000, **options: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate, **options)
        return path

    return write
