"""The curve keeps the order of an utterance's words."""

from hypothesis import given
from hypothesis import strategies as st

from models.asr.core.confidence import ConfidenceCurve

curves = st.builds(
    ConfidenceCurve,
    slope=st.floats(0.01, 10),
    intercept=st.floats(-10, 10),
    utterance_slope=st.floats(0, 5),
)
probabilities = st.floats(0, 1)


@given(curve=curves, one=probabilities, other=probabilities, nats=st.floats(-5, 0))
def test_a_likelier_word_is_never_trusted_less(
    curve: ConfidenceCurve, one: float, other: float, nats: float
) -> None:
    low, high = sorted((one, other))

    assert 0 <= curve(low, nats) <= curve(high, nats) <= 1


@given(curve=curves, probability=probabilities, nats=st.tuples(st.floats(-5, 0), st.floats(-5, 0)))
def test_nor_is_a_word_of_an_easier_utterance(
    curve: ConfidenceCurve, probability: float, nats: tuple[float, float]
) -> None:
    hard, easy = sorted(nats)

    assert curve(probability, hard) <= curve(probability, easy)
