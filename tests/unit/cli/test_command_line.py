"""Commands say what is wrong in one line, with the exit code that says whose fault it is."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from models.fetching.catalogue import CATALOGUE
from models.store.layout import read_aliases
from models.store.manifest import WEIGHTS, verify_all
from schemas.errors import BrokerError, ConfigurationError, MissingExtraError
from schemas.export import schema_files
from stream_app.cli.app import app
from stream_app.cli.commands.demo import introduction
from stream_app.cli.options import parse_speed, settings_for
from stream_app.cli.root import RootGroup
from stream_app.demo.session import DEMO_CALL, load_call
from stream_app.settings import Settings
from tests.support.models.stored_models import write_word

NOBODY = "127.0.0.1:1"  # nothing listens there


def run(*arguments: str | Path, application: typer.Typer = app) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def failing(error: BaseException) -> typer.Typer:
    """Return a command line whose only command raises ``error``."""
    application = typer.Typer(cls=RootGroup)

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
        (["replay", "a.wav", "--speed", "0"], "'0' is not a speed"),
        (["replay", "a.wav", "--speed", "fast"], "'fast' is not a speed"),
        (["replay", "a.wav", "--chunk-ms", "10"], "--chunk-ms"),
        (["replay", "a.wav", "--parties", "agent,boss"], "'boss' is not a party"),
        (["replay", "a.wav", "--raw-encoding", "gsm"], "--raw-encoding"),
        (["replay", "a.wav", "--run", "a~b"], "'a~b' cannot be a run id"),
        (["worker", "--agents", "transcribe,bake"], "no agent 'bake'"),
        (["demo", "--speed", "-1"], "'-1' is not a speed"),
        (["demo", "--colour"], "No such option: --colour; see callstream demo --help"),
        (["--colour"], "No such option: --colour; see callstream --help"),
        (["topic"], "No such command 'topic'"),
        (["topics", "delete"], "No such command 'delete'; see callstream topics --help"),
    ],
)
def test_wrong_usage_is_exit_2_and_one_line(arguments: list[str], reason: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert result.stderr.startswith("callstream: ")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


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
    assert result.stderr.startswith("callstream: Invalid value for --brokers: '")
    assert "is not HOST:PORT; see callstream watch --help" in result.stderr
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
    assert result.stderr == (
        "callstream: CALLSTREAM_ASR__MODLE is not a setting: did you mean CALLSTREAM_ASR__MODEL?\n"
    )


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
    assert "bundled weights: Whisper tiny.en" in own
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


def test_an_alias_is_promoted_and_rolled_back(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        write_word(tmp_path / version, version)
    aliases = ("models", "alias", str(tmp_path), "champion")

    assert run(*aliases, "v2").stdout == "champion: v2\n"
    assert run(*aliases, "v1").exit_code == 0
    refused = run(*aliases, "v3")

    assert read_aliases(tmp_path) == {"champion": "v1"}
    assert refused.exit_code == 2
    assert "no version 'v3': there are v1, v2" in " ".join(refused.stderr.split())


def test_the_version_is_told() -> None:
    assert run("version").stdout.startswith("callstream 0.")


def test_models_are_listed_once_each_with_all_their_files(tmp_path: Path) -> None:
    listed = json.loads(run("models", "list", "--json", "--folder", tmp_path).stdout)

    states = {model["name"]: model["state"] for model in listed}
    sizes = {model["name"]: model["size_bytes"] for model in listed}
    # A label set and an analysis guide may have one name
    assert len({(model["name"], model["description"]) for model in listed}) == len(listed)
    assert states.keys() == {m.name for m in verify_all().values()} | CATALOGUE.keys()
    assert (states["callstream-en"], states["base"]) == ("bundled", "fetchable")
    assert sizes["callstream-en"] > sum(f.stat().st_size for f in (WEIGHTS / "asr").glob("*.onnx"))
    assert "speech recognition" in run("models", "list").stdout


def test_bundled_models_are_verified() -> None:
    said = run("models", "verify").stdout.splitlines()

    names = {manifest.name for manifest in verify_all().values()}
    assert sorted(said) == sorted(f"{name}: intact" for name in names)


def test_what_cannot_be_fetched_is_wrong_usage() -> None:
    refused = run("models", "fetch", "of-next-year")

    assert refused.exit_code == 2
    assert "no model 'of-next-year' can be fetched: use tiny.en, base" in refused.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_command_clean_up_once(number: signal.Signals, code: int) -> None:
    script = (
        "import asyncio, sys, typer\n"
        "from stream_app.cli.running import run_until_signal\n"
        "async def work():\n"
        "    print('working', flush=True)\n"
        "    try: await asyncio.Event().wait()\n"
        "    finally:\n"
        "        print('cleaning', flush=True)\n"
        "        for line in range(2):\n"
        "            print(await asyncio.to_thread(input), flush=True)\n"
        "        print('clean', flush=True)\n"
        "try: run_until_signal(work)\n"
        "except typer.Exit as end: sys.exit(end.exit_code)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.send_signal(number)
        assert process.stdout.readline() == "cleaning\n"
        for press in ("once", "twice"):  # as the impatient do
            process.send_signal(number)
            process.stdin.write(f"{press}\n")
            assert process.stdout.readline() == f"{press}\n"
        assert process.stdout.readline() == "clean\n"
        assert process.wait(10) == code
