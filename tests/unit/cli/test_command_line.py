"""Commands say what is wrong in one line, with the exit code that says whose fault it is."""

import signal
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from schemas.errors import BrokerError, ConfigurationError, MissingExtraError
from schemas.export import schema_files
from stream_app.cli import groups
from stream_app.cli.app import app
from stream_app.cli.demo import introduction
from stream_app.cli.options import parse_speed, settings_for
from stream_app.demo.session import DEMO_CALL, load_call
from stream_app.settings import Settings

NOBODY = "127.0.0.1:1"  # nothing listens there


def run(*arguments: str | Path, application: typer.Typer = app) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def failing(error: BaseException) -> typer.Typer:
    """Return a command line whose only command raises ``error``."""
    application = typer.Typer(cls=groups.RootGroup)

    @application.callback()
    def root(*, traceback: bool = False) -> None:
        del traceback

    @application.command()
    def fail() -> None:
        raise error

    return application


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BrokerError("no broker\nanswers"), 1, "callstream: no broker answers\n"),
        (BrokerError("call \x1b[2Jx\u202e"), 1, "callstream: call x\n"),
        (MissingExtraError("install x"), 1, "callstream: install x\n"),
        (ConfigurationError("CALLSTREAM_X is not a setting"), 2, "callstream: CALLSTREAM_X is"),
        (ModuleNotFoundError("no torch", name="torch.nn"), 1, "pip install 'callstream[torch]'"),
        (ModuleNotFoundError("no aiokafka", name="aiokafka"), 1, "all its dependencies"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (KeyboardInterrupt(), 130, ""),
        (ZeroDivisionError("oh"), 1, "callstream: ZeroDivisionError: oh (a bug; --traceback"),
    ],
)
def test_a_failure_is_one_line_on_stderr(error: BaseException, code: int, line: str) -> None:
    result = run("fail", application=failing(error))

    assert result.exit_code == code
    assert line in result.stderr
    assert result.stderr.count("\n") == bool(line)
    assert result.stdout == ""


def test_a_traceback_is_there_for_those_who_ask() -> None:
    result = run("--traceback", "fail", application=failing(ZeroDivisionError("oh")))

    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["replay"], "give at least one PATH"),
        (["replay", "a.wav", "--speed", "0"], "'0' is no speed"),
        (["replay", "a.wav", "--speed", "fast"], "'fast' is no speed"),
        (["replay", "a.wav", "--chunk-ms", "10"], "--chunk-ms"),
        (["replay", "a.wav", "--parties", "agent,boss"], "'boss' is no party"),
        (["replay", "a.wav", "--raw-encoding", "gsm"], "--raw-encoding"),
        (["replay", "a.wav", "--run", "a~b"], "'a~b' cannot be a run id"),
        (["worker", "--agents", "transcribe,bake"], "no agent 'bake'"),
        (["demo", "--speed", "-1"], "'-1' is no speed"),
        (["demo", "--colour"], "No such option"),
        (["topic"], "No such command 'topic'"),
    ],
)
def test_wrong_usage_is_exit_2(arguments: list[str], reason: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", str(DEMO_CALL), "--brokers", NOBODY],
        ["topics", "describe", "--brokers", NOBODY],
        ["topics", "create", "--brokers", NOBODY],
        ["watch", "--brokers", NOBODY],
    ],
)
def test_a_broker_that_does_not_answer_is_one_line(arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"callstream: no broker answers at {NOBODY}")


@pytest.mark.parametrize("servers", ["", "host:abc", "host:99999", "a:1,,b:2", "host:1 host:2"])
def test_brokers_that_are_no_hosts_and_ports_are_one_line(servers: str) -> None:
    result = run("watch", "--brokers", servers)

    assert result.exit_code == 2
    assert "CALLSTREAM_KAFKA__BOOTSTRAP_SERVERS: Value error" in result.stderr
    assert "is no HOST:PORT" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("servers", ["kafka", "k-1.example:9092, k-2.example:9092", "[::1]:9092"])
def test_brokers_may_be_several_and_leave_the_port_out(servers: str) -> None:
    assert settings_for(servers).kafka.bootstrap_servers == servers


def test_a_replay_of_nothing_asks_no_broker(tmp_path: Path) -> None:
    result = run("replay", tmp_path, "--brokers", NOBODY)

    assert result.exit_code == 1
    assert result.stderr == "callstream: no calls found\n"


def test_an_unknown_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSTREAM_ASR__MODLE", "base.en")

    result = run("replay", DEMO_CALL)

    assert result.exit_code == 2
    assert result.stderr == "callstream: CALLSTREAM_ASR__MODLE is not a setting\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none.wav", "no such file or directory"), ("text.wav", "not an audio file")],
)
def test_the_demo_looks_at_the_recording_before_it_starts_anything(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "text.wav").write_text("no audio")

    result = run("demo", "--call", tmp_path / name)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"callstream: {tmp_path / name}: {reason}")
    assert result.stderr.count("\n") == 1


def test_the_demo_says_what_it_runs_on() -> None:
    call = load_call(DEMO_CALL)

    own = "\n".join(introduction(call, 1.0, Settings()))
    other = introduction(call, None, Settings().replace(asr={"model": "base.en"}))

    assert "call.wav in real time" in own
    assert "embedded broker: in memory" in own
    assert "small bundled weights" in own
    assert max(len(line) for line in own.splitlines()) < 80
    assert other[-1] == "Speech by the weights base.en."
    assert "as fast as possible" in other[0]


def test_speeds_are_numbers_or_max() -> None:
    assert [parse_speed(text) for text in ("1", "0.5", "8", "max")] == [1.0, 0.5, 8.0, None]
    for wrong in ("nan", "inf", "-1", ""):
        with pytest.raises(typer.BadParameter):
            parse_speed(wrong)


def test_schemas_are_exported_one_file_each(tmp_path: Path) -> None:
    result = run("schemas", "export", tmp_path)

    assert result.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == set(schema_files())
    assert result.stdout == f"{len(schema_files())} schemas in {tmp_path}\n"


def test_versions_and_weights_are_told() -> None:
    assert run("version").stdout.startswith("callstream 0.")
    assert "silero" in run("weights", "list").stdout
    assert "intact" in run("weights", "verify").stdout


class FakeEntryPoint:
    """An entry point that loads ``loaded`` or raises it."""

    def __init__(self, name: str, loaded: Any) -> None:
        self.name = name
        self._loaded = loaded

    def load(self) -> Any:
        """Return or raise."""
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


def register(monkeypatch: pytest.MonkeyPatch, *entry_points: FakeEntryPoint) -> None:
    registered: dict[str, EntryPoint | FakeEntryPoint] = {
        entry_point.name: entry_point for entry_point in entry_points
    }
    monkeypatch.setattr(groups, "_registered", lambda: registered)


def test_registered_commands_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    further = typer.Typer(help="Bakes.")

    @further.command()
    def bread() -> None:
        typer.echo("baked")

    register(monkeypatch, FakeEntryPoint("bake", further))

    assert "Bakes." in run("--help").stdout
    assert run("bake", "bread").stdout == "baked\n"


def test_a_command_whose_extra_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = ModuleNotFoundError("no jiwer", name="jiwer")
    register(monkeypatch, FakeEntryPoint("train", missing))

    result = run("train", "asr", "recipe.toml", "--set", "a=1")

    assert result.exit_code == 1
    assert "pip install 'callstream[train]'" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Not installed: needs the extra 'train'." in run("--help").stdout


def test_our_commands_win_over_registered_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, FakeEntryPoint("version", ModuleNotFoundError("x", name="x")))

    assert run("version").exit_code == 0


def test_help_loads_nothing_heavy() -> None:
    """Half a second is what people wait for a list of commands."""
    script = (
        "import sys; sys.argv = ['callstream', '--help']\n"
        "from stream_app.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'faust', 'aiokafka', 'numpy', 'soundfile', 'torch', 'pydantic', 'onnxruntime'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout

    assert shown.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_command_clean_up_once(number: signal.Signals, code: int) -> None:
    script = (
        "import asyncio, sys, typer\n"
        "from stream_app.cli.running import run_until_signal\n"
        "async def work():\n"
        "    print('working', flush=True)\n"
        "    try: await asyncio.sleep(60)\n"
        "    finally:\n"
        "        print('cleaning', flush=True)\n"
        "        await asyncio.sleep(0.3)\n"
        "        print('clean', flush=True)\n"
        "try: run_until_signal(work)\n"
        "except typer.Exit as end: sys.exit(end.exit_code)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.send_signal(number)
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(number)  # the impatient press twice
        time.sleep(0.05)
        process.send_signal(number)
        assert process.stdout.readline() == "clean\n"
        assert process.wait(10) == code
