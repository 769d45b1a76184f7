"""A manifest becomes a model that analyses calls, and its versions are exchanged."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.analytics.analysis import STEP
from models.analytics.backends.choice import BackendOptions
from models.analytics.backends.openai_server import ServerOptions
from models.analytics.guide import guide_file
from models.analytics.serving import store
from models.analytics.serving.analyst import Analysed, Analyst
from models.analytics.serving.store import AnalyticsModels, GuideModel
from models.call_routes import CallRoute
from models.store.layout import point_alias
from models.store.versioned import Swap
from schemas.base import CallContext
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError
from schemas.failed import Failed
from tests.support.analytics.tiny_analyst import call_of, make_base, make_version
from tests.support.models.stored_models import LATER_S, Clock

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep conversions of the tests' models out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    return make_version(make_base(folder), folder)


@pytest.fixture(scope="module")
def analyst(manifest: Path) -> Iterator[Analyst]:
    analyst = Analyst.load(manifest)
    yield analyst
    analyst.close()


def test_every_call_is_analysed_whatever_the_weights(analyst: Analyst) -> None:
    """The weights are random; each finding names a turn of the call and has a confidence."""
    found = analyst.analyse([call_of(number, turns=4 + number % 3) for number in range(24)])

    assert [each for each in found if isinstance(each, Failed)] == []
    for number, each in enumerate(found):
        assert isinstance(each, Analysed)
        analysis = each.analysis
        assert each.left_out == 0
        assert len(analysis.scorecard) == len(analyst.guide.scorecard)
        for rating in (analysis.csat, analysis.churn, analysis.quality):
            assert rating is None or rating.score % STEP == 0
        for choice in (analysis.category, analysis.journey, *analysis.faults):
            assert choice is None or 0 < choice.confidence <= 1
            assert choice is None or all(turn < 4 + number % 3 for turn in choice.turns)


def test_a_long_call_loses_turns_of_its_middle(analyst: Analyst) -> None:
    (found,) = analyst.analyse([call_of(1, turns=60)])

    assert isinstance(found, Analysed)
    assert 0 < found.left_out < 60


def test_a_sample_of_a_seed_comes_again_and_differs_from_others(analyst: Analyst) -> None:
    def sampled(seed: int) -> list[str]:
        found = analyst.analyse([call_of(1), call_of(2)], temperature=1.0, seed=seed)
        return [each.generated.text for each in found if isinstance(each, Analysed)]

    assert sampled(1) == sampled(1)
    assert sampled(1) != sampled(2)


def test_a_missing_base_is_told_in_one_line(manifest: Path) -> None:
    options = BackendOptions(base="smollm2-135m", models_folder=manifest.parent / "none")

    with pytest.raises(ModelNotFoundError, match="run `callstream models fetch smollm2-135m`"):
        Analyst.load(manifest, options)


def test_without_a_bundled_model_the_reason_says_to_train_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WEIGHTS", tmp_path)

    models = GuideModel("contact-centre", "bundled")

    assert models.champion is None
    assert models.missing() == {"contact-centre": store.NOT_BUNDLED}


def test_an_adapter_in_another_form_than_the_back_end_reads_is_told(manifest: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="no adapter for the back-end mlx, but for onnx, llama"
    ):
        Analyst.load(manifest, BackendOptions(name="mlx"))


def test_a_server_that_is_away_fails_calls_and_no_start(manifest: Path) -> None:
    server = ServerOptions(url="http://127.0.0.1:9/v1")
    analyst = Analyst.load(manifest, BackendOptions(name="openai", server=server))
    (failure,) = analyst.analyse([call_of(0)])
    analyst.close()

    assert isinstance(failure, Failed)
    assert failure.retryable
    assert "http://127.0.0.1:9/v1/ cannot be reached" in failure.reason


def test_versions_are_promoted_rolled_back_and_compared(manifest: Path, tmp_path: Path) -> None:
    for version, name in (("v1", "first"), ("v2", "second")):
        (tmp_path / version).mkdir()
        make_version(manifest.parent / "base.gguf", tmp_path / version, name)
    point_alias(tmp_path, "champion", "v1")
    clock = Clock()
    models = GuideModel("contact-centre", str(tmp_path), now=clock)
    assert models.champion is not None
    assert models.champion.name.startswith("first@")
    assert models.challenger is None

    point_alias(tmp_path, "champion", "v2")
    point_alias(tmp_path, "shadow", "v1")
    clock.now_s += LATER_S
    changes = models.refresh()

    assert [type(each) for each in changes] == [Swap, Swap]
    assert models.champion.name.startswith("second@")
    assert models.challenger is not None
    assert models.challenger.name.startswith("first@")
    for each in (models.champion, models.challenger):
        each.close()


def test_a_model_whose_base_is_missing_is_looked_for_again(manifest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    base = folder / "base.gguf"
    options = BackendOptions(base=str(base))
    models = GuideModel("contact-centre", str(manifest), options)
    assert models.champion is None
    assert models.guide.name == "contact-centre"
    assert str(base) in models.missing()["contact-centre"]

    shutil.copy(manifest.parent / "base.gguf", base)
    assert models.refresh() == []

    assert models.champion is not None
    assert models.missing() == {}
    models.champion.close()


def test_a_model_of_another_guide_is_refused(manifest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "version"
    shutil.copytree(manifest.parent, folder)
    guide = folder / "guide.toml"
    own = tmp_path / "own.toml"
    own.write_text(guide.read_text().replace('name = "contact-centre"', 'name = "own"', 1))

    models = GuideModel(str(own), str(folder / manifest.name))

    assert models.champion is None
    assert "has the analysis guide 'contact-centre', not 'own'" in models.missing()["own"]


def test_each_guide_has_its_model_and_calls_are_routed_by_their_context(
    manifest: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    text = (manifest.parent / "guide.toml").read_text()
    own.write_text(text.replace('name = "contact-centre"', 'name = "own"', 1))
    sources = {"contact-centre": str(manifest), str(own): str(tmp_path / "none")}
    routes = (CallRoute(str(own), queue="shop"),)

    models = AnalyticsModels(sources, default="contact-centre", routes=routes)

    assert models.names() == ("contact-centre", str(own))
    queues = ("shop", "other", "")
    guides = [models.guide_for(CallContext(queue=queue)) for queue in queues]
    assert guides == [str(own), "contact-centre", "contact-centre"]
    champion = models.of("contact-centre").champion
    assert champion is not None
    assert models.of(str(own)).champion is None
    assert list(models.missing()) == ["own"]
    champion.close()


def test_two_models_of_one_guide_and_a_route_to_none_are_refused(tmp_path: Path) -> None:
    copy = tmp_path / "copy.toml"
    copy.write_text(guide_file("contact-centre").read_text())
    none = str(tmp_path / "none")

    with pytest.raises(ConfigurationError, match="guide 'contact-centre' has two models"):
        AnalyticsModels({"contact-centre": none, str(copy): none}, default="contact-centre")
    with pytest.raises(ConfigurationError, match="routed to the analysis guide 'shop'"):
        AnalyticsModels({"contact-centre": none}, default="shop")


def test_a_damaged_adapter_is_refused(manifest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "version"
    shutil.copytree(manifest.parent, folder)
    (folder / "adapter.gguf").write_bytes(b"damaged")

    with pytest.raises(ModelIntegrityError, match="damaged or was replaced"):
        Analyst.load(folder / manifest.name)
