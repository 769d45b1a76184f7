"""What the manifest of an analytics model promises."""

from pathlib import Path

import msgspec

from models.analytics.answers import AnswerForm
from models.analytics.calibration import CALIBRATED
from models.analytics.prompts import PromptForm
from models.log_odds import ConfidenceLine
from models.store.manifest import WeightsManifest, load_manifest, sha256_of_fields
from schemas.errors import ModelIntegrityError

FORMAT = "callstream-analytics-2"  # the first one named a turn behind what it shows
SHORTEST_PROMPT = 64  # tokens
_TOLD = frozenset({"name", "licence", "metrics"})  # and decides no answer


class AnalyticsManifest(WeightsManifest, frozen=True, kw_only=True):
    """What stands beside the adapter of a language model.

    ``file`` is the adapter that the back-end ``llama`` reads; without such an adapter it is the
    guide.

    Attributes:
        base: Name of the base model in the catalogue of ``callstream models fetch``, or the path of
            a GGUF file or of a Hugging Face folder.
        base_sha256: Of the base's file; empty where it is not checked.
        guide_file: ``file`` or one of ``other_files``: the analysis guide that it was trained on.
        gguf_adapter: Likewise: LoRA as a GGUF file; empty without.
        peft_folder: Folder beside the manifest with the adapter as PEFT has it, whose files are
            among ``other_files``; empty without.
        mlx_folder: Likewise, as mlx-lm has it.
        prompt_form: In which a call is shown.
        answer_form: In which the model answers.
        max_prompt_tokens: Of a call, what the chat template adds left out.
        confidences: What makes the model's own confidences probabilities, by task.
        metrics: What the evaluation measured, by task.
    """

    base: str
    base_sha256: str = ""
    guide_file: str
    gguf_adapter: str = ""
    peft_folder: str = ""
    mlx_folder: str = ""
    prompt_form: PromptForm = "chat"
    answer_form: AnswerForm = "codes"
    max_prompt_tokens: int = 1_024
    confidences: dict[str, ConfidenceLine] = msgspec.field(default_factory=dict)
    metrics: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def content_sha256(self) -> str:
        """Return the hash of all that decides answers: adapter, base, guide, confidences .."""
        return sha256_of_fields(self, _TOLD)


def load_analytics_manifest(path: Path) -> AnalyticsManifest:
    """Return a manifest whose fields agree with one another.

    Raises:
        ModelNotFoundError: No file there.
        ModelIntegrityError: Not the manifest of an analytics model.
    """
    manifest = load_manifest(path, AnalyticsManifest)
    files = {manifest.file, *manifest.other_files}

    def lacks(folder: str) -> bool:
        return bool(folder) and not any(name.startswith(f"{folder}/") for name in files)

    foreign = sorted(manifest.confidences.keys() - CALIBRATED)
    problems = (
        (manifest.format != FORMAT, f"format {manifest.format!r}, not {FORMAT!r}"),
        (not manifest.base, "it names no base model"),
        (manifest.guide_file not in files, "its guide has no sha256"),
        (manifest.gguf_adapter not in {"", *files}, "its GGUF adapter has no sha256"),
        (lacks(manifest.peft_folder), f"{manifest.peft_folder} has no file with a sha256"),
        (lacks(manifest.mlx_folder), f"{manifest.mlx_folder} has no file with a sha256"),
        (
            manifest.max_prompt_tokens < SHORTEST_PROMPT,
            f"max_prompt_tokens {manifest.max_prompt_tokens}",
        ),
        (bool(foreign), f"confidences of {', '.join(foreign)}, which are no tasks"),
    )
    for is_wrong, reason in problems:
        if is_wrong:
            raise ModelIntegrityError(f"{path}: {reason}")
    return manifest
