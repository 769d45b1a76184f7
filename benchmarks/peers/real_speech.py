"""Compare with faster-whisper as it ships, on real speech over a telephone line, in one run.

Each recording is cut into windows of at most 5 s at its quietest frames. Every system follows the
same windows: an update a second of all that was heard of the window, and a last text at its end.
The last texts of a recording, joined, are scored against what is said in it. Systems take turns;
one core, one thread, CPU time of the process. faster-whisper decodes greedily and without
fallbacks, the cheapest that it offers. Words of ours are timed, as the live path has them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.core.affinity import pinned_to, usable_cores
from benchmarks.core.backends import Backend, load_backend
from benchmarks.core.error_rates import error_rate, errors_of, rate_difference
from benchmarks.core.held_out_sets import HeldOut
from benchmarks.core.real_sets import load_real_sets
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.core.spread import spread_of
from benchmarks.peers.streams import UPDATE_S, follow_one, follow_together
from benchmarks.peers.systems import Callstream, CallstreamTogether, FasterWhisper, PeerSystem
from benchmarks.quality.pieces import windows
from models.audio.samples import SAMPLE_RATE_HZ
from models.console import WorkProgress
from models.text.word_errors import WordErrors
from schemas.errors import ConfigurationError

WINDOW_MS = 5_000
TOGETHER = 8


class RealSpeechOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared.

    Attributes:
        models: Weights of ours: names or paths.
        official: Folder of weights that faster-whisper loads.
        backends: Of ours.
        data: Folder with ``speech``.
        sets: Of real speech.
        most: Recordings of each set.
        rounds: Measured; texts are taken of the first.
    """

    models: tuple[str, ...]
    official: Path
    backends: tuple[Backend, ...] = (Backend("onnx", "int8"),)
    data: Path
    sets: tuple[str, ...] = ("librispeech", "harper_valley")
    most: int = 24
    rounds: int = 3


@dataclass(slots=True)
class Followed:
    """What was measured of a system: CPU seconds of each round, errors of each recording."""

    cpu_s: list[float] = field(default_factory=list)
    errors: list[WordErrors] = field(default_factory=list)


def compare_real_speech(options: RealSpeechOptions, *, out: Path) -> dict[str, Any]:
    """Return calls a core and word errors of every system, and write ``real_speech.json``.

    Raises:
        MissingExtraError: faster-whisper is not installed.
        CallstreamError: Weights cannot be loaded, or an option makes no sense.
    """
    if options.rounds < 1 or options.most < 1:
        raise ConfigurationError("rounds and recordings start at 1")
    prepare_folder(out)
    loaded = load_real_sets(options.data, most=options.most, line="telephone", names=options.sets)
    recordings = [one for each in loaded.values() for one in each]
    with pinned_to(usable_cores()[:1]), WorkProgress() as progress:
        systems = _systems(options)
        followed = {system.name: Followed() for system in systems}
        task = progress.add_task("real speech", total=options.rounds * len(systems))
        for _ in range(options.rounds):
            for system in systems:
                progress.update(task, description=system.name)
                follow_recordings(system, recordings, followed[system.name])
                progress.advance(task)
    figures = {
        "options": msgspec.to_builtins(options, enc_hook=base_name),
        "update_s": UPDATE_S,
        "window_ms": WINDOW_MS,
        "systems": rows(followed, recordings),
    }
    return save_report("real_speech", figures, out)


def _systems(options: RealSpeechOptions) -> list[PeerSystem | CallstreamTogether]:
    systems: list[PeerSystem | CallstreamTogether] = [FasterWhisper(options.official)]
    for model in options.models:
        for backend in options.backends:
            engine = load_backend(model, backend)
            label = f"{engine.name}, {backend.label}"
            together = CallstreamTogether(engine, label, TOGETHER)
            systems += [Callstream(engine, label), together]
    return systems


def follow_recordings(
    system: PeerSystem | CallstreamTogether, recordings: Sequence[HeldOut], followed: Followed
) -> None:
    """Let a system follow the windows of all recordings once; texts count in the first round."""
    cut = [windows(one.samples, WINDOW_MS) for one in recordings]
    pieces = [HeldOut(samples, ()) for own in cut for samples in own]
    start_s = time.process_time()
    if isinstance(system, CallstreamTogether):
        displayed = follow_together(system, pieces)
    else:
        displayed = [follow_one(system, piece) for piece in pieces]
    followed.cpu_s.append(time.process_time() - start_s)
    if len(followed.cpu_s) > 1:
        return
    texts = iter([shown[-1].text for shown in displayed])
    for recording, own in zip(recordings, cut, strict=True):
        heard = " ".join(next(texts) for _ in own)
        followed.errors.append(errors_of(recording.words, heard))


def rows(followed: dict[str, Followed], recordings: Sequence[HeldOut]) -> list[dict[str, Any]]:
    """Return a row for each system; the first one is what the others are compared with."""
    audio_s = sum(len(one.samples) for one in recordings) / SAMPLE_RATE_HZ
    reference = next(iter(followed.values()))
    return [
        {
            "system": name,
            "audio_s": round(audio_s, 1),
            "calls_per_core": spread_of([round(audio_s / cpu_s, 2) for cpu_s in found.cpu_s]),
            "times_the_first": spread_of(
                [
                    round(other_s / own_s, 2)
                    for other_s, own_s in zip(reference.cpu_s, found.cpu_s, strict=True)
                ]
            ),
            "word_error_rate": error_rate(found.errors),
            "more_than_the_first": rate_difference(found.errors, reference.errors),
        }
        for name, found in followed.items()
    ]
