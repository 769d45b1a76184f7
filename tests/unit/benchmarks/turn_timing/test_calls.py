"""Synthetic calls whose pauses and ends of turns are known exactly."""

import string
import subprocess
import sys
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from benchmarks.turn_timing.calls.demo import read_demo_call
from benchmarks.turn_timing.calls.phrases import (
    AGENT,
    COUNSELLOR,
    CUSTOMER,
    HELPLINE_CALLER,
    SHORT_REPLIES,
    SLOTS,
)
from benchmarks.turn_timing.calls.script import (
    ScriptedSentence,
    ScriptedTurn,
    dictated,
    scripted,
    write_dictation,
    write_script,
)
from benchmarks.turn_timing.calls.synthetic import (
    OWN_SILENCE_MS,
    PAUSES_MS,
    CallOptions,
    Voices,
    make_calls,
    speak_call,
)
from benchmarks.turn_timing.calls.truth import RATE_HZ, TimedCall
from models.audio.samples import FloatArray
from stream_app.demo.session import DEMO_CALL
from training.asr.synthesis.espeak import Espeak
from training.asr.synthesis.flite import Flite
from training.asr.synthesis.speech import SynthesiserMissingError

WORD_MS = 300


def seeded(seed: int) -> Random:
    return Random(seed)


class _Tones(Voices):
    """Says every word as 300 ms of a tone, with silence before and after the sentence."""

    def __init__(self) -> None:
        pass

    def speak(self, sentence: ScriptedSentence, voice: object) -> tuple[FloatArray, list[int]]:
        del voice
        length, lead = WORD_MS * RATE_HZ // 1000, RATE_HZ // 10
        words = len(sentence.sentence.words)
        tone = 0.5 * np.sin(np.arange(words * length) * 2 * np.pi * 600 / RATE_HZ)
        samples = np.concatenate((np.zeros(lead), tone, np.zeros(2 * lead)))
        return samples.astype(np.float32), [lead + n * length for n in range(words)]


def spoken(*turns: ScriptedTurn, seed: int = 1) -> TimedCall:
    return speak_call("call", list(turns), _Tones(), seeded(seed))


def level(call: TimedCall, channel: int, start_ms: int, end_ms: int) -> float:
    assert call.audio is not None
    heard = call.audio[start_ms * RATE_HZ // 1000 : end_ms * RATE_HZ // 1000, channel]
    return float(np.sqrt(np.mean(heard**2)))


def test_every_template_is_plain_words_once_it_is_filled() -> None:
    """What is not in lower case or is not a word, the synthesisers would read in their own way."""
    templates = [*CUSTOMER, *AGENT, *HELPLINE_CALLER, *COUNSELLOR]
    replies = [text for texts in SHORT_REPLIES.values() for text in texts]
    filled = [
        template.format(**{slot: words[n % len(words)] for slot, words in SLOTS.items()})
        for template in templates
        for n in range(12)
    ]

    assert set("".join(filled + replies)) <= set(string.ascii_lowercase + " ")


def test_a_script_is_a_pure_function_of_its_seed() -> None:
    one, same, other = (write_script(seeded(seed), turns=12) for seed in (1, 1, 2))

    assert one == same
    assert one != other
    assert [turn.role for turn in one[:3]] == ["agent", "customer", "agent"]


def test_dictation_pauses_between_its_groups() -> None:
    sentence = dictated("it is", [["four", "two"], ["a"], ["one"]], has_lead_pause=True)

    assert sentence.sentence.words == ("it", "is", "four", "two", "a", "one")
    assert sentence.sentence.spoken == ("it", "is", "four", "two,", "ay,", "one.")
    assert sentence.breaks == ((2, "dictation"), (4, "dictation"), (5, "dictation"))


@pytest.mark.parametrize("seed", range(40))
def test_every_dictation_is_interrupted_and_ends_with_a_word(seed: int) -> None:
    sentence = write_dictation(seeded(seed))

    places = [place for place, _ in sentence.breaks]
    assert places
    assert places == sorted(set(places))
    assert max(places) < len(sentence.sentence.words)


def test_a_planted_pause_is_silent_and_the_words_around_it_are_not() -> None:
    words = scripted("we would like to move on")
    turn = ScriptedTurn("customer", "hesitant", (ScriptedSentence(words, ((3, "mid_sentence"),)),))

    call = spoken(turn)

    (said,) = call.turns
    (pause,) = said.pauses
    low, high = PAUSES_MS["mid_sentence"]
    assert low <= pause.duration_ms <= high
    assert said.words[2].end_ms == pause.start_ms
    assert said.words[3].start_ms == pause.end_ms
    quiet = level(call, 1, pause.start_ms + 20, pause.end_ms - 20)
    before = level(call, 1, pause.start_ms - 200, pause.start_ms)
    after = level(call, 1, pause.end_ms, pause.end_ms + 200)
    assert min(before, after) > 5 * quiet


def test_a_turn_ends_with_the_last_sound_of_its_last_word() -> None:
    """Silence that a synthesiser leaves at the end must not count as speech."""
    call = spoken(ScriptedTurn("agent", "plain", (ScriptedSentence(scripted("all done")),)))

    (turn,) = call.turns
    assert turn.end_ms - turn.start_ms == 2 * WORD_MS
    assert level(call, 0, turn.end_ms - 100, turn.end_ms) > 0.05
    assert level(call, 0, turn.end_ms + 20, turn.end_ms + 500) < 0.05


def test_between_two_sentences_of_a_turn_there_is_a_pause_of_its_own_kind() -> None:
    sentences = (ScriptedSentence(scripted("it broke")), ScriptedSentence(scripted("i need help")))

    call = spoken(ScriptedTurn("customer", "sentences", sentences))

    assert [pause.kind for pause in call.turns[0].pauses] == ["between_sentences"]
    assert [word.text for word in call.words_of(1)] == ["it", "broke", "i", "need", "help"]


def test_a_party_is_silent_long_enough_for_every_system_to_decide() -> None:
    short = [
        ScriptedTurn(role, "short", (ScriptedSentence(scripted("i see")),))
        for role in ("agent", "customer") * 3
    ]

    call = spoken(*short)

    for channel in range(2):
        turns = call.turns_of(channel)
        gaps = [b.start_ms - a.end_ms for a, b in pairwise(turns)]
        assert min(gaps) >= OWN_SILENCE_MS


def test_true_synthesisers_speak_where_the_truth_says() -> None:
    """On a telephone line, with noise: loud in words, quiet after the ends of turns."""
    try:
        (call,) = make_calls(CallOptions(seed=3, calls=1, turns=4))
    except SynthesiserMissingError as error:
        pytest.skip(str(error))

    for turn in call.turns:
        for word in (turn.words[0], turn.words[-1]):
            spoken_level = level(call, turn.channel, word.start_ms, word.end_ms)
            assert spoken_level > 2 * level(call, turn.channel, turn.end_ms + 50, turn.end_ms + 550)


def test_a_new_process_makes_the_same_calls() -> None:
    """Else nothing that was measured could be measured again."""
    try:
        Flite(), Espeak()
    except SynthesiserMissingError as error:
        pytest.skip(str(error))
    program = (
        "import hashlib; from benchmarks.turn_timing.calls.synthetic import *;"
        "calls = make_calls(CallOptions(seed=4, calls=2, turns=2));"
        "print(*(hashlib.sha256(call.audio.tobytes()).hexdigest() for call in calls))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True
        ).stdout
        for _ in range(2)
    ]

    assert len(runs[0].split()) == 2
    assert runs[0] == runs[1]


def test_utterances_of_the_demo_call_that_nobody_answers_are_one_turn() -> None:
    call = read_demo_call(DEMO_CALL)

    warehouse = [t for t in call.turns_of(0) if t.words[0].text == "thank" and len(t.words) > 20]
    texts = [" ".join(word.text for word in turn.words) for turn in warehouse]
    assert any("find your address it is now back" in text for text in texts)
    assert not any("check that for you thank you for waiting" in text for text in texts)
    assert all(p.kind == "between_sentences" for turn in call.turns for p in turn.pauses)
