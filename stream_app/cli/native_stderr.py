"""Keep C libraries from writing between our lines."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def own_stderr() -> Iterator[TextIO]:
    """Yield a stream to stderr that is ours alone; what C code writes there meanwhile is dropped.

    An MP3 decoder reports every damaged frame so; what matters of it is raised as an error.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with os.fdopen(os.dup(2), "w", buffering=1, errors="replace") as stream:
            _point_stderr_at(os.devnull)
            yield stream
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _point_stderr_at(path: str) -> None:
    nowhere = os.open(path, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
