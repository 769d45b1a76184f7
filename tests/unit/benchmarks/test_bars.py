"""The bars of bundled weights, on reports made by hand."""

from typing import Any

import pytest

from benchmarks.core.error_rates import mean_ratio
from benchmarks.core.real_sets import CLEAN, REAL_SETS, TELEPHONE, WIDE_SETS
from benchmarks.quality.bars import Bar, judge
from models.text.word_errors import WordErrors

FIRST, OURS, FULL = "official", "ours, int8", "ours, fp32"
ALL_SETS = (*REAL_SETS, "demo_call", "unheard_voices")


def row(system: str, name: str, rate: float, **changes: Any) -> dict[str, Any]:
    found = {
        "system": system,
        "set": name,
        "line": TELEPHONE,
        "word_error_rate": {"rate": rate},
        "word_error_rate_without_guards": rate,
    }
    if system != FIRST:
        found["difference"] = {"rate": rate - 0.1, "high": rate - 0.09}
    return found | changes


def report(**changes: Any) -> dict[str, Any]:
    """Return the report of weights that keep every bar."""
    telephone = [
        row(system, name, rate)
        for system, rate in ((FIRST, 0.1), (OURS, 0.08), (FULL, 0.08))
        for name in ALL_SETS
    ]
    clean = [row(OURS, name, 0.1, line=CLEAN) for name in WIDE_SETS]
    ratio = {"mean": 0.8, "low": 0.7, "high": 0.9, "sets": 6}
    found: dict[str, Any] = {
        "systems": [{"system": system, "ratio": ratio} for system in (FIRST, OURS, FULL)],
        "error_rates": telephone + clean,
        "pieces": [{"system": OURS, "pieces": 2_000, "runaways": 0}],
        "non_speech": [{"system": OURS, "minutes": 60.0, "words": 3}],
    }
    return found | changes


def verdicts(found: dict[str, Any], verdict: str) -> list[str]:
    return [bar.name for bar in judge(found, FULL) if bar.verdict == verdict]


def with_row(name: str, **changes: Any) -> dict[str, Any]:
    """Return the report with other figures of ours on one set."""
    rows = [
        one | changes
        if (one["system"], one["set"], one["line"]) == (OURS, name, TELEPHONE)
        else one
        for one in report()["error_rates"]
    ]
    return report(error_rates=rows)


def test_weights_that_keep_every_limit_pass_every_bar() -> None:
    bars = judge(report(), FULL)

    assert {bar.verdict for bar in bars} == {"pass"}
    assert {bar.system for bar in bars} == {OURS}


def test_a_limit_holds_up_to_itself() -> None:
    assert Bar("ours", "words", 3, 3).verdict == "pass"
    assert Bar("ours", "words", 3.1, 3).verdict == "fail"
    assert Bar("ours", "words", None, 3).verdict == "not measured"


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (
            with_row("fsdd", difference={"rate": 0.001, "high": 0.01}),
            "fsdd: more word errors than the first system",
        ),
        (
            with_row("harper_valley", difference={"rate": -0.01, "high": 0.016}),
            "harper_valley: upper end of the same",
        ),
        (
            with_row("ljspeech", word_error_rate={"rate": 0.086}, word_error_rate_without_guards=1),
            "ljspeech: more word errors than in full precision",
        ),
        (
            with_row("kathleen", word_error_rate_without_guards=0.077),
            "kathleen: word errors by guards",
        ),
        (with_row("demo_call", word_error_rate={"rate": 0.101}), "demo_call: word errors"),
        (
            report(pieces=[{"system": OURS, "pieces": 2_000, "runaways": 1}]),
            "runaways of 2,000 pieces",
        ),
        (
            report(non_speech=[{"system": OURS, "minutes": 120.0, "words": 7}]),
            "words in 60 minutes without speech",
        ),
    ],
)
def test_what_exceeds_a_limit_fails_that_bar(found: dict[str, Any], name: str) -> None:
    assert name in verdicts(found, "fail")


def test_clean_speech_may_lose_one_point() -> None:
    rows = [
        one | {"difference": {"rate": 0.02, "high": 0.03}} if one["line"] == CLEAN else one
        for one in report()["error_rates"]
    ]

    failed = verdicts(report(error_rates=rows), "fail")

    assert failed == [
        f"{name}, {CLEAN}: more word errors than the first system" for name in WIDE_SETS
    ]


def test_a_bar_without_its_figures_is_not_measured() -> None:
    """Neither fewer pieces, nor fewer minutes, nor fewer sets prove anything."""
    ratio = {"mean": 0.8, "low": 0.7, "high": 0.9, "sets": 5}
    found = report(
        systems=[{"system": system, "ratio": ratio} for system in (FIRST, OURS)],
        error_rates=[one for one in report()["error_rates"] if one["line"] != CLEAN],
        pieces=[{"system": OURS, "pieces": 1_021, "runaways": 0}],
        non_speech=[],
    )

    assert set(verdicts(found, "not measured")) == {
        *(f"{name}, {CLEAN}: more word errors than the first system" for name in WIDE_SETS),
        "mean ratio to the first system's word errors",
        "runaways of 2,000 pieces",
        "words in 60 minutes without speech",
    }


def test_the_mean_of_ratios_is_geometric_and_its_interval_holds_it() -> None:
    """Half the errors on one set and twice on the other, in recordings that differ."""
    few, some, many = ([WordErrors(n, 10), WordErrors(2 * n, 10)] * 50 for n in (1, 2, 4))

    found = mean_ratio([(few, some[::-1]), (many, some[::-1])])
    same = mean_ratio([(some, some)])

    assert found.mean == 1.0
    assert 0.8 < found.low < 1.0 < found.high < 1.25
    assert (same.mean, same.low, same.high, same.sets) == (1.0, 1.0, 1.0, 1)


def test_no_errors_on_a_set_make_the_mean_ratio_nothing() -> None:
    none, some = [WordErrors(0, 10)] * 3, [WordErrors(2, 10)] * 3

    assert mean_ratio([(none, some), (some, some)]).mean == 0.0
