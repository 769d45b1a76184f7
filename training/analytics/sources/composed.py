"""Reader of generated calls: their answers follow from what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from models.console import WorkProgress
from training.analytics.composed import generator
from training.analytics.composed.dialogues import read_dialogues
from training.analytics.sources.contexts import complete_context
from training.analytics.sources.protocol import Found
from training.core.errors import RecipeError
from training.core.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.analytics.sources.protocol import Reading
    from training.analytics.sources.recipe import Composed


def read_composed(reading: Reading[Composed]) -> Iterator[Found]:
    """Yield the calls of every split.

    Raises:
        MissingDataError: The dialogues are not there.
        RecipeError: The calls are analysed by another guide.
    """
    source = reading.source
    dialogues = read_dialogues(reading.data / source.dialogues) if source.dialogues else ()
    with WorkProgress() as progress:
        for split in SPLITS:
            count = getattr(source, split)
            task = progress.add_task(f"{reading.name}: {split}", total=count)
            for example in generator.generate(
                split, count, reading.seed, source.noise_share, dialogues
            ):
                if example.guide != reading.guide.versioned_name:
                    raise RecipeError(
                        f"the source {reading.name!r} is analysed by {example.guide}, not by "
                        f"{reading.guide.versioned_name}"
                    )
                context, remarks = complete_context(example.context, reading.calendar)
                progress.advance(task)
                yield Found(replace(example, context=context), split, remarks)


def composed_files(source: Composed, data: Path) -> list[Path]:
    """Return the code and the texts that calls are generated from, and the dialogues."""
    folder = Path(generator.__file__).parent
    own = [path for path in folder.rglob("*") if path.suffix in {".py", ".toml"}]
    dialogues = (data / source.dialogues).glob("*.jsonl.gz") if source.dialogues else ()
    return sorted([*own, *dialogues])
