"""Conversations are analysed as the agent does it; what is wrong gets one sentence and a code."""

import asyncio
import threading
from typing import Any

import httpx
import pytest

from tests.support.analytics.word_analyst import (
    GUIDE,
    HELD_UP,
    MISSING,
    UNREADABLE,
    WordAnalyst,
    WordModels,
    renamed,
)
from tests.support.api import connected
from tests.support.waiting import until

PATH = "/analytics/analyze"
CATEGORY = GUIDE.categories[0]
SAID = ("hello there", f"it is {CATEGORY}, and I am angry", "well", "I leave, angry")
LINES = "\n".join(f"{('Agent', 'Customer')[n % 2]}: {text}" for n, text in enumerate(SAID))
TURNS = [{"party": ("agent", "customer")[n % 2], "text": text} for n, text in enumerate(SAID)]


async def test_a_conversation_and_its_turns_have_the_same_answer() -> None:
    with_blanks = [TURNS[0], {"party": "unknown", "text": " "}, *TURNS[1:]]
    async with connected() as client:
        answers = [
            (await client.post(PATH, json=body)).json()
            for body in (
                {"conversation": LINES, "case_id": "x"},
                {"turns": TURNS, "case_id": "x"},
                {"turns": with_blanks, "case_id": "x"},
            )
        ]

    text, turns, blanks = answers
    assert text["primary_category"]["value"] == CATEGORY
    assert text["primary_category"]["evidence"] == [2]
    assert blanks["primary_category"]["evidence"] == [3]
    assert text["coaching"][0]["evidence"] == [2, 4]
    assert (text["quality"]["score"], text["churn_risk"]["band"]) == (25, "high")
    assert (text["case_id"], text["abstained"]) == ("x", "")
    assert text["model_info"]["model"] == "words@1"
    assert text["model_info"]["guide"] == GUIDE.versioned_name
    for name in ("processing_time", "timestamp"):
        text.pop(name), turns.pop(name)
    assert text == turns


async def test_what_cannot_be_judged_is_abstained_from() -> None:
    async with connected() as client:
        short = (await client.post(PATH, json={"conversation": "Agent: hi"})).json()
        other = (await client.post(PATH, json={"turns": TURNS, "language": "sw"})).json()

    assert (short["abstained"], short["quality"], short["scorecard"]) == ("too_short", None, [])
    assert other["abstained"] == "language"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "conversation or as turns"),
        ({"conversation": "a", "turns": []}, "one of the two"),
        ({"conversation": "hello"}, "Line 1 has no speaker"),
        ({"conversation": ""}, "Nothing is said"),
        ({"turns": [{"party": "bot", "text": "a"}]}, "turns.0.party: "),
        ({"turns": TURNS, "context": {"timestamp": "soon"}}, "Timestamp: 'soon'"),
        ({"turns": TURNS, "context": {"weather": "rain"}}, "context.weather: "),
        ({"turns": TURNS, "model": "x"}, "model: "),
        ({"turns": TURNS, "guide": "shop"}, f"no guide 'shop'; there are {GUIDE.name}"),
    ],
)
async def test_what_is_not_valid_is_400(body: dict[str, Any], words: str) -> None:
    async with connected() as client:
        check(await client.post(PATH, json=body), 400, "invalid_request", words)


def check(answer: httpx.Response, status: int, code: str, words: str = "") -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert words in answer.json()["message"]


async def test_without_a_model_it_is_503_and_one_that_comes_is_taken_up() -> None:
    models = WordModels(champion=None)
    async with connected(analytics=lambda: models, refresh_s=0.01) as client:
        missing = await client.post(PATH, json={"turns": TURNS})
        wrong = await client.post(PATH, json={"conversation": "hello"})
        models.champion = WordAnalyst()

        async def is_taken_up() -> bool:
            answer = await client.post(PATH, json={"turns": TURNS})
            return answer.status_code == 200 and answer.json()["abstained"] == ""

        await until(is_taken_up)

    check(missing, 503, "model_not_loaded", MISSING)
    check(wrong, 400, "invalid_request", "no speaker")


async def test_a_request_may_name_its_guide_and_one_without_a_model_is_no_other_ones_fault() -> (
    None
):
    shop, lost = renamed("shop"), renamed("lost")
    of_shop = WordModels(WordAnalyst("shop@1", guide=shop), guide=shop)
    models = WordModels(others={"shop": of_shop, "lost": WordModels(None, guide=lost)})
    async with connected(analytics=lambda: models) as client:
        named, own, without = [
            await client.post(PATH, json={"turns": TURNS, **guide})
            for guide in ({"guide": "shop"}, {}, {"guide": "lost"})
        ]

    found = [each.json()["model_info"] for each in (named, own)]
    assert [(each["guide"], each["model"]) for each in found] == [
        (shop.versioned_name, "shop@1"),
        (GUIDE.versioned_name, "words@1"),
    ]
    check(without, 503, "model_not_loaded", MISSING)


async def test_whether_each_guide_has_its_model_can_be_seen() -> None:
    """A server that classifies is ready without any."""
    models = WordModels(others={"lost": WordModels(None, guide=renamed("lost"))})
    async with connected(analytics=lambda: models) as client:
        answer = await client.get("/ready")

    assert answer.status_code == 200
    assert answer.json()["guides"] == {
        GUIDE.name: {"model": "words@1", "error": ""},
        "lost": {"model": "", "error": MISSING},
    }


async def test_a_model_that_fails_is_500_and_a_back_end_that_is_away_503(tmp_path: Any) -> None:
    away = tmp_path / "away"
    away.touch()
    models = WordModels(WordAnalyst(blocked_by=away))
    async with connected(analytics=lambda: models) as client:
        for text, status, code in (
            (UNREADABLE, 500, "inference_failed"),
            (HELD_UP, 503, "model_unavailable"),
        ):
            turns = [*TURNS, {"party": "agent", "text": text}]
            check(await client.post(PATH, json={"turns": turns}), status, code)


async def test_more_calls_than_may_wait_are_refused_at_once() -> None:
    free = threading.Event()

    class Slow(WordAnalyst):
        """Answers when the test lets it."""

        def analyse(self, calls: Any) -> Any:
            """Return what is to be said."""
            assert free.wait(20)
            return super().analyse(calls)

    async with connected(analytics=lambda: WordModels(Slow()), max_analyses=2) as client:
        posts = [asyncio.create_task(client.post(PATH, json={"turns": TURNS})) for _ in range(6)]
        done, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        check(next(iter(done)).result(), 429, "too_many_requests")
        while sum(post.done() for post in posts) < 4:
            await asyncio.wait(
                [post for post in posts if not post.done()], return_when=asyncio.FIRST_COMPLETED
            )
        free.set()
        statuses = sorted([(await post).status_code for post in posts])

    assert statuses == [200, 200, 429, 429, 429, 429]


async def test_the_key_and_the_limits_of_the_server_hold_here_too() -> None:
    async with connected(api_key="k" * 20, max_body_bytes=1_024) as client:
        check(await client.post(PATH, json={"turns": TURNS}), 401, "unauthorized")
        long = await client.post(
            PATH, json={"conversation": "Agent: a" * 400}, headers={"X-API-Key": "k" * 20}
        )
        check(long, 413, "body_too_long")
        metrics = await client.get("/metrics", headers={"X-API-Key": "k" * 20})

    assert 'path="/analytics/analyze",status="413"' in metrics.text
