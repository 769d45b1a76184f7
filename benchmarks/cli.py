"""`callstream benchmark`: figures of this machine."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

import stream_app
from benchmarks.turn_model_cli import turn_model
from schemas.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Measure callstream on this machine.")
app.command("turn-model")(turn_model)

WeightsFolder = Annotated[
    Path, typer.Option("--weights", help="Folder that keeps weights made for benchmarks.")
]
RecordingOption = Annotated[
    Path, typer.Option(help="Call to make copies of, its reference beside it.")
]
BootstrapOption = Annotated[
    str, typer.Option(help="A broker, host:port; without it the embedded one is started.")
]
ProcessesOption = Annotated[int, typer.Option(min=1, help="Processes that recognise.")]
_WEIGHTS = Path("runs/benchmark-weights")
DEMO_CALL = Path(stream_app.__file__).parent / "assets" / "demo_call" / "call.wav"


@app.command()
def footprint(
    calls: Annotated[str, typer.Option(help="Numbers of calls at once, one run each.")] = "1,20",
    recording: Annotated[Path | None, typer.Option(help="Call to replay; else the demo's.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/footprint"),
) -> None:
    """Measure CPU and memory of live calls at real-time speed."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.footprint import measure  # noqa: PLC0415

    bundled = files("stream_app") / "assets" / "demo_call" / "call.wav"
    with as_file(bundled) as path:
        report = measure(recording or path, numbers(calls), out)
    Console().print_json(data=report)


@app.command()
def checkpoints(
    calls: Annotated[int, typer.Option(min=1, help="Calls at once, all day long.")] = 64,
    days: Annotated[int, typer.Option(min=1, help="Days of closed calls on the topic.")] = 1,
    uncleaned: Annotated[int, typer.Option(min=300, help="Seconds not compacted yet.")] = 3600,
    rounds: Annotated[int, typer.Option(min=1, help="Loads of each agent.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = Path("runs/checkpoints"),
) -> None:
    """Measure what is written of a day of calls, and how long a takeover reads it."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.checkpoints import CheckpointOptions, measure, table  # noqa: PLC0415

    options = CheckpointOptions(
        DEMO_CALL, calls_at_once=calls, days=days, uncleaned_s=uncleaned, rounds=rounds
    )
    Console().print(table(measure(options, out)))


@app.command()
def engine(  # noqa: PLR0913, PLR0917 - typer options
    models: Annotated[
        str, typer.Option(help="Sizes (random weights), 'bundled', or paths; comma-separated.")
    ] = "tiny,base,small,bundled",
    backends: Annotated[
        str, typer.Option(help="Back-ends with their precision.")
    ] = "onnx:int8,onnx:fp32,torch:fp32",
    batches: Annotated[str, typer.Option(help="Streams decoded together.")] = "1,8",
    window: Annotated[float, typer.Option(help="Seconds of audio that one decode takes.")] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds after the warm-up.")] = 3,
    core: Annotated[int, typer.Option(help="Core to run on; the first by default.")] = -1,
    weights: WeightsFolder = _WEIGHTS,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/engine"),
    *,
    growing: Annotated[
        bool, typer.Option("--growing", help="Updates of a growing utterance, not of full windows.")
    ] = False,
) -> None:
    """Measure how many live calls one core decodes: by size, back-end, precision, batch, draft."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.backends import parse_backends  # noqa: PLC0415
    from benchmarks.engine import measure  # noqa: PLC0415
    from benchmarks.engine_cases import EngineOptions  # noqa: PLC0415
    from benchmarks.engine_plot import table  # noqa: PLC0415

    options = EngineOptions(
        models=names(models),
        backends=parse_backends(backends),
        batches=tuple(numbers(batches)),
        window_s=window,
        shape="growing" if growing else "full",
        rounds=rounds,
        core=core,
    )
    Console().print(table(measure(options, weights=weights, out=out)))


@app.command()
def latency(  # noqa: PLR0913, PLR0917 - typer options
    calls: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 8,
    seconds: Annotated[float, typer.Option(help="Length of each call.")] = 60.0,
    rounds: Annotated[int, typer.Option(min=1, help="Runs, one after the other.")] = 3,
    recording: RecordingOption = DEMO_CALL,
    bootstrap: BootstrapOption = "",
    processes: ProcessesOption = 1,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/latency"),
) -> None:
    """Measure what live calls wait for their results, through Kafka, from outside."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.latency import measure  # noqa: PLC0415
    from benchmarks.live_plots import latency_table  # noqa: PLC0415
    from benchmarks.live_session import LiveOptions  # noqa: PLC0415

    options = LiveOptions(
        recording=recording,
        seconds=seconds,
        bootstrap=bootstrap,
        transcribe_processes=processes,
    )
    report = measure(options, calls=calls, rounds=rounds, out=out)
    Console().print(latency_table(report))


@app.command()
def capacity(  # noqa: PLR0913, PLR0917 - typer options
    start: Annotated[int, typer.Option(min=1, help="First number of calls.")] = 8,
    most: Annotated[int, typer.Option(min=1, help="Never more calls than this.")] = 512,
    tolerance: Annotated[float, typer.Option(help="Share that may stay unknown.")] = 0.15,
    seconds: Annotated[float, typer.Option(help="Length of each call.")] = 30.0,
    core_price: Annotated[float, typer.Option(help="Price of one core for an hour.")] = 0.04,
    recording: RecordingOption = DEMO_CALL,
    bootstrap: BootstrapOption = "",
    processes: ProcessesOption = 1,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/capacity"),
    *,
    finals_only: Annotated[
        bool, typer.Option("--finals-only", help="Search for the finals' limit alone.")
    ] = False,
) -> None:
    """Find how many live calls a core serves until finals or first partials come too late."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.capacity import CapacityOptions, measure  # noqa: PLC0415
    from benchmarks.live_plots import capacity_table  # noqa: PLC0415
    from benchmarks.live_session import LiveOptions  # noqa: PLC0415

    options = LiveOptions(
        recording=recording,
        seconds=seconds,
        bootstrap=bootstrap,
        transcribe_processes=processes,
    )
    search = CapacityOptions(
        start=start, most=most, tolerance=tolerance, core_price=core_price, both=not finals_only
    )
    Console().print(capacity_table(measure(options, search, out=out)))


@app.command()
def quality(  # noqa: PLR0913, PLR0917 - typer options
    model: Annotated[str, typer.Option(help="'bundled', or the path of weights.")] = "bundled",
    backends: Annotated[
        str, typer.Option(help="Back-ends with their precision; the first is the reference.")
    ] = "onnx:fp32,onnx:int8,torch:fp32",
    utterances: Annotated[int, typer.Option(min=1, help="Of each set, at most.")] = 80,
    policy_utterances: Annotated[int, typer.Option(min=1, help="For the policies.")] = 40,
    non_speech: Annotated[float, typer.Option(help="Minutes without speech; 0 for none.")] = 5.0,
    work: Annotated[
        Path, typer.Option(help="Work folder of `callstream train asr`, for its held-out sets.")
    ] = Path("runs/asr"),
    augment: Annotated[
        Path | None, typer.Option(help="Folder with recorded noise and music.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/quality"),
) -> None:
    """Measure word error rates: by set, back-end, precision and policy, on a telephone line."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.backends import parse_backends  # noqa: PLC0415
    from benchmarks.quality import QualityOptions, measure  # noqa: PLC0415
    from benchmarks.quality_plot import tables  # noqa: PLC0415

    options = QualityOptions(
        model=model,
        backends=parse_backends(backends),
        most=utterances,
        policy_most=policy_utterances,
        non_speech_minutes=non_speech,
        demo_call=DEMO_CALL.parent,
        work=work,
        augment=augment,
    )
    Console().print(tables(measure(options, out=out)))


@app.command()
def peers(  # noqa: PLR0913, PLR0917 - typer options
    model: Annotated[str, typer.Option(help="'bundled', or the path of weights.")] = "bundled",
    sizes: Annotated[
        str, typer.Option(help="Sizes of random weights for speed alone; empty for none.")
    ] = "tiny,base",
    backends: Annotated[str, typer.Option(help="Our back-ends with precision.")] = "onnx:int8",
    utterances: Annotated[int, typer.Option(min=1, help="Of each set, at most.")] = 6,
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds.")] = 3,
    work: Annotated[
        Path, typer.Option(help="Work folder of `callstream train asr`, for its held-out sets.")
    ] = Path("runs/asr"),
    weights: WeightsFolder = _WEIGHTS,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/peers"),
) -> None:
    """Compare with openai-whisper, faster-whisper and WhisperLiveKit, with the same weights."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.backends import parse_backends  # noqa: PLC0415
    from benchmarks.peer_plot import tables  # noqa: PLC0415
    from benchmarks.peers import PeerOptions, measure  # noqa: PLC0415

    options = PeerOptions(
        model=model,
        sizes=names(sizes) if sizes.strip() else (),
        backends=parse_backends(backends),
        most=utterances,
        rounds=rounds,
        demo_call=DEMO_CALL.parent,
        work=work,
        weights=weights,
    )
    Console().print(tables(measure(options, out=out)))


@app.command("turn-timing")
def turn_timing(  # noqa: PLR0913, PLR0917 - typer options
    model: Annotated[str, typer.Option(help="'bundled', or the path of a model.")] = "bundled",
    variant: Annotated[str, typer.Option(help="Of the model, for both parties.")] = "general",
    calls: Annotated[int, typer.Option(min=1, help="Synthetic calls.")] = 48,
    turns: Annotated[int, typer.Option(min=2, help="Turns of each of them.")] = 11,
    seed: Annotated[int, typer.Option(help="Of the synthetic calls.")] = 5,
    data: Annotated[
        Path | None, typer.Option(help="Folder with text/earnings22_aligned; none without it.")
    ] = None,
    spoken: Annotated[int, typer.Option(min=1, help="Turns of real calls, at most.")] = 400,
    pause: Annotated[int, typer.Option(help="Silence in ms that ends a segment; 0: setting.")] = 0,
    work: Annotated[Path, typer.Option(help="Folder that keeps transcripts between runs.")] = Path(
        "runs/turn-timing/work"
    ),
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/turn-timing"),
    *,
    smart_turn: Annotated[bool, typer.Option(help="Ask pipecat's smart-turn too.")] = True,
    sweep: Annotated[bool, typer.Option("--sweep", help="Search for the best settings.")] = False,
) -> None:
    """Measure false cut-offs against end-of-turn delay, beside silence and smart-turn."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.turn_timing.calls import CallOptions  # noqa: PLC0415
    from benchmarks.turn_timing.measurement import TurnTimingOptions, measure  # noqa: PLC0415
    from benchmarks.turn_timing.plot import tables  # noqa: PLC0415

    options = TurnTimingOptions(
        model=model,
        variant=variant,
        calls=CallOptions(seed=seed, calls=calls, turns=turns),
        demo_call=DEMO_CALL,
        data=data,
        spoken_turns=spoken,
        pause_ms=pause,
        work=work,
        has_smart_turn=smart_turn,
        has_sweep=sweep,
    )
    Console().print(tables(measure(options, out=out)))


def names(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list.

    Raises:
        ConfigurationError: There are none.
    """
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise ConfigurationError("an empty list was given")
    return found


def numbers(text: str) -> list[int]:
    """Return the numbers of a comma-separated list.

    Raises:
        ConfigurationError: Not numbers above 0.
    """
    try:
        found = [int(part) for part in names(text)]
    except ValueError as error:
        raise ConfigurationError(f"'{text}' is no list of numbers") from error
    if min(found) < 1:
        raise ConfigurationError(f"'{text}': numbers start at 1")
    return found
