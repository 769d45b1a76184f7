"""A demo ends with a report, or with one clear failure."""

from pathlib import Path

import pytest
import soundfile

from schemas import catalogue
from schemas.errors import (
    AudioFormatError,
    BrokerError,
    CallstreamError,
    ConfigurationError,
)
from stream_app.agents.registry import DEFAULT_AGENTS
from stream_app.demo.local_system import LocalSystem
from stream_app.demo.session import DEMO_CALL, REAL_CALL, DemoSession, load_call
from stream_app.settings import Settings
from tests.support.calls.call_messages import (
    CALL,
    classified,
    final,
    finalized,
    started,
)
from tests.support.calls.fake_screen import FakeScreen, arrival


def test_the_bundled_call_loads_with_its_context_and_reference() -> None:
    call = load_call(DEMO_CALL)

    assert call.planned.call_id.startswith("demo-call~")
    assert call.planned.parties == ("agent", "customer")
    assert call.planned.sidecar.context.queue_wait_ms > 0
    assert call.reference is not None


def test_the_real_call_is_two_people_on_two_channels_without_a_reference() -> None:
    call = load_call(REAL_CALL)
    audio, rate_hz = soundfile.read(REAL_CALL)

    assert call.planned.call_id.startswith("real-call~")
    assert call.planned.parties == ("agent", "customer")
    assert call.reference is None
    assert (audio.shape, rate_hz) == ((90 * 8_000, 2), 8_000)
    loud = (audio.reshape(900, 800, 2) ** 2).mean(axis=1) > 1e-4
    assert (loud.mean(axis=0) > 0.1).all()  # both speak
    assert loud[:20].any()  # from the beginning on
    assert REAL_CALL.stat().st_size < 1_500_000
    assert {"LICENSE.txt", "NOTICE.txt", "README.md"} <= {
        path.name for path in REAL_CALL.parent.iterdir()
    }


def test_a_call_of_the_users_needs_no_reference(tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_bytes(DEMO_CALL.read_bytes())

    call = load_call(tmp_path / "mine.wav")

    assert call.planned.call_id.startswith("mine~")
    assert call.reference is None


@pytest.mark.parametrize("name", ["none.wav", "text.wav", "bad.wav"])
def test_a_call_that_cannot_be_replayed_fails_before_anything_starts(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "bad.wav").write_bytes(DEMO_CALL.read_bytes())
    (tmp_path / "bad.json").write_text("no json")

    with pytest.raises(AudioFormatError, match=name.partition(".")[0]):
        load_call(tmp_path / name)


def session(screen: FakeScreen) -> DemoSession:
    demo = DemoSession(load_call(DEMO_CALL), 1.0, screen)
    demo.view.call_id = CALL
    return demo


def test_arrivals_are_shown_and_counted() -> None:
    screen = FakeScreen()
    demo = session(screen)

    demo.take([arrival(started()), arrival(final(0, 900, "hello there"))])
    demo.take([arrival(None, topic=catalogue.DEAD_LETTERS)])
    demo.take([arrival(finalized(((0, 900, "hello there"),))), arrival(classified())])

    assert screen.lines[0] == "  0:00.9  agent     hello there"
    assert "labels (contact-centre-1): main_category Cards (97%)" in screen.lines[1]
    assert demo.report().classified == classified()
    assert screen.shown == [demo.view]
    assert demo.report().dead_letters == 1
    assert demo.report().word_errors[0].reference_words > 50


def test_there_is_no_report_before_the_call_is_finalized() -> None:
    with pytest.raises(Exception, match="not finalized"):
        session(FakeScreen()).report()


def test_a_call_of_which_nothing_comes_any_more_is_given_up() -> None:
    now_s = 0.0
    demo = DemoSession(load_call(DEMO_CALL), 1.0, FakeScreen(), now_s=lambda: now_s)

    now_s = 59.0
    demo._check_silence()
    now_s = 61.0
    with pytest.raises(BrokerError, match=r"no message of demo-call~.* came for 60 s"):
        demo._check_silence()


class FakeSupervisor:
    """Agents with the process ids that a test gives them."""

    failure = ""

    def __init__(self) -> None:
        self.pid_of = {name: 1 + number for number, name in enumerate(DEFAULT_AGENTS)}

    def pid(self, name: str) -> int:
        """Return the process id."""
        return self.pid_of[name]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> LocalSystem:
    running = LocalSystem(Settings())
    monkeypatch.setattr(running, "_supervisor", FakeSupervisor())
    monkeypatch.setattr(running, "_check_broker", lambda: None)
    return running


def test_an_agent_that_cannot_run_ends_the_demo_with_its_reason(system: LocalSystem) -> None:
    system.check()

    system._supervisor.failure = "transcribe: no weights"  # type: ignore[misc, union-attr]

    with pytest.raises(ConfigurationError, match=r"^transcribe: no weights$"):
        system.check()


def test_an_agent_may_be_restarted_but_not_for_ever(system: LocalSystem) -> None:
    for pid in (1, 0, 10, 10, 0, 11):
        system._supervisor.pid_of["transcribe"] = pid  # type: ignore[union-attr]
        system.check()

    system._supervisor.pid_of["transcribe"] = 12  # type: ignore[union-attr]
    with pytest.raises(CallstreamError, match="transcribe ends again and again; see"):
        system.check()


def test_a_broker_that_is_gone_ends_the_demo() -> None:
    system = LocalSystem(Settings().replace(kafka={"bootstrap_servers": "127.0.0.1:1"}))
    system._supervisor = FakeSupervisor()  # type: ignore[assignment]

    with pytest.raises(BrokerError, match="embedded broker ended by itself"):
        system.check()
