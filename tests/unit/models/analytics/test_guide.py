"""Analysis guides: data that is checked when it is read."""

from pathlib import Path

import pytest

from models.analytics.guide import CHURN_BANDS, FOLDER, churn_band, load_guide
from schemas.errors import ConfigurationError

SHIPPED = (FOLDER / "contact-centre.toml").read_text("utf-8")


def test_its_categories_are_those_of_the_label_set() -> None:
    guide = load_guide("contact-centre")

    assert guide.versioned_name == "contact-centre-1"
    assert guide.categories[0] == "Cards"
    assert len(guide.categories) == 10


def test_every_score_has_a_rating_and_a_band() -> None:
    guide = load_guide("contact-centre")

    ratings = [guide.effectiveness(score) for score in (0, 49, 50, 69, 70, 84, 85, 100)]
    assert ratings == ["poor", "poor", "fair", "fair", "good", "good", "excellent", "excellent"]
    bands = [churn_band(score) for score in (0, 39, 40, 69, 70, 100)]
    assert bands == ["low", "low", "medium", "medium", "high", "high"]
    assert [name for name, _ in CHURN_BANDS] == ["high", "medium", "low"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('name = "complaint"', 'name = "information"', "journeys: a name stands twice"),
        ('name = "poor"\nleast = 0', 'name = "poor"\nleast = 10', "the last begins at 0"),
        ("points = 5", 'points = "5"', "Expected `int`"),
        ("min_turns = 4", "min_turns = 4\nsurprise = 1", "unknown field `surprise`"),
        ("{category}", "something", "issue_text: {category} stands nowhere"),
        ("The agent answered the question.", "x" * 600, "length <= 512"),
        ("version = 1", "version = ", "Invalid value"),
        ('label_set = "contact-centre"', 'label_set = "none-such"', "no label set 'none-such'"),
    ],
)
def test_one_that_contradicts_itself_is_one_clear_error(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    path = tmp_path / "guide.toml"
    path.write_text(SHIPPED.replace(before, after, 1), "utf-8")

    with pytest.raises(ConfigurationError, match=told):
        load_guide(path)


def test_a_name_that_is_neither_shipped_nor_a_file_tells_which_ship() -> None:
    with pytest.raises(ConfigurationError, match=r"contact-centre\)"):
        load_guide("none-such")
