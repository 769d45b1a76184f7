"""What the manifest of an analytics model may say, and where its base model is looked for."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from models.analytics.manifest import FORMAT, AnalyticsManifest, load_analytics_manifest
from models.fetching import base_model
from models.fetching.base_model import find_base
from models.fetching.catalogue import CATALOGUE, PublishedFile
from models.log_odds import ConfidenceLine
from models.store.manifest import write_manifest
from schemas.errors import ModelIntegrityError, ModelNotFoundError

HASH = "0" * 64


def manifest_with(**fields: object) -> AnalyticsManifest:
    """Return a manifest that can be used, with other fields."""
    known = AnalyticsManifest(
        name="contact-centre",
        format=FORMAT,
        file="adapter.gguf",
        sha256=HASH,
        other_files={"guide.toml": HASH, "peft/adapter_config.json": HASH},
        base="smollm2-135m",
        guide_file="guide.toml",
        gguf_adapter="adapter.gguf",
        peft_folder="peft",
    )
    return msgspec.structs.replace(known, **fields)


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = manifest_with(confidences={"churn": ConfidenceLine(slope=0.5, intercept=-0.1)})

    assert load_analytics_manifest(write_manifest(manifest, tmp_path / "m.json")) == manifest


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"format": "onnx"}, "format 'onnx'"),
        ({"format": "callstream-analytics"}, "not 'callstream-analytics-2'"),  # the older codes
        ({"base": ""}, "no base model"),
        ({"guide_file": "other.toml"}, "its guide has no sha256"),
        ({"gguf_adapter": "other.gguf"}, "GGUF adapter has no sha256"),
        ({"peft_folder": "mlx"}, "mlx has no file with a sha256"),
        ({"mlx_folder": "pef"}, "pef has no file with a sha256"),
        ({"max_prompt_tokens": 8}, "max_prompt_tokens 8"),
        ({"confidences": {"mood": ConfidenceLine()}}, "confidences of mood, which are no tasks"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    path = write_manifest(manifest_with(**fields), tmp_path / "m.json")

    with pytest.raises(ModelIntegrityError, match=reason):
        load_analytics_manifest(path)


def test_a_missing_base_is_told_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError) as told:
        find_base("smollm2-135m", "", tmp_path)

    text = str(told.value)
    assert "`callstream models fetch smollm2-135m` (98 MB, Apache-2.0)" in text
    assert "\n" not in text


def test_a_fetched_base_is_found_by_its_name_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"weights"
    file = PublishedFile("tiny.gguf", len(content), sha256(content).hexdigest())
    tiny = replace(CATALOGUE["smollm2-135m"], name="tiny", files=(file,))
    monkeypatch.setattr(base_model, "CATALOGUE", {"tiny": tiny})
    path = tmp_path / "tiny" / "tiny.gguf"
    path.parent.mkdir()
    path.write_bytes(content)

    assert find_base("tiny", file.sha256, tmp_path) == path

    path.write_bytes(b"weighty")
    with pytest.raises(ModelIntegrityError, match="callstream models fetch tiny"):
        find_base("tiny", file.sha256, tmp_path)


def test_a_base_may_be_a_path_and_must_be_that_of_the_adapter(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"own")

    assert find_base(str(path), "", None) == path
    with pytest.raises(ModelIntegrityError, match="another base model"):
        find_base(str(path), HASH, None)
    with pytest.raises(ModelNotFoundError, match="callstream models list"):
        find_base(str(tmp_path / "none.gguf"), "", None)


def test_whatever_decides_answers_makes_another_version() -> None:
    """Else a backfill would take calls for answered, and drift two versions for one."""
    changes: tuple[dict[str, object], ...] = (
        {"sha256": "b" * 64},
        {"base": "other"},
        {"max_prompt_tokens": 512},
        {"confidences": {"churn": ConfidenceLine(slope=0.5)}},
    )
    names = {manifest_with(**change).versioned_name for change in ({}, *changes)}

    assert len(names) == 1 + len(changes)
    measured = manifest_with(metrics={"issue": 0.9})
    assert measured.versioned_name == manifest_with().versioned_name
