"""Small archives in the form of the corpora of real speech, of tones."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

_RATE_HZ = 16_000
_ARCHIVES = {
    "librispeech": "librispeech.tar",
    "harper_valley": "harper_valley.tar",
    "kathleen": "kathleen.tar",
    "ljspeech": "ljspeech.tar",
    "speechocean762": "speechocean762-train.tar",
    "fsdd": "fsdd.tar",
}
_MANIFESTS = {
    "librispeech": "file\tspeaker\trole\ttext\na.opus\t1\ttrain\t\nb.opus\t2\ttest\theld out\n",
    "harper_valley": "file\ttask\ttext\na.opus\treplace card\tmy card\nb.opus\tbalance\tno bye\n",
    "kathleen": "file\ttext\n",
    "ljspeech": "file\ttext\n",
    "speechocean762": "file\tspeaker\tage\ttext\n",
}


def write_speech_corpora(speech_folder: Path) -> None:
    """Write two recordings of librispeech and two calls, of peak 0.1; the others are empty."""
    for corpus, archive_name in _ARCHIVES.items():
        folder = speech_folder / corpus
        folder.mkdir(parents=True)
        if corpus in _MANIFESTS:
            (folder / "manifest.tsv").write_text(_MANIFESTS[corpus], "utf-8")
        with tarfile.open(folder / archive_name, "w") as archive:
            for name in ("a.opus", "b.opus") if "opus" in _MANIFESTS.get(corpus, "") else ():
                content = _tone()
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def _tone() -> bytes:
    content = io.BytesIO()
    clock = np.arange(_RATE_HZ) / _RATE_HZ
    soundfile.write(content, 0.1 * np.sin(2 * np.pi * 300 * clock), _RATE_HZ, format="WAV")
    return content.getvalue()
