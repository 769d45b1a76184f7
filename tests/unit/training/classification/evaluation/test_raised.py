"""What rules raise in measured rows is what they raise in live calls."""

from models.classification.label_set import load_label_set
from training.classification.corpus.rows import Row, RowTurn
from training.classification.evaluation.evaluator import _raised


def test_a_phrase_that_a_pause_cut_in_two_turns_counts_as_it_does_live() -> None:
    label_set = load_label_set("contact-centre")
    said = ("there is a strong smell of", "gas in the kitchen")
    whole, cut = (
        Row("1", "own", "1", tuple(RowTurn("customer", text) for text in texts), {})
        for texts in ((" ".join(said),), said)
    )

    assert _raised(cut, label_set).keys() == _raised(whole, label_set).keys() == {"priority"}
