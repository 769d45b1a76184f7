"""When an adapter becomes the next version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.analytics.manifest import FORMAT, AnalyticsManifest, load_analytics_manifest
from models.store.history import read_history
from models.store.layout import versions_in
from models.store.manifest import sha256_of, verified_weights, write_manifest
from models.store.numbered import champion_of
from training.analytics.evaluation.keeping import Candidate, keep_if_better
from training.analytics.evaluation.results import DataUsed, MetricResult, SetResult
from training.core.errors import RecipeError
from training.measuring.bootstrap import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from models.store.history import Session

FROZEN = DataUsed(40, "0" * 64, {"composed": 40})
ALL = Figure(1.0, 0.9, 1.0)


def adapter(folder: Path, content: str) -> Path:
    """Write an adapter with a file in a folder of its own."""
    (folder / "peft").mkdir(parents=True)
    (folder / "guide.toml").write_text("name")
    (folder / "peft" / "adapter.bin").write_text(content)
    manifest = AnalyticsManifest(
        name="new",
        format=FORMAT,
        file="guide.toml",
        sha256=sha256_of(folder / "guide.toml"),
        other_files={"peft/adapter.bin": sha256_of(folder / "peft" / "adapter.bin")},
        base="smollm2-135m",
        guide_file="guide.toml",
        peft_folder="peft",
    )
    return write_manifest(manifest, folder / "new.json")


def figures(score: float, issue: float) -> SetResult:
    found = MetricResult(
        title="issue accuracy", calls=40, figure=Figure(issue, 0.0, 1.0), target=0.9
    )
    return SetResult(
        calls=40, failed=0, invalid={}, valid=ALL, score=score, metrics={"issue_accuracy": found}
    )


class Versions:
    """Keeps adapters in a folder, and measures each by a table of scores.

    Args:
        folder: For adapters and versions.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "versions"
        self._made = folder
        self._reached: dict[str, tuple[float, float]] = {}

    def keep(
        self, score: float, issue: float = 0.9, data: DataUsed = FROZEN, *, accepts: bool = False
    ) -> Session:
        """Offer one more adapter that reaches these figures."""
        content = f"adapter {len(self._reached)}"
        self._reached[content] = score, issue
        path = adapter(self._made / content.replace(" ", "_"), content)
        candidate = Candidate(path, self.folder, "shop", "contact-centre-1")
        return keep_if_better(candidate, data, self._measured, accepts_validation=accepts)

    def _measured(self, manifest: Path) -> SetResult:
        content = (manifest.parent / "peft" / "adapter.bin").read_text()
        return figures(*self._reached[content])


def test_the_first_and_every_better_adapter_is_a_version_with_its_figures(tmp_path: Path) -> None:
    versions = Versions(tmp_path)

    first, second = versions.keep(0.6), versions.keep(0.7)
    manifest = versions.folder / "shop2" / "shop2.json"

    assert (first.version, second.version, second.champion) == ("shop1", "shop2", "shop1")
    assert champion_of(versions.folder) == "shop2"
    assert verified_weights(manifest, load_analytics_manifest(manifest)).is_file()
    assert load_analytics_manifest(manifest).metrics["eval_score"] == 0.7
    assert second.metrics["eval_issue_accuracy"] == 0.9
    assert second.champion_metrics["eval_score"] == 0.6


@pytest.mark.parametrize(
    ("score", "issue", "reason"),
    [(0.6, 0.9, "not above"), (0.5, 0.9, "not above"), (0.7, 0.85, "issue_accuracy fell")],
    ids=["as good", "worse", "better on the mean, worse at a target"],
)
def test_an_adapter_that_is_not_better_is_recorded_and_not_kept(
    tmp_path: Path, score: float, issue: float, reason: str
) -> None:
    versions = Versions(tmp_path)
    versions.keep(0.6)

    session = versions.keep(score, issue)

    assert not session.is_kept
    assert reason in session.reason
    assert versions_in(versions.folder) == ["shop1"]
    history = read_history(versions.folder)
    assert history is not None
    assert [each.is_kept for each in history.sessions] == [True, False]


def test_another_validation_set_is_refused_unless_it_is_accepted(tmp_path: Path) -> None:
    versions, other = Versions(tmp_path), DataUsed(41, "1" * 64, {"composed": 41})
    versions.keep(0.6)

    with pytest.raises(RecipeError, match="not the frozen one"):
        versions.keep(0.7, data=other)

    assert versions.keep(0.7, data=other, accepts=True).version == "shop2"


def test_versions_of_another_model_are_left_alone(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    versions.keep(0.6)
    candidate = Candidate(tmp_path / "adapter_0" / "new.json", versions.folder, "bank", "guide-1")

    with pytest.raises(RecipeError, match="are of 'shop'"):
        keep_if_better(candidate, FROZEN, lambda _: figures(1.0, 1.0))
