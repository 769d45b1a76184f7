"""The folders of the speech trainings: data and results."""

from __future__ import annotations

from pathlib import Path

import msgspec


class SpeechFolders(msgspec.Struct, frozen=True):
    """The folders of a run.

    Attributes:
        data: With ``text``, ``speech`` and ``augment``.
        work: For everything that is made: shards, checkpoints, evaluation sets.
    """

    data: Path
    work: Path

    @property
    def text(self) -> Path:
        """Return the folder of the sentences to synthesise."""
        return self.data / "text"

    @property
    def recordings(self) -> Path:
        """Return the folder of the archives of real speech."""
        return self.data / "speech"

    @property
    def augment(self) -> Path:
        """Return the folder of noises and hold music."""
        return self.data / "augment"

    @property
    def synthetic(self) -> Path:
        """Return the folder of the shards of synthesised speech."""
        return self.work / "synthetic"

    @property
    def real(self) -> Path:
        """Return the folder of real speech for training, with a folder for each corpus."""
        return self.work / "real" / "train"

    @property
    def real_test(self) -> Path:
        """Return the folder of held-out real speech, with a folder for each corpus."""
        return self.work / "real" / "test"

    @property
    def voices(self) -> Path:
        """Return the folder of the evaluation set of unheard voices."""
        return self.work / "eval" / "voices"

    @property
    def development(self) -> Path:
        """Return the folder of the development sentences."""
        return self.work / "eval" / "dev"
