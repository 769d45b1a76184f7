"""The export of trained models of the turn detection.

Each graph is made in fp32 and in int8, and each is compared with its origin on texts that no
model was trained on; one that differs too much is not installed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from models.onnx_session import open_session
from models.store.manifest import sha256_of, write_manifest
from models.turns.inputs import TurnInputs
from models.turns.manifest import FORMAT, TurnManifest
from schemas.errors import ConfigurationError, ModelIntegrityError
from training.text.quantise import observe, product_inputs, quantise, with_outputs
from training.text.tracing import encoder_settings, special_tokens
from training.turns.export.graph import MergedNetwork, group_by_encoder, read_model, trace
from training.turns.export.parity import (
    Parity,
    compare,
    judge_by_graph,
    judge_by_network,
    read_samples,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto

    from training.text.quantise import Range, Scales
    from training.turns.export.graph import TrainedModel

FP32_FOLDER = "fp32"
CALIBRATION_TEXTS = 1_000  # of all sets together
PARITY_TEXTS = 1_000  # of each variant
MAX_FP32_DIFFERENCE = 1e-3  # of a probability: another library sums in another order
Precision = Literal["fp32", "int8"]
_HEAD_SETTINGS = {"head_dropout"}


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to export.

    Attributes:
        name: Of the model; where encoders differ, the variant follows it.
        scales: Of int8 activations: one for each token (``rows``), or ``fixed``.
        least_agreement: Share of texts on which int8 must agree with fp32.
        keep_fp32: Whether the fp32 graph is kept too, in a folder of its own.
    """

    name: str
    scales: Scales = "rows"
    least_agreement: float = 0.97
    keep_fp32: bool = True


class Exported(msgspec.Struct, frozen=True):
    """An exported graph.

    Attributes:
        manifest: Its path.
        size_bytes: Of graph and tokenizer.
        fp32: For each variant, the fp32 graph against the trained network.
        int8: For each variant, int8 against the fp32 graph.
    """

    manifest: Path
    size_bytes: int
    fp32: dict[str, Parity]
    int8: dict[str, Parity]


def export_models(
    folders: Sequence[Path], out: Path, work: Path, options: ExportOptions
) -> list[Exported]:
    """Export models, and return their graphs: one for all models with the same encoder.

    Args:
        folders: Of trained models; the name of each is its variant.
        out: For graph, tokenizer and manifest; fp32 goes into a subfolder.
        work: With the prepared data of the sets that the models learnt from: texts of training
            give the fixed scales, those of test are compared.
        options: How to export.

    Raises:
        MissingDataError: A folder holds no trained model, or texts are missing.
        ConfigurationError: Two models have the same name.
        ModelIntegrityError: A graph differs too much from its origin.
    """
    models = [read_model(folder) for folder in folders]
    names = [model.variant for model in models]
    if len(set(names)) < len(names) or not names:
        raise ConfigurationError(f"models to export need different names: {names}")
    groups = group_by_encoder(models)
    done = []
    for group in groups:
        suffix = "" if len(groups) == 1 else f"-{group[0].variant}"
        renamed = msgspec.structs.replace(options, name=options.name + suffix)
        done.append(_Export(group, work, renamed).write(out))
    return done


class _Export:
    """The export of models that share an encoder.

    Args:
        models: At least one.
        work: With the prepared data.
        options: With the name of the files.
    """

    def __init__(self, models: Sequence[TrainedModel], work: Path, options: ExportOptions) -> None:
        self._models = models
        self._networks = [model.network for model in models]
        self._options = options
        self._work = work
        self._inputs = TurnInputs(models[0].tokenizer, self._manifest("fp32", "", ""))

    def write(self, out: Path) -> Exported:
        """Export to a folder; nothing is installed if a graph differs too much."""
        samples = read_samples(self._models, self._work, "test", PARITY_TEXTS)
        trained = judge_by_network(MergedNetwork(self._networks).eval(), self._inputs, samples)
        graph = trace(self._networks)
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as name:
            fp32_folder, int8_folder = Path(name) / "fp32", Path(name) / "int8"
            fp32 = self._save(graph, "fp32", fp32_folder)
            exact = judge_by_graph(fp32, samples)
            fp32_parity = compare(samples, trained, exact)
            self._check_fp32(fp32_parity)
            int8 = self._save(quantise(graph, self._ranges(graph, fp32)), "int8", int8_folder)
            int8_parity = compare(samples, exact, judge_by_graph(int8, samples))
            self._check_int8(int8_parity)
            if self._options.keep_fp32:
                _move(fp32, out / FP32_FOLDER, fp32_parity)
            return Exported(*_move(int8, out, int8_parity), fp32_parity, int8_parity)

    def _ranges(self, graph: ModelProto, fp32: Path) -> dict[str, Range] | None:
        """Return the ranges of activations over training texts, for fixed scales."""
        if self._options.scales == "rows":
            return None
        share = max(1, CALIBRATION_TEXTS // len(self._models))
        samples = read_samples(self._models, self._work, "train", share)
        rows = [self._inputs.tokens(text) for texts in samples.values() for text, _ in texts]
        observed = fp32.with_name("observed.onnx")
        observed.write_bytes(with_outputs(graph, product_inputs(graph)).SerializeToString())
        session = open_session(observed, device="cpu", threads=1)
        return observe(session, (feed for _, feed in self._inputs.batches(rows)))

    def _save(self, graph: ModelProto, precision: Precision, folder: Path) -> Path:
        """Write graph, tokenizer and manifest; return the manifest's path."""
        folder.mkdir()
        weights = folder / f"{self._options.name}.onnx"
        weights.write_bytes(graph.SerializeToString(deterministic=True))
        tokenizer = folder / f"{self._options.name}.tokenizer.json"
        tokenizer.write_text(self._models[0].tokenizer.to_str(), encoding="utf-8")
        manifest = self._manifest(precision, sha256_of(weights), sha256_of(tokenizer))
        return write_manifest(manifest, folder / f"{self._options.name}.json")

    def _manifest(self, precision: Precision, sha256: str, tokenizer_sha256: str) -> TurnManifest:
        first = self._models[0]
        scales = f", {self._options.scales} scales" if precision == "int8" else ""
        tokenizer_file = f"{self._options.name}.tokenizer.json"
        return TurnManifest(
            name=self._options.name,
            format=FORMAT,
            file=f"{self._options.name}.onnx",
            sha256=sha256,
            other_files={tokenizer_file: tokenizer_sha256},
            tokenizer_file=tokenizer_file,
            special_tokens=special_tokens(first.tokenizer, first.padding_id),
            variants=tuple(model.variant for model in self._models),
            languages=first.languages,
            max_tokens=first.max_tokens,
            padding=first.padding,
            text_form=first.text_form,
            precision=precision + scales,
            encoder=encoder_settings(first.network.config, without=_HEAD_SETTINGS),
            source_sha256={model.variant: model.weights_sha256 for model in self._models},
        )

    def _check_fp32(self, parity: dict[str, Parity]) -> None:
        for variant, found in parity.items():
            if found.largest_difference > MAX_FP32_DIFFERENCE:
                raise ModelIntegrityError(
                    f"the fp32 graph of {variant!r} is off by {found.largest_difference:.4f} from "
                    "its network: this encoder cannot be exported"
                )

    def _check_int8(self, parity: dict[str, Parity]) -> None:
        least = self._options.least_agreement
        for variant, found in parity.items():
            if found.label_agreement < least:
                advice = "; try --scales rows" if self._options.scales == "fixed" else ""
                raise ModelIntegrityError(
                    f"int8 agrees with fp32 on {found.label_agreement:.1%} of {found.texts} "
                    f"texts of {variant!r}, at least {least:.1%} are wanted{advice}"
                )


def _move(manifest: Path, folder: Path, parity: dict[str, Parity]) -> tuple[Path, int]:
    """Install a graph, its manifest last; return the manifest and the size of the files."""
    about = msgspec.json.decode(manifest.read_bytes(), type=TurnManifest)
    worst = {
        "texts": min(each.texts for each in parity.values()),
        "label_agreement": min(each.label_agreement for each in parity.values()),
        "largest_difference": max(each.largest_difference for each in parity.values()),
    }
    about = msgspec.structs.replace(about, agreement=worst)
    folder.mkdir(parents=True, exist_ok=True)
    files = [manifest.with_name(name) for name in (*about.other_files, about.file)]
    size = sum(file.stat().st_size for file in files)
    for file in files:
        file.replace(folder / file.name)
    return write_manifest(about, folder / manifest.name), size
