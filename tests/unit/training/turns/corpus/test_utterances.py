from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.spoken_form import spoken_form
from models.text.spoken_numbers import speak_numbers
from training.text.recognizer_noise import RecognizerNoise, SimilarWords, with_mistakes
from training.turns.corpus.data_recipe import Grouping, Truncation
from training.turns.corpus.sentences import Sentence, split_turn
from training.turns.corpus.truncation import cut_utterance, spoken_words
from training.turns.corpus.utterances import Utterance, list_utterances
from training.turns.sources.conversations import Conversation, Turn

_ALWAYS = Truncation(share=1.0, pause_share=1.0)


def _turn(text: str, **more: object) -> Turn:
    return Turn(tuple(text.split()), **more)  # type: ignore[arg-type]


def _sentences(text: str, *, is_punctuated: bool = False) -> list[str]:
    return [" ".join(s.words) for s in split_turn(_turn(text), is_punctuated=is_punctuated)]


def _utterance(*sentences: str) -> Utterance:
    return Utterance(
        tuple(Sentence(tuple(s.split()), (0,) * len(s.split()), is_whole=True) for s in sentences)
    )


def _draw(seed: int = 1) -> random.Random:
    return random.Random(seed)


def test_sentences_end_at_their_marks_but_not_at_abbreviations() -> None:
    text = 'Hi Mr. Smith of Monro Inc. here. "Really?" The U.S. office... well, is open! Bye'

    assert _sentences(text) == [
        "Hi Mr. Smith of Monro Inc. here.",
        '"Really?"',
        "The U.S. office... well, is open!",
        "Bye",
    ]


@pytest.mark.parametrize(
    "text",
    ["I think the --", "And then...", "we have <inaudible> left.", "My name is [NAME].", "so,"],
)
def test_a_sentence_that_was_broken_off_or_lacks_words_is_not_whole(text: str) -> None:
    sentences = split_turn(_turn(text), is_punctuated=False)

    assert [sentence.is_whole for sentence in sentences] == [False]


def test_only_a_punctuated_source_needs_the_mark_at_the_end() -> None:
    turn = _turn("one latte please")

    assert split_turn(turn, is_punctuated=False)[0].is_whole
    assert not split_turn(turn, is_punctuated=True)[0].is_whole


def test_marks_and_noises_of_their_own_are_no_words() -> None:
    assert _sentences("Well - <laugh> yes & no.") == ["Well - yes & no."]
    sentence = split_turn(_turn("Well - yes."), is_punctuated=True)[0]
    assert sentence.words == ("Well -", "yes.")


def test_an_utterance_is_one_to_three_sentences_and_each_sentence_in_one_only() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = [f"Sentence {a}{b} is told now." for a in letters[:4] for b in letters]
    conversation = Conversation("c", (_turn(" ".join(texts)),), is_punctuated=True)

    utterances = list_utterances(conversation, Grouping(), seed=3)

    words = [word for utterance in utterances for word in utterance.words]
    assert words == " ".join(texts).split()
    assert {len(utterance.sentences) for utterance in utterances} == {1, 2, 3}
    assert utterances == list_utterances(conversation, Grouping(), seed=3)
    assert utterances != list_utterances(conversation, Grouping(), seed=4)


def test_a_short_turn_is_one_utterance() -> None:
    conversation = Conversation("c", (_turn("Yes. That is right. Thanks!"),))

    for seed in range(10):
        assert len(list_utterances(conversation, Grouping(), seed)) == 1


def test_sentences_of_a_turn_that_mixes_speakers_stand_alone() -> None:
    turn = _turn("How can I help? I need a refund. Which order is it?", mixes_speakers=True)
    conversation = Conversation("c", (turn,))

    for seed in range(10):
        utterances = list_utterances(conversation, Grouping(), seed)
        assert [len(utterance.sentences) for utterance in utterances] == [1, 1, 1]


def test_an_utterance_never_reaches_over_a_broken_sentence() -> None:
    turn = _turn("First one is good. Then the <inaudible> came. Last one is good as well.")
    conversation = Conversation("c", (turn,))

    groups = list_utterances(conversation, Grouping(sentence_weights=(0, 0, 1)), seed=1)

    assert [" ".join(group.words) for group in groups] == [
        "First one is good.",
        "Last one is good as well.",
    ]


def test_a_long_utterance_loses_sentences_from_its_front() -> None:
    turn = _turn("one two three four. five six. " + "w " * 20 + "end. Go on then.")
    grouping = Grouping(sentence_weights=(0, 1), max_words=5, short_turn_words=0)

    groups = list_utterances(Conversation("c", (turn,)), grouping, seed=1)

    assert [" ".join(group.words) for group in groups] == ["five six.", "Go on then."]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(0, 10**6))
def test_a_cut_lies_inside_the_last_sentence(lengths: list[int], seed: int) -> None:
    sentences = [" ".join(f"w{index}" for index in range(length)) for length in lengths]
    utterance = _utterance(*sentences)

    cut = cut_utterance(utterance, _ALWAYS, _draw(seed))

    left_out = len(utterance.words) - len(cut.words)
    assert cut.words == utterance.words[: len(cut.words)]
    assert cut.is_complete == (lengths[-1] == 1)
    assert left_out == 0 if cut.is_complete else 1 <= left_out <= lengths[-1] - 1


def test_cuts_reach_every_border_of_the_last_sentence() -> None:
    utterance = _utterance("Thank you.", "I would like one.")

    lengths = {len(cut_utterance(utterance, _ALWAYS, _draw(seed)).words) for seed in range(50)}

    assert lengths == {3, 4, 5}


def test_the_share_of_cut_utterances_is_that_of_the_recipe() -> None:
    utterance = _utterance("I would like one.")

    cuts = [cut_utterance(utterance, Truncation(share=0.3), _draw(seed)) for seed in range(1000)]

    assert sum(not cut.is_complete for cut in cuts) == pytest.approx(300, abs=45)


def test_a_real_pause_is_where_a_speaker_is_cut() -> None:
    sentence = Sentence(("I", "would", "really", "like", "one."), (0, 290, 700, 0, 900), True)
    utterance = Utterance((sentence,))

    cuts = {cut_utterance(utterance, _ALWAYS, _draw(seed)).words for seed in range(20)}

    assert cuts == {("I", "would", "really")}


def test_pauses_stay_at_their_words_when_numbers_are_spoken() -> None:
    sentence = Sentence(("call", "555-1234", "now."), (0, 800, 0), True)

    spoken = spoken_words(Utterance((sentence,))).sentences[0]

    assert spoken.words == ("call", "five", "five", "five", "one", "two", "three", "four", "now.")
    assert spoken.pauses_ms.index(800) == spoken.words.index("four")


def test_what_a_source_labels_is_never_cut() -> None:
    utterance = Utterance(_utterance("I would like").sentences, "unknown", is_complete=False)

    cut = cut_utterance(utterance, _ALWAYS, _draw())

    assert (cut.words, cut.is_complete) == (("I", "would", "like"), False)


def test_a_cut_that_leaves_a_complete_utterance_is_drawn_again() -> None:
    utterance = _utterance("Yes I do.")

    cuts = [
        cut_utterance(utterance, _ALWAYS, _draw(seed), complete_keys={"yes"}) for seed in range(60)
    ]

    assert all(cut.words in {("Yes", "I"), ("Yes", "I", "do.")} for cut in cuts)
    assert ("Yes", "I") in {cut.words for cut in cuts}
    whole = cut_utterance(utterance, _ALWAYS, _draw(), complete_keys={"yes", "yes i"})
    assert whole.is_complete


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It costs $2.50, ok?", "It costs two dollars and fifty cents, ok?"),
        ("call 408-971-8523.", "call four zero eight nine seven one eight five two three."),
        ("20 7071 5029 please", "two zero seven zero seven one five zero two nine please"),
        ("(555) 123-4567", "(five five five) one two three four five six seven"),
        ("on March 12th at 5:30 PM.", "on March twelfth at five thirty p.m."),
        ("30% of 10 GB", "thirty percent of ten GB"),
        ("in 2021, we", "in twenty twenty one, we"),
        ("no figures. At all!", "no figures. At all!"),
        ("½ cup", "½ cup"),
    ],
)
def test_figures_are_spoken_with_their_punctuation(written: str, spoken: str) -> None:
    assert " ".join(word for said in speak_numbers(written.split()) for word in said) == spoken


def test_an_account_may_be_read_out_digit_by_digit() -> None:
    words = ["number", "4325,", "paid", "$4325", "in", "2019", "for", "12"]

    spoken = [" ".join(said) for said in speak_numbers(words, by_digits=True)]

    assert spoken[1] == "four three two five,"
    assert spoken[3:6] == [
        "four thousand three hundred twenty five dollars",
        "in",
        "twenty nineteen",
    ]
    assert spoken[-1] == "twelve"


@given(st.text(max_size=40))
def test_any_text_can_be_spoken(text: str) -> None:
    spoken = speak_numbers(text.split())

    assert len(spoken) == len(text.split())
    assert all(spoken)
    assert spoken_form(" ".join(word for said in spoken for word in said)) is not None


def test_similar_words_are_one_letter_apart() -> None:
    similar = SimilarWords(["now", "not", "no", "know", "house", "9"])

    assert similar.like("now") == ["know", "no", "not"]
    assert similar.like("house") == []


def test_noise_drops_and_replaces_words_but_never_the_end_of_a_whole_text() -> None:
    similar = SimilarWords(["now", "not", "late"])
    noise = RecognizerNoise(share=1.0, drop=0.2, replace=0.5, cut=1.0)
    text = "now now now late"

    heard = {
        with_mistakes(text, noise, similar, _draw(seed), is_complete=True).split()[-1]
        for seed in range(30)
    }
    texts = {
        with_mistakes(text, noise, similar, _draw(seed), is_complete=True) for seed in range(30)
    }
    cut = {
        with_mistakes(text, noise, similar, _draw(seed), is_complete=False) for seed in range(30)
    }

    assert heard == {"late"}
    assert len(texts) > 5
    assert {one.split()[-1] for one in cut} == {"la", "lat"}
    assert with_mistakes(text, RecognizerNoise(), similar, _draw(), is_complete=False) == text
