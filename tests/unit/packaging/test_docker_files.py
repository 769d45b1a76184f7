"""What can be known of the image and the compose file without an engine."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from models.asr.checkpoints.exports import default_cache
from models.fetching.cache import default_models_folder
from stream_app.monitoring.health import Health, serve_health
from stream_app.settings import is_setting
from stream_app.settings.worker import MetricsSettings
from tests.support.system.metrics_ports import free_first_port

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE = ROOT / "docker" / "compose.yaml"
SECRET = re.compile(r"(password|secret|token|api_?key)\s*[:=]\s*\S", re.IGNORECASE)


def instructions() -> list[tuple[str, str]]:
    """Return name and arguments of each instruction, continued lines joined."""
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines()]
    pairs = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(name, re.sub(r"\s+", " ", arguments).strip()) for name, _, arguments in pairs]


def named(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


def test_images_are_pinned() -> None:
    images = [arguments.split()[0] for arguments in named("FROM")]
    images += re.findall(r"^ +image: (\S+)$", COMPOSE.read_text(), re.MULTILINE)

    assert len(images) >= 4
    for image in images:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+[\w.-]*", image), image


def test_the_image_is_built_in_two_stages_with_pinned_dependencies() -> None:
    assert [arguments.split()[-1] for arguments in named("FROM")] == ["build", "worker"]
    installs = [arguments for arguments in named("RUN") if "pip install" in arguments]
    assert "--constraint constraints.txt" in installs[0]
    assert "--no-deps" in installs[1]


def test_the_container_runs_as_nobody_in_particular() -> None:
    users = named("USER")
    assert users == ["10001:10001"]


def test_signals_reach_the_supervisor_and_children_are_reaped() -> None:
    assert named("ENTRYPOINT") == ['["tini", "--", "callstream"]']
    assert json.loads(named("CMD")[-1]) == ["worker"]


def test_the_container_says_whether_it_is_healthy() -> None:
    (healthcheck,) = named("HEALTHCHECK")
    assert "/opt/callstream/healthcheck.py" in healthcheck


@pytest.mark.parametrize(
    ("are_live", "code"), [([True], 0), ([True, True], 0), ([True, False], 1), ([False], 1)]
)
def test_a_container_is_healthy_while_all_its_agents_live(are_live: list[bool], code: int) -> None:
    first = free_first_port()
    for number, is_live in enumerate(are_live):
        health = Health("toy", 20 if is_live else -1)
        serve_health("127.0.0.1", first + number, CollectorRegistry(), health)

    assert _healthcheck(first) == code


def test_a_container_in_which_nobody_answers_is_not_healthy() -> None:
    assert _healthcheck(free_first_port()) == 1
    assert _healthcheck(0) == 0  # nothing was asked to answer


def test_the_check_asks_where_agents_answer_by_default() -> None:
    text = (ROOT / "docker" / "healthcheck.py").read_text()

    assert f'DEFAULT_PORT = "{MetricsSettings().port}"' in text
    assert f"EXPOSE {MetricsSettings().port}-" in DOCKERFILE.read_text()


def _healthcheck(port: int) -> int:
    return subprocess.run(
        [sys.executable, str(ROOT / "docker" / "healthcheck.py")],
        env={"CALLSTREAM_METRICS__PORT": str(port), "PYTHONPATH": str(ROOT)},
        check=False,
    ).returncode


def test_what_is_copied_exists_and_passes_the_ignore_file() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copies = [arguments for arguments in named("COPY") if not arguments.startswith("--from")]
    sources = {source for arguments in copies for source in arguments.split()[:-1]}

    assert sources == allowed
    assert [source for source in sources if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("path", [DOCKERFILE, COMPOSE], ids=lambda path: path.name)
def test_no_secret_is_written_down(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if SECRET.search(line)] == []


@pytest.mark.parametrize("path", [DOCKERFILE, COMPOSE], ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    """The worker refuses to start with a variable that it does not know."""
    names = set(re.findall(r"CALLSTREAM_\w+", path.read_text()))

    assert names
    assert [name for name in sorted(names) if not is_setting(name)] == []


def test_weights_that_are_fetched_or_exported_have_a_place_in_the_read_only_container() -> None:
    """It belongs to the user of the container, so that a new volume does too."""
    (setup,) = [arguments for arguments in named("RUN") if "useradd" in arguments]
    (cache,) = re.findall(r"install --directory --owner callstream .* (/\S+)", setup)

    assert f"- models:{cache} #" in COMPOSE.read_text()
    for folder in (default_models_folder(), default_cache()):
        assert folder.relative_to(Path.home()).parts[0] == Path(cache).name


def test_compose_accepts_the_file() -> None:
    command = _compose_command()
    answer = subprocess.run(
        [*command, "-f", str(COMPOSE), "--profile", "replay", "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint on the PATH")
    answer = subprocess.run(
        [hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout


def _compose_command() -> list[str]:
    if shutil.which("docker") is None:
        pytest.skip("no docker command on the PATH")
    answer = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if answer.returncode != 0:
        pytest.skip("the docker command has no compose plugin")
    return ["docker", "compose"]
