"""Measure how many words of whole calls come out wrong, by how they are cut and decoded."""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

from benchmarks.core.backends import load_backend, parse_backends
from benchmarks.core.error_rates import error_rate, errors_of
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.quality.non_speech import segments_of
from benchmarks.whole_calls.parties import PartyAudio, whole_calls
from models.asr.core.requests import SpeechEngine
from models.audio.samples import SAMPLE_RATE_HZ
from models.console import WorkProgress
from models.vad.silero import NARROWBAND_HZ, load_vad
from stream_app.agents.transcribe import POST_ROLL_MS
from stream_app.calls.transcribe.recognition import RecognitionRequest, recognize
from stream_app.calls.transcribe.segmenter import Segment, SegmentConfig


class Way(msgspec.Struct, frozen=True):
    """A way to cut and decode calls, by the settings of segments."""

    pause_ms: int
    passage_ms: int
    reach_ms: int
    pre_roll_ms: int

    @property
    def config(self) -> SegmentConfig:
        """Return how channels are cut."""
        return SegmentConfig(
            pause_ms=self.pause_ms,
            passage_ms=self.passage_ms,
            passage_reach_ms=self.reach_ms,
            pre_roll_ms=self.pre_roll_ms,
            post_roll_ms=min(POST_ROLL_MS, self.pause_ms - self.pre_roll_ms),
        )


class WholeCallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured.

    Attributes:
        model: Weights whose words are scored.
        reference: Weights whose words, at a pause of 1 s, stand for the text that a set lacks.
        backend: Back-end and precision of both, such as ``onnx:int8``.
        ways: To cut and decode them.
        limit: Parties of each set, at most.
        data: Folder with ``speech/`` and ``calls/``.
        demo_call: Recording with its reference beside it.
    """

    model: str
    reference: str
    backend: str
    ways: tuple[Way, ...]
    limit: int
    data: Path
    demo_call: Path


def measure(options: WholeCallOptions, *, out: Path) -> dict[str, Any]:
    """Return the error rates, and write ``whole_calls.json``.

    Raises:
        CallstreamError: A model cannot be loaded, or a set cannot be read.
    """
    prepare_folder(out)
    (backend,) = parse_backends(options.backend)
    found = whole_calls(options.data, options.demo_call)
    sets = {name: list(islice(parties, options.limit)) for name, parties in found.items()}
    reference = load_backend(options.reference, backend)
    said = {party.name: words_said(party, reference) for own in sets.values() for party in own}
    engine = load_backend(options.model, backend)
    rows = []
    with WorkProgress() as progress:
        task = progress.add_task("calls", total=len(options.ways) * sum(map(len, sets.values())))
        for way in options.ways:
            for name, parties in sets.items():
                own = _score(parties, said, engine, way.config, lambda: progress.advance(task))
                rows.append({"set": name, **msgspec.to_builtins(way), **own})
    figures = {
        "options": msgspec.to_builtins(options, enc_hook=base_name),
        "model": engine.name,
        "reference": reference.name,
        "rows": rows,
    }
    return save_report("whole_calls", figures, out)


def tables(report: dict[str, Any]) -> Table:
    """Return the table of a report."""
    table = Table(title=f"{report['model']}, whole calls")
    of_way = ("pause", "passage", "reach", "pre-roll")
    for column in ("set", *of_way, "word error", "95 %", "audio decoded"):
        table.add_column(column)
    for row in report["rows"]:
        rate = row["word_error_rate"]
        times = [str(row[key]) for key in Way.__struct_fields__]
        interval = f"{100 * rate['low']:.1f} .. {100 * rate['high']:.1f}"
        decoded = f"{row['decoded_per_speech']:.2f} s a second"
        table.add_row(row["set"], *times, f"{100 * rate['rate']:.1f} %", interval, decoded)
    return table


def words_said(party: PartyAudio, engine: SpeechEngine) -> str:
    """Return what is said: as it was written down, else as the reference hears it."""
    if party.text is not None:
        return party.text
    config = SegmentConfig(pause_ms=1_000, max_segment_ms=20_000, passage_ms=0)
    heard, _, _ = _hear(party, engine, config)
    return heard


def _score(
    parties: Sequence[PartyAudio],
    said: dict[str, str],
    engine: SpeechEngine,
    config: SegmentConfig,
    advance: Callable[[], object],
) -> dict[str, Any]:
    errors = []
    decoded_ms = speech_ms = 0
    for party in parties:
        text, decoded, spoken = _hear(party, engine, config)
        errors.append(errors_of(said[party.name].split(), text))
        decoded_ms += decoded
        speech_ms += spoken
        advance()
    return {
        "word_error_rate": error_rate(errors),
        "decoded_per_speech": round(decoded_ms / max(speech_ms, 1), 3),
    }


def _hear(party: PartyAudio, engine: SpeechEngine, config: SegmentConfig) -> tuple[str, int, int]:
    """Return the text of the finals, the audio decoded for them, and the speech in it, in ms."""
    segments = list(segments_of(party.samples, load_vad(sample_rate_hz=NARROWBAND_HZ), config))
    requests = [_request(party.name, segment) for segment in segments]
    texts: dict[int, str] = {}
    for request in requests:
        (result,) = recognize([request], engine)
        texts |= {one.span.start_ms: one.hypothesis.text for one in result.revised}
        texts[request.start_ms] = result.hypothesis.text
    speech_ms = sum(len(segment.samples) for segment in segments) * 1000 // SAMPLE_RATE_HZ
    return " ".join(filter(None, texts.values())), sum(one.cost for one in requests), speech_ms


def _request(call_id: str, segment: Segment) -> RecognitionRequest:
    return RecognitionRequest(
        call_id=call_id,
        channel=0,
        segment_id=f"{call_id}/{segment.start_ms}",
        samples=segment.samples,
        passage=segment.passage,
        context=segment.context,
        start_ms=segment.start_ms,
        captured_at_ns=0,
        language="en",
        hot_words=(),
        is_final=True,
    )
