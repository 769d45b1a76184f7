"""CTranslate2's ``model.bin``: a list of named arrays and of further names for them.

Source: CTranslate2 ``python/ctranslate2/specs/model_spec.py``, binary version 6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

BINARY_VERSION = 6
_TYPES: tuple[Any, ...] = (
    np.float32,
    np.int8,
    np.int16,
    np.int32,
    np.float16,
    ml_dtypes.bfloat16,
)  # their places are their numbers in the file
_SCALE = "_scale"


@dataclass(frozen=True, slots=True)
class Ctranslate2File:
    """What the file says.

    Attributes:
        specification: Name of the kind of network.
        revision: Of the specification.
        arrays: By name, in the type of the file, names of the second list included.
    """

    specification: str
    revision: int
    arrays: dict[str, npt.NDArray[Any]]

    def tensor(self, name: str) -> npt.NDArray[np.float32]:
        """Return an array in fp32; integers are divided by their scale, one for each row or all.

        Raises:
            ModelIntegrityError: There is none, or it is quantised in another way.
        """
        array = self.arrays.get(name)
        if array is None:
            raise ModelIntegrityError(f"there is no tensor {name}")
        if not np.issubdtype(array.dtype, np.integer):
            return array.astype(np.float32)
        scale = self.arrays.get(f"{name}{_SCALE}")
        if scale is None or scale.shape not in ((), array.shape[:1]):
            raise ModelIntegrityError(f"{name} is quantised in a way that is not read here")
        rows = scale.astype(np.float32).reshape(-1, *([1] * (array.ndim - 1)))
        return (array / rows).astype(np.float32)

    def tensor_names(self) -> set[str]:
        """Return the names of all weights: scales, and settings of one number, are left out."""
        return {
            name
            for name, array in self.arrays.items()
            if array.ndim and not (name.endswith(_SCALE) and name[: -len(_SCALE)] in self.arrays)
        }

    def setting(self, name: str, default: int) -> int:
        """Return a setting of one number."""
        found = self.arrays.get(name)
        return default if found is None else int(found)


def read_ctranslate2_file(path: Path) -> Ctranslate2File:
    """Return what a file holds.

    Raises:
        ModelIntegrityError: Not such a file, damaged, or of another version.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        reader = _Reader(memoryview(file.read()))
    try:
        version = reader.number("I")
        if version != BINARY_VERSION:
            raise ModelIntegrityError(
                f"{path}: version {version} of CTranslate2's format, not {BINARY_VERSION}: "
                "convert the weights again with a current CTranslate2"
            )
        specification, revision = reader.text(), reader.number("I")
        arrays = dict(reader.array() for _ in range(reader.number("I")))
        for _ in range(reader.number("I")):
            alias, name = reader.text(), reader.text()
            arrays[alias] = arrays[name]
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise ModelIntegrityError(f"{path} is no CTranslate2 model, or damaged ({error})") from (
            error
        )
    return Ctranslate2File(specification, revision, arrays)


class _Reader:
    """Takes values from the beginning of the content to its end."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._at = 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f"<{kind}", self._content, self._at)
        self._at += struct.calcsize(f"<{kind}")
        return int(value)

    def text(self) -> str:
        return bytes(self._bytes(self.number("H"))).removesuffix(b"\0").decode()

    def array(self) -> tuple[str, npt.NDArray[Any]]:
        name = self.text()
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind = _TYPES[self.number("B")]
        return name, np.frombuffer(self._bytes(self.number("I")), kind).reshape(shape)

    def _bytes(self, length: int) -> memoryview:
        self._at += length
        if self._at > len(self._content):
            raise ValueError("it ends too early")
        return self._content[self._at - length : self._at]
