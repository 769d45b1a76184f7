"""``callstream train``: the training commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import CallstreamError
from training.failures import failed
from training.turns.cli import turns_app

if TYPE_CHECKING:
    from training.asr.finetuning.recipe import FineTuneRecipe
    from training.asr.recipe import Recipe

app = typer.Typer(no_args_is_help=True, help="Train the bundled models, and models of your own.")
app.add_typer(turns_app)

RecipeArgument = Annotated[Path, typer.Argument(help="Recipe, a TOML file.")]
DataOption = Annotated[Path, typer.Option("--data", help="Folder with text/, speech/, augment/.")]
WorkOption = Annotated[Path, typer.Option("--work", help="Folder for shards and checkpoints.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Change a recipe's setting: table.key=value.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the exported weights.")]
DemoOption = Annotated[Path, typer.Option("--demo-call", help="Folder of the demo call.")]


class WeightsFormat(StrEnum):
    """How Whisper's weights are kept."""

    openai = "openai"
    huggingface = "huggingface"


_DATA, _WORK = Path("data"), Path("runs/asr")
_WEIGHTS = Path("models/weights/asr")
_DEMO_CALL = Path("stream_app/assets/demo_call")


@app.command("asr")
def train_asr(  # noqa: PLR0913, typer options
    recipe: RecipeArgument,
    data: DataOption = _DATA,
    work: WorkOption = _WORK,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for the weights. By default models/weights/asr, or for a fine-tuning "
            "the run's own folder.",
        ),
    ] = None,
    changes: SetOption = None,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
) -> None:
    """Train the small Whisper from scratch; or fine-tune another, if the recipe has a [base]."""
    from schemas.errors import CallstreamError  # noqa: PLC0415
    from training.asr.finetuning.recipe import (  # noqa: PLC0415
        FineTuneRecipe,
        read_any_recipe,
    )

    try:
        settings = read_any_recipe(recipe, changes or [])
        if isinstance(settings, FineTuneRecipe):
            run = work / settings.name
            line = _fine_tune(settings, data, run, out or run, resume=resume)
        else:
            line = _train_from_scratch(settings, data, work, out or _WEIGHTS, resume=resume)
    except (CallstreamError, OSError) as error:
        raise failed(error) from error
    typer.echo(line)


def _train_from_scratch(recipe: Recipe, data: Path, work: Path, out: Path, *, resume: bool) -> str:
    from training.asr.export import export_checkpoint  # noqa: PLC0415
    from training.asr.pipeline import (  # noqa: PLC0415
        DataRoot,
        prepare_real_speech,
        synthesise_all,
    )
    from training.asr.run import train  # noqa: PLC0415

    root = DataRoot(data=data, work=work)
    if not any(root.folders.synthetic.glob("*.msgpack")):
        prepare_real_speech(root)
        synthesise_all(recipe, root)
    checkpoint = train(recipe, root.folders, work / recipe.name, resume=resume)
    card = export_checkpoint(checkpoint, out)
    return f"{out / card.file}  step {card.step}  sha256 {card.sha256}"


def _fine_tune(recipe: FineTuneRecipe, data: Path, run: Path, out: Path, *, resume: bool) -> str:
    from training.asr.finetuning.run import fine_tune  # noqa: PLC0415

    outcome = fine_tune(recipe, data, run, out, resume=resume)
    rate = outcome.word_error_rate
    measured = "not validated" if rate is None else f"validation WER {rate:.1%}"
    return f"{outcome.weights}  step {outcome.step}  {measured}"


@app.command("asr-convert")
def convert_asr(
    source: Annotated[
        str, typer.Argument(help="Name of openai-whisper, .pt file or Hugging Face folder.")
    ],
    target: Annotated[Path, typer.Argument(help="What to write, without the suffix of a file.")],
    kind: Annotated[WeightsFormat, typer.Option("--format", help="Of the target.")],
    *,
    half: Annotated[bool, typer.Option("--fp16", help="Write fp16 instead of fp32.")] = False,
) -> None:
    """Turn weights of openai-whisper into a Hugging Face folder, or the other way round."""
    from schemas.errors import CallstreamError  # noqa: PLC0415
    from training.asr.finetuning.base import load_base  # noqa: PLC0415
    from training.asr.finetuning.recipe import Output  # noqa: PLC0415
    from training.asr.finetuning.results import write_weights  # noqa: PLC0415

    settings = Output(format=kind.value, precision="fp16" if half else "fp32")
    try:
        base = load_base(source)
        written = write_weights(base.tensors, base, settings, target)
    except (CallstreamError, OSError) as error:
        raise failed(error) from error
    typer.echo(str(written))


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
        prepare_real_speech,
        prepare_voice_set,
        synthesise_all,
    )
    from training.asr.recipe import read_recipe  # noqa: PLC0415
    from training.asr.synthesis import SynthesiserMissingError  # noqa: PLC0415
    from training.errors import MissingDataError, RecipeError  # noqa: PLC0415

    root = DataRoot(data=data, work=work)
    try:
        settings = read_recipe(recipe, changes or [])
        prepare_real_speech(root)
        made = synthesise_all(settings, root)
        prepare_voice_set(root)
    except (MissingDataError, SynthesiserMissingError, OSError, RecipeError) as error:
        raise failed(error) from error
    typer.echo(f"{made} utterances in {root.folders.synthetic}")


@app.command("asr-export")
def export_asr(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint of a run.")],
    out: OutOption = _WEIGHTS,
    stock: Annotated[
        Path | None,
        typer.Option("--stock", help="Also write a .pt that openai-whisper itself loads."),
    ] = None,
) -> None:
    """Write a checkpoint as weights with their card and their graphs for ONNX Runtime."""
    import torch  # noqa: PLC0415

    from training.asr.export import export_checkpoint, whole_vocabulary  # noqa: PLC0415

    try:
        card = export_checkpoint(checkpoint, out)
        if stock is not None:
            torch.save(whole_vocabulary(out / card.file), stock)
    except OSError as error:
        raise failed(error) from error
    typer.echo(f"{out / card.file}  step {card.step}  sha256 {card.sha256}")


@app.command("asr-evaluate")
def evaluate_asr(  # noqa: PLR0913, typer options
    weights: Annotated[str, typer.Argument(help="Weights: a path, a name, or 'bundled'.")],
    data: DataOption = _DATA,
    work: WorkOption = _WORK,
    demo_call: DemoOption = _DEMO_CALL,
    *,
    backend: Annotated[str, typer.Option("--backend", help="auto, onnx or torch.")] = "torch",
    precision: Annotated[str, typer.Option("--precision", help="auto, fp32, int8 ..")] = "auto",
    write: Annotated[bool, typer.Option("--write", help="Put the figures into the card.")] = False,
) -> None:
    """Measure word error rates on the demo call, unheard voices and real speech."""
    import msgspec  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from training.asr.evaluate import load_recogniser  # noqa: PLC0415
    from training.asr.export import change_card  # noqa: PLC0415
    from training.asr.pipeline import (  # noqa: PLC0415
        DataRoot,
        evaluate_all,
        evaluate_silence,
    )

    try:
        root = DataRoot(data=data, work=work)
        recognise = load_recogniser(weights, backend=backend, precision=precision)  # type: ignore[arg-type]
        scores = evaluate_all(recognise, root, demo_call)
        rejected = evaluate_silence(recognise, root)
    except (OSError, CallstreamError) as error:
        raise failed(error) from error
    table = Table("set", "WER", "utterances", "words", "sub", "del", "ins")
    for name, score in scores.items():
        errors = (score.substitutions, score.deletions, score.insertions)
        counts = (score.utterances, score.words, *errors)
        table.add_row(name, f"{score.word_error_rate:.1%}", *map(str, counts))
    Console().print(table)
    typer.echo(f"said to hold no speech: {rejected}")
    if write:
        figures = {"word_error_rates": msgspec.to_builtins(scores), "no_speech": rejected}
        path = Path(weights)
        change_card(path.parent, path.stem, {"figures": figures})


@app.command("asr-calibrate")
def calibrate_asr(
    weights: Annotated[Path, typer.Argument(help="Exported weights (.pt) with their card.")],
    work: WorkOption = _WORK,
    *,
    write: Annotated[bool, typer.Option("--write", help="Put the results into the card.")] = False,
) -> None:
    """Fit confidences, word times and the policy's guard on speech that the weights never heard.

    The curve is fitted on the development sentences and the held-out recordings, the rest and all
    figures come from the unheard voices.
    """
    import msgspec  # noqa: PLC0415

    from training.asr.calibrate import calibrate_weights  # noqa: PLC0415
    from training.asr.export import change_card  # noqa: PLC0415

    fit = [work / "eval" / "dev", *sorted((work / "real" / "test").glob("*"))]
    check = [work / "eval" / "voices"]
    uncalibrated = dict.fromkeys(("confidence", "policy", "word_shift_ms"))
    try:
        if write:
            change_card(weights.parent, weights.stem, uncalibrated)
        result = calibrate_weights(str(weights), fit, check)
        if write:
            change_card(weights.parent, weights.stem, result.manifest_fields)
    except (OSError, CallstreamError) as error:
        raise failed(error) from error
    typer.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())


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
        raise failed(error) from error
    typer.echo(str(changed))


@app.command("asr-plot")
def plot_asr(
    run: Annotated[Path, typer.Argument(help="Folder of a run, with its metrics.")],
    out: Annotated[Path, typer.Option("--out", help="PNG to write.")] = Path("losses.png"),
) -> None:
    """Draw the curves of a run: losses, and the word error rate of its validations."""
    from training.asr.metrics import plot_curves, read_metrics  # noqa: PLC0415
    from training.errors import MissingDataError  # noqa: PLC0415

    try:
        plot_curves(read_metrics(run), out)
    except MissingDataError as error:
        raise failed(error) from error
    typer.echo(str(out))


@app.command("demo-call")
def make_demo_call(out: OutOption = _DEMO_CALL) -> None:
    """Speak the written dialogue of the demo call into a two-channel recording."""
    from training.asr.demo_call import write_demo_call  # noqa: PLC0415
    from training.asr.synthesis import SynthesiserMissingError  # noqa: PLC0415

    try:
        write_demo_call(out)
    except SynthesiserMissingError as error:
        raise failed(error) from error
    typer.echo(str(out))
