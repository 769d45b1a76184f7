"""What can be known of the files for Modal, Replicate and CUDA without these platforms.

The platforms' libraries are stood in for by objects that take any call and keep the functions.
"""

from __future__ import annotations

import inspect
import json
import re
import runpy
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import msgspec
import pytest

from models.analytics.analysis import Analysis
from models.analytics.backends.choice import BackendOptions
from models.analytics.backends.protocol import Generated
from models.analytics.serving.analyst import Analysed, Analyst
from models.analytics.turns import TemporalContext
from schemas.failed import Failed
from stream_app.settings import is_setting
from tests.support.analytics.planted_calls import planted_call
from training.analytics.learning import run as learning
from training.analytics.learning.recipe import AnalyticsRecipe, read_analytics_recipe

ROOT = Path(__file__).parents[3]
DOCKER = ROOT / "docker"
DOCKERFILE = DOCKER / "analytics-cuda.Dockerfile"
MODAL = ("train_analytics.py", "serve_analytics.py")
GUIDES = {
    "docs/deploy_modal.md": ("docker/modal/train_analytics.py", "docker/modal/serve_analytics.py"),
    "docs/deploy_replicate.md": ("docker/replicate/cog.yaml", "docker/replicate/predict.py"),
    "docs/deploy_cuda.md": ("docker/analytics-cuda.Dockerfile",),
}


class Anything:
    """Takes any call and any attribute, decorates by giving the function back, keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.parts: dict[str, Anything] = {}

    def __getattr__(self, name: str) -> Anything:
        """Return the part of that name."""
        return self.parts.setdefault(name, Anything())

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Keep the call; return a decorated function, or this."""
        self.calls.append((arguments, named))
        if len(arguments) == 1 and not named and inspect.isfunction(arguments[0]):
            arguments[0].remote = self.remote  # type: ignore[attr-defined]
            return arguments[0]
        return self

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


class Field:
    """What `cog.Input` declares."""

    def __init__(self, description: str, default: Any = ..., **bounds: Any) -> None:
        self.description, self.default, self.bounds = description, default, bounds


@pytest.fixture
def modal(monkeypatch: pytest.MonkeyPatch) -> Anything:
    fake = Anything()
    module = ModuleType("modal")
    module.__getattr__ = fake.__getattr__  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "modal", module)
    return fake


@pytest.fixture
def cog(monkeypatch: pytest.MonkeyPatch) -> None:
    class BaseModel:
        def __init__(self, **values: Any) -> None:
            self.__dict__ |= values

    module = ModuleType("cog")
    parts = {"BaseModel": BaseModel, "BasePredictor": object, "Input": Field, "Path": Path}
    module.__dict__.update(parts)
    monkeypatch.setitem(sys.modules, "cog", module)


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> list[tuple[AnalyticsRecipe, int]]:
    """Recipe and number of examples of every training that was asked for; none takes place."""
    asked: list[tuple[AnalyticsRecipe, int]] = []
    signature = inspect.signature(learning.learn_adapter)

    def learn(*arguments: Any, **named: Any) -> None:
        given = signature.bind(*arguments, **named).arguments
        asked.append((given["recipe"], len(given["examples"].train)))
        (given["work"] / "adapter").mkdir(parents=True)
        (given["work"] / "adapter" / "adapter_model.safetensors").write_text("weights")
        for name in ("report.md", "report.json"):
            (given["work"] / name).write_text("report")

    monkeypatch.setattr(learning, "learn_adapter", learn)
    return asked


def write_corpus(folder: Path) -> Path:
    folder.mkdir()
    for name, count in (("train", 3), ("validation", 1)):
        lines = [msgspec.json.encode(planted_call(number)) for number in range(count)]
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return folder


@pytest.mark.parametrize("name", MODAL)
def test_a_file_of_modal_builds_the_cuda_image_that_is_there(
    modal: Anything, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(ROOT)

    runpy.run_path(str(DOCKER / "modal" / name))

    ((dockerfile,), options) = modal.Image.from_dockerfile.calls[0]
    assert Path(dockerfile).samefile(DOCKERFILE)
    assert Path(options["context_dir"]).samefile(ROOT)


def test_modal_trains_a_recipe_that_ships_and_keeps_what_was_reached(
    modal: Anything,
    monkeypatch: pytest.MonkeyPatch,
    learnt: list[tuple[AnalyticsRecipe, int]],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(ROOT)
    file = runpy.run_path(str(DOCKER / "modal" / "train_analytics.py"))
    corpus = write_corpus(tmp_path / "data")
    file["train"].__globals__["VOLUME_AT"] = tmp_path

    said = file["train"]("qwen2_5_7b", ["learning.epochs=1"])
    file["main"](recipe="qwen2_5_7b", corpus=str(corpus), changes="a=1;b=2")

    ((recipe, examples),) = learnt
    assert (recipe.name, recipe.learning.epochs, examples) == ("qwen2_5_7b", 1, 3)
    assert said == "report"
    volume = modal.Volume.from_name
    assert volume.commit.calls == [((), {})]
    uploaded = [arguments for arguments, _ in volume.batch_upload.put_file.calls]
    assert [Path(local).is_file() for local, _ in uploaded] == [True, True]
    assert [at for _, at in uploaded] == ["/data/train.jsonl", "/data/validation.jsonl"]


def test_modal_serves_by_the_command_and_the_settings_of_the_server(
    modal: Anything, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    started: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr("subprocess.Popen", lambda command, env: started.append((command, env)))

    file = runpy.run_path(str(DOCKER / "modal" / "serve_analytics.py"))
    file["serve"]()

    ((command, environment),) = started
    assert command == ["callstream", "serve"]
    assert environment["CALLSTREAM_API__PORT"] == str(file["PORT"])
    assert modal.web_server.calls[0][0] == (file["PORT"],)


@pytest.mark.usefixtures("cog")
def test_replicate_trains_and_gives_an_archive(
    learnt: list[tuple[AnalyticsRecipe, int]], tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "data")
    train = runpy.run_path(str(DOCKER / "replicate" / "train_analytics.py"))["train"]
    values = {
        name: each.default.default for name, each in inspect.signature(train).parameters.items()
    }
    values |= {"train_data": corpus / "train.jsonl", "val_data": corpus / "validation.jsonl"}

    output = train(**values)

    ((recipe, examples),) = learnt
    assert (recipe.name, recipe.learning.learning_rate, examples) == ("mistral_7b", 2e-5, 3)
    with tarfile.open(output.weights) as archive:
        assert "adapter/adapter_model.safetensors" in archive.getnames()


@pytest.mark.usefixtures("cog")
def test_replicate_predicts_by_the_analyst(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each call is analysed by the version of the folder, on CUDA; a failure is an error."""
    asked: list[Any] = []

    class Fake:
        def analyse(self, calls: Any) -> list[Any]:
            asked.append(calls)
            if len(asked) > 1:
                return [Failed("out of memory", retryable=True)]
            analysis = planted_call(1).analysis
            generated = Generated(
                text="", tokens=(), prompt_tokens=1, answer_tokens=1, answer_s=0.1
            )
            return [Analysed(analysis=analysis, left_out=0, generated=generated)]

    def load(path: Path, options: BackendOptions) -> Fake:
        assert (path, options.name, options.device) == (tmp_path / "v.json", "transformers", "cuda")
        return Fake()

    (tmp_path / "v.json").write_text('{"sha256": ""}')
    monkeypatch.setattr(Analyst, "load", load)
    kind = runpy.run_path(str(DOCKER / "replicate" / "predict.py"))["Predictor"]
    kind.setup.__globals__["MODEL"] = tmp_path
    predictor = kind()
    predictor.setup()

    said = predictor.predict('[["agent", "hello"], ["customer", "bye"]]', "{}")

    assert msgspec.json.decode(said, type=Analysis) == planted_call(1).analysis
    ((turns, context),) = asked[0]
    assert (turns[1].party, turns[1].text, context) == ("customer", "bye", TemporalContext())
    with pytest.raises(RuntimeError, match="out of memory"):
        predictor.predict("[]", "{}")


def test_cog_names_files_and_functions_that_are_there() -> None:
    text = (DOCKER / "replicate" / "cog.yaml").read_text()

    targets = re.findall(r'"(docker/\S+\.py):(\w+)"', text)
    assert [name for _, name in targets] == ["Predictor", "train"]
    for path, name in targets:
        assert re.search(rf"^(def|class) {name}\b", (ROOT / path).read_text(), re.MULTILINE)
    (requirements,) = re.findall(r"python_requirements: (\S+)", text)
    assert (ROOT / requirements).is_file()


def test_the_pins_of_replicate_are_those_of_the_constraints() -> None:
    pinned = set((ROOT / "constraints.txt").read_text().split())
    lines = (DOCKER / "replicate" / "requirements.txt").read_text().splitlines()
    needed = [line for line in lines if not line.startswith("#")]

    assert len(needed) > 10
    assert [line for line in needed if line not in pinned] == []


def instructions() -> list[tuple[str, str]]:
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines()]
    pairs = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(name, re.sub(r"\s+", " ", arguments).strip()) for name, _, arguments in pairs]


def named(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


def test_the_cuda_image_is_made_as_that_of_the_workers() -> None:
    """Two stages, pinned, what is copied exists, nobody in particular, signals arrive."""
    known = {"FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE"}
    known |= {"STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in instructions()} <= known
    for image in named("FROM"):
        assert re.match(r"python:3\.11-slim-bookworm AS \w+$", image)
    installs = [each for each in named("RUN") if "pip install" in each]
    assert "--constraint constraints.txt" in installs[0]
    assert "--no-deps" in installs[1]
    copies = [each for each in named("COPY") if not each.startswith("--from")]
    sources = {source for each in copies for source in each.split()[:-1]}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert [source for source in sources if f"!{source}" not in allowed] == []
    assert named("USER") == ["10001:10001"]
    assert named("ENTRYPOINT") == ['["tini", "--", "callstream"]']
    assert json.loads(named("CMD")[-1]) == ["serve"]


@pytest.mark.parametrize(
    "path", [DOCKERFILE, DOCKER / "modal" / "serve_analytics.py"], ids=lambda path: path.name
)
def test_every_variable_is_a_setting(path: Path) -> None:
    names = set(re.findall(r"CALLSTREAM_[A-Z_]+", path.read_text()))

    assert names
    assert [name for name in sorted(names) if not is_setting(name)] == []


@pytest.mark.parametrize("page", GUIDES)
def test_a_guide_names_its_files_and_says_what_was_not_run(page: str) -> None:
    text = (ROOT / page).read_text()

    assert "## What was not run" in text
    for file in GUIDES[page]:
        assert file in text
        assert (ROOT / file).is_file()
    for name in re.findall(r"training/analytics/recipes/(\w+)\.toml", text):
        read_analytics_recipe(ROOT / "training" / "analytics" / "recipes" / f"{name}.toml")
