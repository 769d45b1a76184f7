"""`callstream analyze FILE`: every form of a call is read, and what is none is one line."""

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from typer.testing import CliRunner

from models.analytics.temporal import CallCalendar
from schemas.base import CallContext
from schemas.catalogue import INSIGHTS, decode, encode
from schemas.insights import CallInsights
from stream_app.cli.app import app
from stream_app.cli.commands.answers import analyze
from tests.support.analytics.word_analyst import GUIDE, UNREADABLE, WordAnalyst, WordModels, renamed
from tests.support.calls.call_messages import finalized

CATEGORY = GUIDE.categories[0]
SAID = ("hello there", f"it is {CATEGORY}, and I am angry", "well", "I leave, angry")
LINES = "\n".join(f"{('Agent', 'Customer')[n % 2]}: {text}" for n, text in enumerate(SAID))
CALL = finalized(tuple((n % 2, n * 1_000, text) for n, text in enumerate(SAID)))
TURNS = [{"party": ("agent", "customer")[n % 2], "text": text} for n, text in enumerate(SAID)]
FORMS = {
    "text": LINES,
    "prompt": f"<|user|>\n[TEMPORAL CONTEXT]\ntimestamp: 2026-01-15T14:30:00\n\n[CONVERSATION]\n"
    f"{LINES}\n\n<|assistant|>\n",
    "messages": orjson.dumps({"messages": [{"role": "user", "content": LINES}]}).decode(),
    "request": orjson.dumps({"turns": TURNS}).decode(),
    "finalized": encode(CALL).decode(),
}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, models: Any = None) -> Any:
    """Return how the command ended."""
    monkeypatch.setattr(analyze, "load_models", lambda _: models or WordModels())
    return CliRunner().invoke(app, ["analyze", *arguments])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_call_has_the_same_insights(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "call.txt"
    file.write_text(FORMS[form])

    result = run(monkeypatch, str(file))

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert f"  issue: {CATEGORY} (80%), turn 2" in lines
    assert "churn risk: 95 (high), turns 2, 4" in lines
    assert f"scorecard: {GUIDE.scorecard[0].name}: yes, turn 1" in lines


def test_the_guide_is_that_of_the_option_else_of_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, file = renamed("shop"), tmp_path / "call.json"
    models = WordModels(others={"shop": WordModels(WordAnalyst("shop@1", guide=shop), guide=shop)})
    of_queue = msgspec.structs.replace(CALL, context=CallContext(queue="shop"))

    def model_of(call: Any, *options: str) -> str:
        file.write_bytes(encode(call))
        result = run(monkeypatch, str(file), "--json", *options, models=models)
        message = decode(INSIGHTS, result.stdout.encode())
        assert isinstance(message, CallInsights)
        return message.model

    assert model_of(of_queue) == "shop@1"
    assert model_of(of_queue, "--guide", GUIDE.name) == "words@1"
    assert model_of(CALL, "--guide", "shop") == "shop@1"
    unknown = run(monkeypatch, str(file), "--guide", "none", models=models)
    assert unknown.exit_code == 2
    assert f"no model of the guide 'none': there are {GUIDE.name}, shop" in unknown.stderr


def test_the_json_of_a_finalized_call_is_the_message_of_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "call.json"
    file.write_bytes(encode(CALL))

    result = run(monkeypatch, str(file), "--json")

    message = decode(INSIGHTS, result.stdout.encode())
    assert isinstance(message, CallInsights)
    assert message.call_id == CALL.call_id
    assert message.primary_category is not None
    assert message.primary_category.evidence == (CALL.turns[1].turn_id,)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "nothing is said"),
        (b"hello", "line 1 has no speaker"),
        (b"{", "it is no JSON"),
        (b"{}", "conversation or as turns"),
        (b'{"turns": [{"party": "bot", "text": "a"}]}', "turns.0.party"),
        (b'{"messages": []}', "none has the role user"),
        (b'{"schema": "finalized_call.v1"}', "call.txt: "),
        (b"\xff\xfe", "no text in UTF-8"),
        (
            encode(
                msgspec.structs.replace(
                    CALL, context=CallContext(attributes={"analytics": "false"})
                )
            ),
            "not to be analysed",
        ),
    ],
)
def test_what_is_no_call_is_one_line_and_exit_code_2(
    content: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "call.txt"
    file.write_bytes(content)

    result = run(monkeypatch, str(file))

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert says in result.stderr


def test_a_file_that_is_not_there_and_a_model_that_is_not_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "call.txt"
    gone = run(monkeypatch, str(file))
    file.write_text(LINES)
    missing = run(monkeypatch, str(file), models=WordModels(champion=None))
    file.write_text(f"{LINES}\nAgent: {UNREADABLE}")
    failed = run(monkeypatch, str(file))

    assert (gone.exit_code, "cannot be read" in gone.stderr) == (2, True)
    assert (missing.exit_code, "models fetch smollm2-135m" in missing.stderr) == (2, True)
    assert (failed.exit_code, "the model failed" in failed.stderr) == (1, True)


def test_the_calendar_completes_what_the_file_says_of_the_time(tmp_path: Path) -> None:
    file = tmp_path / "call.txt"
    file.write_text(FORMS["prompt"])
    centre = CallCalendar(opening_hours={"thursday": ("08:00-18:00",)})

    context = analyze.read_call(file, centre).given.asked.context

    assert (context.day_of_week, context.business_hours) == ("Thursday", True)
