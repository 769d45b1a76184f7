"""``callstream train``: the training commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Train the bundled models, and models of your own.")

RecipeArgument = Annotated[Path, typer.Argument(help="Recipe, a TOML file.")]
DataOption = Annotated[Path, typer.Option("--data", help="Folder with text/, speech/, augment/.")]
WorkOption = Annotated[Path, typer.Option("--work", help="Folder for shards and checkpoints.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Change a recipe's setting: table.key=value.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the exported weights.")]
DemoOption = Annotated[Path, typer.Option("--demo-call", help="Folder of the demo call.")]

_DATA, _WORK = Path("data"), Path("runs/asr")
_WEIGHTS = Path("models/weights/asr")
_DEMO_CALL = Path("stream_app/assets/demo_call")


def _fail(error: Exception) -> typer.Exit:
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(1)


@app.command("asr")
def train_asr(  # noqa: PLR0913, typer options
    recipe: RecipeArgument,
    data: DataOption = _DATA,
    work: WorkOption = _WORK,
    out: OutOption = _WEIGHTS,
    changes: SetOption = None,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
) -> None:
    """Train the small Whisper: synthesise what is missing, train, export the weights."""
    from training.asr.export import export_checkpoint  # noqa: PLC0415
    from training.asr.pipeline import (  # noqa: PLC0415
        DataRoot,
        MissingDataError,
        prepare_real_speech,
        synthesise_all,
    )
    from training.asr.recipe import RecipeError, read_recipe  # noqa: PLC0415
    from training.asr.run import train  # noqa: PLC0415
    from training.asr.synthesis import SynthesiserMissingError  # noqa: PLC0415

    root = DataRoot(data=data, work=work)
    try:
        settings = read_recipe(recipe, changes or [])
        if not any(root.folders.synthetic.glob("*.msgpack")):
            prepare_real_speech(root)
            synthesise_all(settings, root)
        checkpoint = train(settings, root.folders, work / settings.name, resume=resume)
        card = export_checkpoint(checkpoint, out)
    except (RecipeError, MissingDataError, SynthesiserMissingError, OSError) as error:
        raise _fail(error) from error
    typer.echo(f"{out / card.file}  step {card.step}  sha256 {card.sha256}")


@app.command("asr-synthesise")
def synthesise_asr(
    recipe: RecipeArgument,
    data: DataOption = _DATA,
    work: WorkOption = _WORK,
    changes: SetOption = None,
) -> None:
    """Make the training speech of a recipe and the evaluation set of unheard voices."""
    from training.asr.pipeline import (  # noqa: PLC0415
        DataRoot,
        MissingDataError,
        prepare_real_speech,
        prepare_voice_set,
        synthesise_all,
    )
    from training.asr.recipe import RecipeError, read_recipe  # noqa: PLC0415
    from training.asr.synthesis import SynthesiserMissingError  # noqa: PLC0415

    root = DataRoot(data=data, work=work)
    try:
        settings = read_recipe(recipe, changes or [])
        prepare_real_speech(root)
        made = synthesise_all(settings, root)
        prepare_voice_set(root)
    except (RecipeError, MissingDataError, SynthesiserMissingError, OSError) as error:
        raise _fail(error) from error
    typer.echo(f"{made} utterances in {root.folders.synthetic}")


@app.command("asr-export")
def export_asr(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint of a run.")],
    out: OutOption = _WEIGHTS,
) -> None:
    """Write a checkpoint as openai-whisper weights with their card."""
    from training.asr.export import export_checkpoint  # noqa: PLC0415

    try:
        card = export_checkpoint(checkpoint, out)
    except OSError as error:
        raise _fail(error) from error
    typer.echo(f"{out / card.file}  step {card.step}  sha256 {card.sha256}")


@app.command("asr-evaluate")
def evaluate_asr(
    weights: Annotated[Path, typer.Argument(help="Exported weights (.pt).")],
    data: DataOption = _DATA,
    work: WorkOption = _WORK,
    demo_call: DemoOption = _DEMO_CALL,
    *,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into the card.")] = False,
) -> None:
    """Measure word error rates on the demo call, unheard voices and real speech."""
    import msgspec  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from training.asr.export import PAD_MS, add_figures  # noqa: PLC0415
    from training.asr.pipeline import (  # noqa: PLC0415
        DataRoot,
        evaluate_all,
        evaluate_silence,
    )

    try:
        root = DataRoot(data=data, work=work)
        scores = evaluate_all(weights, root, demo_call, pad_ms=PAD_MS)
        rejected = evaluate_silence(weights, root, pad_ms=PAD_MS)
    except OSError as error:
        raise _fail(error) from error
    table = Table("set", "WER", "utterances", "words", "sub", "del", "ins")
    for name, score in scores.items():
        errors = (score.substitutions, score.deletions, score.insertions)
        counts = (score.utterances, score.words, *errors)
        table.add_row(name, f"{score.word_error_rate:.1%}", *map(str, counts))
    Console().print(table)
    typer.echo(f"said to hold no speech: {rejected}")
    if write:
        figures = {"word_error_rates": msgspec.to_builtins(scores), "no_speech": rejected}
        add_figures(weights.parent, weights.stem, figures)


@app.command("asr-revocabulary")
def revocabulary_asr(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint to read.")],
    changed: Annotated[Path, typer.Argument(help="Checkpoint to write.")],
    size: Annotated[int, typer.Option("--size", help="Tokens to keep or add.")],
    work: WorkOption = _WORK,
) -> None:
    """Give a checkpoint a vocabulary of another size, built from the run's training texts."""
    from training.asr.pipeline import training_vocabulary  # noqa: PLC0415
    from training.asr.revocabulary import change_vocabulary  # noqa: PLC0415

    try:
        change_vocabulary(checkpoint, changed, training_vocabulary(work, size=size))
    except OSError as error:
        raise _fail(error) from error
    typer.echo(str(changed))


@app.command("asr-plot")
def plot_asr(
    run: Annotated[Path, typer.Argument(help="Folder of a run, with its metrics.")],
    out: Annotated[Path, typer.Option("--out", help="PNG to write.")] = Path("losses.png"),
) -> None:
    """Draw the loss curves of a run."""
    from training.asr.pipeline import MissingDataError, plot_losses, read_metrics  # noqa: PLC0415

    try:
        plot_losses(read_metrics(run), out)
    except MissingDataError as error:
        raise _fail(error) from error
    typer.echo(str(out))


@app.command("demo-call")
def make_demo_call(out: OutOption = _DEMO_CALL) -> None:
    """Speak the written dialogue of the demo call into a two-channel recording."""
    from training.asr.demo_call import write_demo_call  # noqa: PLC0415
    from training.asr.synthesis import SynthesiserMissingError  # noqa: PLC0415

    try:
        write_demo_call(out)
    except SynthesiserMissingError as error:
        raise _fail(error) from error
    typer.echo(str(out))
