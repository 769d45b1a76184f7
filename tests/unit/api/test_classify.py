"""What the server answers about calls."""

import asyncio
import re
import threading
from pathlib import Path

import httpx
import pytest

from models.classification.classifier import classify_by_rules
from models.classification.label_set import load_label_set
from models.text.sentences import LONGEST_WORDS
from stream_app.api.classifier.answers import case_of
from stream_app.api.classifier.batching import MAX_CALLS
from stream_app.api.classifier.bodies import CallText
from tests.support.api import FAILING, OneModel, WordModel, connected
from tests.support.classification.tiny_classifier import LABEL_SET

CLASSIFY, BATCH = "/classifier/classify", "/classifier/classify/batch"


async def test_an_answer_has_each_task_with_confidence_and_evidence(
    client: httpx.AsyncClient,
) -> None:
    text = "Good morning. My kettle is broken. Thank you."
    answer = (await client.post(CLASSIFY, json={"text_transcript": text})).json()

    subject = answer["predictions"]["subject"]
    assert (subject["label"], subject["confidence"], subject["use"]) == ("Broken", 0.8, "enrich")
    (evidence,) = subject["evidence"]
    assert evidence["text"] == "My kettle is broken."
    assert text[evidence["start"] : evidence["end"]] == evidence["text"]
    assert (answer["label_set"], answer["abstained"], answer["windows"]) == ("shop-2", "", 1)
    assert answer["model_info"]["loaded"] is True
    assert answer["model_info"]["model_path"] == "words.json"
    assert answer["processing_time"] > 0


async def test_a_label_that_a_rule_raised_says_so_and_is_to_be_acted_on(
    client: httpx.AsyncClient,
) -> None:
    answer = (await client.post(CLASSIFY, json={"narrative": "late"})).json()

    urgency = answer["predictions"]["urgency"]
    assert (urgency["raised_by"], urgency["use"], urgency["confidence"]) == ("danger", "act", None)


async def test_a_task_of_which_no_label_holds_has_none(client: httpx.AsyncClient) -> None:
    """Of a task with several labels, that is an answer."""
    answer = (await client.post(CLASSIFY, json={"narrative": "late"})).json()

    moods = answer["predictions"]["moods"]
    assert (moods["label"], moods["confidence"], moods["use"]) == (None, None, "none")
    assert (moods["labels"], moods["evidence"]) == ([], [])


@pytest.mark.parametrize(("query", "flat"), [("?flat=true", None), ("", True)])
async def test_a_flat_answer_has_one_field_for_each_task(
    client: httpx.AsyncClient, query: str, flat: bool | None
) -> None:
    """By the query or by the body; a task with several labels gives a list."""
    body = {"narrative": "so late!"} | ({} if flat is None else {"flat": flat})
    answer = (await client.post(f"{CLASSIFY}{query}", json=body)).json()

    assert "predictions" not in answer
    assert {name: answer[name] for name in ("area", "subject", "moods", "urgency")} == {
        "area": "Goods",
        "subject": "Late",
        "moods": ["Angry"],
        "urgency": "High",
    }


async def test_a_call_that_cannot_be_judged_is_answered_with_the_reason(
    client: httpx.AsyncClient,
) -> None:
    empty = (await client.post(CLASSIFY, json={"text_transcript": " \n"})).json()
    strange = (await client.post(f"{CLASSIFY}?flat=true", json={"narrative": "Hm."})).json()

    assert (empty["abstained"], empty["predictions"]) == ("silent", {})
    assert (strange["abstained"], strange["subject"], strange["moods"]) == ("uncertain", None, [])


async def test_a_case_id_is_that_of_the_request_or_follows_from_the_text(
    client: httpx.AsyncClient,
) -> None:
    async def case_id(**body: str) -> str:
        found: str = (await client.post(CLASSIFY, json=body)).json()["case_id"]
        return found

    assert await case_id(narrative="late", case_id="case-7") == "case-7"
    made = await case_id(narrative="late")
    assert re.fullmatch("c-[0-9a-f]{8}", made)
    assert made == await case_id(text_transcript="late") != await case_id(narrative="later")


async def test_a_batch_is_answered_in_its_order(client: httpx.AsyncClient) -> None:
    words = ["broken", "late", "nothing", "refund"] * 8
    body = {"calls": [{"narrative": word} for word in words], "flat": True}
    results = (await client.post(BATCH, json=body)).json()["results"]

    wanted = {"broken": "Broken", "late": "Late", "nothing": None, "refund": "Refund"}
    assert [each["subject"] for each in results] == [wanted[word] for word in words]


async def test_two_hundred_requests_at_once_get_each_their_own_answer() -> None:
    """In few runs of the model, all on one thread that is not the event loop's."""
    source = OneModel()
    words = [("broken", "late", "refund")[number % 3] for number in range(200)]
    async with connected(lambda: source) as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    CLASSIFY, json={"narrative": f"{word} {number}", "case_id": f"{number}"}
                )
                for number, word in enumerate(words)
            )
        )

    found = [(each.json()["case_id"], each.json()["second_opinion"]) for each in answers]
    assert found == [(f"{number}", word.capitalize()) for number, word in enumerate(words)]
    assert sum(source.model.runs) == 200
    assert max(source.model.runs) <= MAX_CALLS
    assert len(source.model.threads) == 1
    assert threading.get_ident() not in source.model.threads


async def test_a_text_on_which_the_model_fails_spoils_no_other() -> None:
    """They share a run; the failing text is not in the log."""
    async with connected() as client:
        texts = ["late", f"{FAILING} secret", "broken"] * 10
        answers = await asyncio.gather(
            *(client.post(CLASSIFY, json={"narrative": text}) for text in texts)
        )

    assert [each.status_code for each in answers] == [200, 500, 200] * 10
    assert answers[1].json()["code"] == "inference_failed"


async def test_a_new_version_is_taken_up_without_a_restart() -> None:
    source = OneModel()
    async with connected(lambda: source, refresh_s=0.01) as client:
        before = (await client.post(CLASSIFY, json={"narrative": "late"})).json()["model_info"]
        source.model = WordModel("words@2")
        async with asyncio.timeout(10):
            while True:
                info = (await client.post(CLASSIFY, json={"narrative": "late"})).json()
                if info["model_info"]["model"] != before["model"]:
                    break
                await asyncio.sleep(0)

    assert (before["model"], info["model_info"]["model"]) == ("words@1", "words@2")
    assert info["model_info"]["load_time"] > before["load_time"]


async def test_a_language_that_the_label_set_is_not_for_is_abstained_from(
    client: httpx.AsyncClient,
) -> None:
    async def abstained(language: str) -> str:
        body = {"narrative": "late", "context": {"language": language}}
        found: str = (await client.post(CLASSIFY, json=body)).json()["abstained"]
        return found

    assert [await abstained(tag) for tag in ("", "en-GB", "sw")] == ["", "", "language"]


def test_no_phrase_of_the_safety_floor_is_cut_in_two(tmp_path: Path) -> None:
    """A recognizer may write no full stops; the text is then cut every forty words."""
    label_set = tmp_path / "tiny.toml"
    label_set.write_text(LABEL_SET)
    tiny = load_label_set(label_set)
    for before in range(LONGEST_WORDS - 5, LONGEST_WORDS + 1):
        text = f"{'well ' * before} he has a knife {'well ' * 90}"
        case = case_of(CallText.model_validate({"narrative": text}), tiny)

        found = classify_by_rules(tiny, case.passages, "no_model")

        assert [answer.raised_by for answer in found.answers] == ["in_danger"]
        assert len(case.passages) >= 3
        assert " ".join(each.text for each in case.passages).split() == text.split()


@pytest.mark.parametrize(
    "pause", ["\n", "\r\n", "\n\n", "... ", " . . . ", "\u2026 ", ". ", "\u2028", "\n- "]
)
@pytest.mark.parametrize("phrase", ["{}he has{}a knife", "he{0}has{0}a{0}knife"])
def test_no_line_break_and_no_pause_hides_a_phrase_of_the_safety_floor(
    phrase: str, pause: str, tmp_path: Path
) -> None:
    label_set = tmp_path / "tiny.toml"
    label_set.write_text(LABEL_SET)
    tiny = load_label_set(label_set)
    text = f"Good morning. {phrase.format(pause, pause)} in the room. Please come."
    case = case_of(CallText.model_validate({"narrative": text}), tiny)

    found = classify_by_rules(tiny, case.passages, "no_model")

    assert [answer.raised_by for answer in found.answers] == ["in_danger"]
    assert case.sentences[0].text == "Good morning."
    assert case.sentences[-1].text == "Please come."
    assert all(text[each.start : each.end] == each.text for each in case.sentences)
