"""Whether the demo shows insights: only where everything that they need is on the machine."""

from pathlib import Path

import pytest

from schemas.errors import MissingExtraError
from stream_app import analytics
from stream_app.settings import AnalyticsSettings
from tests.support.analytics.tiny_analyst import make_base, make_version

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version")
    return make_version(make_base(folder), folder)


def _settings(manifest: Path, base: Path) -> AnalyticsSettings:
    return AnalyticsSettings(models={"contact-centre": str(manifest)}, base=str(base))


def test_a_model_with_its_base_can_run(manifest: Path) -> None:
    assert analytics.has_model(_settings(manifest, manifest.parent / "base.gguf"))


def test_without_base_adapter_or_packages_it_cannot(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = manifest.parent / "base.gguf"

    assert not analytics.has_model(_settings(manifest, base.with_name("none.gguf")))
    assert not analytics.has_model(_settings(manifest.with_name("none.json"), base))

    def missing(_: str) -> None:
        raise MissingExtraError("a GGUF file needs gguf")

    monkeypatch.setattr(analytics, "import_backend", missing)
    assert not analytics.has_model(_settings(manifest, base))
