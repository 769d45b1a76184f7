"""The agent with a model that a test wrote: what it asks, what it does when files change."""

import os
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from models.store.layout import point_alias
from schemas.base import Message
from schemas.errors import ConfigurationError, ModelNotFoundError
from schemas.operations import Checkpoint
from schemas.transcripts import TranscriptTopicMessage
from schemas.turns import CallTurnsComplete, TurnEnded, TurnEndPredicted
from stream_app.agents import detect_turns
from stream_app.agents.definition import AgentDefinition, ModelChange
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import JudgementRequest
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.inference import Failed
from stream_app.settings import Settings
from tests.support.calls.turn_judges import drive
from tests.support.calls.turn_lanes import AGENT, CALL_ID, CUSTOMER, Said, lane
from tests.support.models.tiny_turns import write_turn_model

Logs = list[MutableMapping[str, Any]]
CALL = lane(
    [
        Said(AGENT, 0, 2_000, "good morning what can i do for you"),
        Said(CUSTOMER, 3_000, 5_000, "i would like to cancel my order"),
        Said(CUSTOMER, 9_000, 11_000, "please"),
    ]
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_turn_model(tmp_path)
    return tmp_path


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Logs:
    """What the agent logs; its own logger may be bound to what another test set up."""
    capture = LogCapture()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(), processors=[capture], wrapper_class=structlog.BoundLogger
    )
    monkeypatch.setattr(detect_turns, "log", logger)
    return capture.entries


def define(folder: Path, **turns: object) -> AgentDefinition:
    return detect_turns.define(Settings().replace(turns={"model": str(folder), **turns}))


def feed(
    definition: AgentDefinition, machine: CallTurns, messages: Sequence[TranscriptTopicMessage]
) -> list[Effect]:
    """Return the effects of messages, questions answered by the agent's model."""
    infer = definition.infer
    assert infer is not None
    return drive(machine, messages, lambda request: infer([request])[0])


def emitted(effects: Sequence[Effect]) -> list[Message]:
    return [effect.message for effect in effects if isinstance(effect, Emit)]


def last_checkpoint(effects: Sequence[Effect]) -> Checkpoint:
    points = [e.checkpoint for e in effects if isinstance(e, Commit) and e.checkpoint]
    return points[-1]


def call(definition: AgentDefinition, call_id: str = CALL_ID) -> CallTurns:
    machine = definition.create(call_id)
    assert isinstance(machine, CallTurns)
    return machine


def play(definition: AgentDefinition, call_id: str = CALL_ID) -> list[Message]:
    return emitted(feed(definition, call(definition, call_id), CALL))


def model_of(messages: Sequence[Message]) -> dict[str, str]:
    (complete,) = (m for m in messages if isinstance(m, CallTurnsComplete))
    return complete.summary.models


def look(definition: AgentDefinition) -> list[ModelChange]:
    assert definition.watch is not None
    return [*definition.watch.look()]


def settle(folder: Path) -> None:
    """Make the files as old as those that nobody is writing any more."""
    for file in folder.iterdir():
        os.utime(file, (1_000_000, file.stat().st_mtime - 100))


def turns_of(messages: Sequence[Message]) -> list[tuple[int, int, float]]:
    return [(m.start_ms, m.at_ms, m.probability) for m in messages if isinstance(m, TurnEnded)]


def test_without_a_model_silence_decides() -> None:
    definition = detect_turns.define(Settings().replace(turns={"model": "none"}))
    machine = call(definition)

    effects = [effect for o, message in enumerate(CALL) for effect in machine.feed(message, o)]

    assert definition.infer is None
    assert definition.watch is None
    assert {probability for *_, probability in turns_of(emitted(effects))} == {-1.0}


def test_a_model_judges_every_turn(folder: Path) -> None:
    messages = play(define(folder))

    turns = turns_of(messages)
    assert len(turns) >= 2
    assert all(0 < probability < 1 for *_, probability in turns)
    assert model_of(messages)["turns"].startswith("tiny-turns@")


def test_routes_choose_the_variant_of_each_party(folder: Path) -> None:
    models = model_of(play(define(folder, routes="agent=party:agent;customer=party:customer")))

    assert models["turns.agent"].endswith("/agent")
    assert models["turns.customer"].endswith("/customer")


def test_texts_of_many_calls_are_judged_as_if_alone(folder: Path) -> None:
    definition = define(folder)
    assert definition.infer is not None
    requests = []
    for number in range(20):
        machine = definition.create(f"{CALL_ID}-{number}")
        fed = [e for o, m in enumerate(CALL) for e in machine.feed(m, o)]
        requests += [effect.request for effect in fed if isinstance(effect, Infer)]

    together = definition.infer(requests)

    assert together == [definition.infer([request])[0] for request in requests]
    assert (definition.max_batch, definition.max_urgent) == (16, 16)
    assert definition.limits.max_inputs == 8_192


def test_new_files_serve_new_calls_and_running_calls_keep_theirs(folder: Path, logs: Logs) -> None:
    definition = define(folder)
    undisturbed = play(definition)
    running, half = call(definition), len(CALL) // 2
    messages = emitted(feed(definition, running, CALL[:half]))

    write_turn_model(folder, seed=2)
    settle(folder)
    changes = look(definition)
    messages += emitted(feed(definition, running, CALL[half:]))
    after = play(definition, "new")

    assert changes == [ModelChange()]
    assert [line["event"] for line in logs] == ["turn_model.swapped"]
    assert messages == undisturbed
    assert model_of(after) != model_of(undisturbed)
    assert turns_of(after) != turns_of(undisturbed)


def test_a_bad_file_is_refused_once_and_the_old_one_stays(folder: Path, logs: Logs) -> None:
    definition = define(folder)
    before = play(definition)
    (folder / "tiny.onnx").write_bytes(b"no graph at all")
    settle(folder)

    changes = [look(definition), look(definition)]

    assert changes == [[ModelChange(is_refused=True)], []]
    assert [line["event"] for line in logs] == ["turn_model.refused"]
    assert "tiny.onnx" in logs[0]["reason"]
    assert play(definition) == before


def test_a_good_file_after_a_bad_one_is_taken_up(folder: Path) -> None:
    definition = define(folder)
    (folder / "tiny.onnx").write_bytes(b"no graph at all")
    settle(folder)
    look(definition)

    write_turn_model(folder, seed=3)
    settle(folder)

    assert look(definition) == [ModelChange()]


def test_a_call_that_comes_back_after_a_swap_and_a_rebalance_has_its_version(
    folder: Path, logs: Logs
) -> None:
    """Nothing but the agent holds the old version then."""
    definition = define(folder)
    point = last_checkpoint(feed(definition, call(definition), CALL[:-1]))
    write_turn_model(folder, seed=2)
    settle(folder)
    assert look(definition) == [ModelChange()]

    restored = definition.restore(point)

    assert isinstance(restored, CallTurns)
    assert restored.counters.models_replaced == 0
    assert [line["event"] for line in logs] == ["turn_model.swapped"]


def test_an_alias_rolls_new_calls_back_to_an_older_version(tmp_path: Path, logs: Logs) -> None:
    for number in (1, 2):
        write_turn_model(tmp_path / f"v{number}", seed=number)
    definition = define(tmp_path)
    newest = play(definition)

    point_alias(tmp_path, "champion", "v1")
    for folder in (tmp_path, tmp_path / "v1"):
        settle(folder)

    assert look(definition) == [ModelChange()]
    assert turns_of(play(definition)) == turns_of(play(define(tmp_path / "v1")))
    assert turns_of(play(definition)) != turns_of(newest)
    assert [line["event"] for line in logs] == ["turn_model.swapped"]


def test_a_version_that_is_gone_is_logged(folder: Path, logs: Logs) -> None:
    definition = define(folder)
    point = last_checkpoint(feed(definition, call(definition), CALL[:-1]))
    write_turn_model(folder, seed=2)

    define(folder).restore(point)

    assert [line["event"] for line in logs] == ["turn_model.replaced"]
    assert logs[0]["channels"] == 2


def test_a_model_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no end-of-turn model"):
        define(tmp_path / "nowhere")


def test_a_route_to_a_variant_that_is_not_there_is_one_clear_error(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="sales"):
        define(folder, routes="sales=party:agent")


def test_the_settings_reach_the_turns() -> None:
    turns = Settings().replace(
        turns={
            "complete_silence_ms": 300,
            "silence_ms": 600,
            "uncertain_silence_ms": 900,
            "incomplete_silence_ms": 1_500,
            "dictation_silence_ms": 1_600,
            "ceiling_ms": 2_500,
            "complete_probability": 0.8,
            "incomplete_probability": 0.2,
            "routes": "agent=party:agent,threshold:0.9",
            "backchannels": "yes",
        }
    )

    assert detect_turns.turn_config(turns.turns) == TurnConfig(
        complete_silence_ms=300,
        silence_ms=600,
        uncertain_silence_ms=900,
        incomplete_silence_ms=1_500,
        dictation_silence_ms=1_600,
        ceiling_ms=2_500,
        complete_probability=0.8,
        incomplete_probability=0.2,
        thresholds={"agent": 0.9},
        backchannels=("yes",),
    )


def test_the_defaults_of_the_settings_are_those_of_the_turns() -> None:
    """One of the two is what benchmarks use."""
    assert detect_turns.turn_config(Settings().turns) == TurnConfig()


def test_a_text_that_the_model_cannot_judge_ends_its_turn_by_silence(folder: Path) -> None:
    """As where there is no model at all; it is not predicted either."""
    definition = define(folder)

    def fail(request: JudgementRequest) -> Any:
        return definition.fail(request, Failed("no such token"))

    failed = emitted(drive(call(definition), CALL, fail))

    without = detect_turns.define(Settings().replace(turns={"model": "none"}))
    silent = emitted(drive(call(without), CALL, fail))
    turns = [message for message in failed if isinstance(message, TurnEnded)]
    assert turns == [message for message in silent if isinstance(message, TurnEnded)]
    assert {turn.probability for turn in turns} == {-1.0}
    assert not any(isinstance(message, TurnEndPredicted) for message in failed)
