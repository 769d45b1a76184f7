"""What a short text does to the turn of another party, by its words.

An acknowledgement consists of the phrases of a list and of hums alone. A text of a few other words
is a remark: it takes the turn only if the other party falls silent to it. Words that ask for the
turn, question or object ("wait", "excuse me", "what") make any text a claim, which always takes it.
"""

import re
from collections.abc import Sequence
from typing import Literal

from models.text.spoken_form import spoken_words

Weight = Literal["acknowledgement", "remark", "claim"]

_HUM = re.compile(r"m+h*m*|h+m*|u+h+|u+h*m+")  # recognizers write "mm-hmm" in many ways
LONGEST_WORDS = 12  # a longer text is never an acknowledgement

BACKCHANNELS = (
    *("yes", "yeah", "yep", "yup", "no", "nope", "okay", "ok", "right", "sure", "uh", "um", "oh"),
    *("uh-huh", "mm-hmm", "mhm", "mm", "mmm", "hmm", "hm", "aha", "ah", "m-hmm", "mhmm"),
    *("i see", "all right", "alright", "got it", "gotcha", "great", "good", "fine", "nice", "cool"),
    *("perfect", "excellent", "awesome", "lovely", "wonderful", "brilliant", "very good", "super"),
    *("thank you", "thanks", "thank you very much", "thank you so much", "thanks a lot", "cheers"),
    *("exactly", "absolutely", "definitely", "certainly", "indeed", "totally", "precisely", "true"),
    *(
        "correct",
        "of course",
        "for sure",
        "that's right",
        "that's true",
        "that's correct",
        "agreed",
    ),
    *(
        "i understand",
        "understood",
        "i know",
        "i hear you",
        "i get it",
        "i get that",
        "makes sense",
    ),
    *("that makes sense", "fair enough", "sounds good", "you're right", "no problem", "no worries"),
    *("go on", "go ahead", "please go on", "interesting", "really", "wow", "goodness", "oh dear"),
    *(
        "oh my",
        "oh my god",
        "i'm sorry",
        "i am sorry",
        "so sorry",
        "sorry to hear that",
        "please do",
    ),
    *("i'm sorry to hear that", "yes sir", "yes ma'am", "okay sir", "okay ma'am", "i agree"),
    *("i know what you mean", "i see what you mean", "i completely understand", "sure thing"),
    *(
        "i totally understand",
        "that's great",
        "that's good",
        "that's fine",
        "that's okay",
        "you bet",
    ),
    *(
        "that's terrible",
        "that's awful",
        "oh wow",
        "that is right",
        "that is true",
        "ooh",
        "i guess",
    ),
)
ANSWERS = frozenset(  # what answers a question as often as it shows attention
    {"yes", "yeah", "yep", "yup", "no", "nope", "right", "sure", "correct", "true", "fine"}
)
CLAIMS = frozenset(
    (
        *(
            "wait",
            "stop",
            "hold",
            "hang",
            "halt",
            "pause",
            "excuse",
            "pardon",
            "sorry",
            "apologies",
        ),
        *("but", "however", "actually", "listen", "look", "hello", "hi", "hey", "question"),
        *("questions", "second", "moment", "minute", "interrupt", "quick", "quickly", "again"),
        *("repeat", "what", "what's", "why", "how", "when", "where", "where's", "who", "who's"),
        *("which", "whose", "can", "could", "may", "let", "let's", "would", "will", "do", "does"),
        *("did", "is", "are", "isn't", "aren't", "not", "don't", "can't", "cannot", "won't"),
        *("didn't", "doesn't", "never", "wrong", "incorrect", "disagree", "enough", "help", "bye"),
        *("goodbye", "operator", "agent", "supervisor", "manager", "somebody", "someone"),
    )
)


class BackchannelWords:
    """The phrases with which a listener shows attention.

    Args:
        phrases: One or more words each, in any spelling of case and punctuation.
        most_words: Of a remark.
    """

    def __init__(self, phrases: Sequence[str], most_words: int = 3) -> None:
        self._phrases = {tuple(spoken_words(phrase)) for phrase in phrases}
        self._lengths = sorted({len(phrase) for phrase in self._phrases if phrase})
        self._most_words = most_words

    def weight(self, text: str) -> Weight:
        """Return what a text does to the turn of another party; one without words claims it."""
        words = spoken_words(text)
        if self._consist_of_phrases(words):
            return "acknowledgement"
        is_remark = 0 < len(words) <= self._most_words and CLAIMS.isdisjoint(words)
        return "remark" if is_remark else "claim"

    def _consist_of_phrases(self, words: Sequence[str]) -> bool:
        if not 0 < len(words) <= LONGEST_WORDS:
            return False
        reachable = {0}
        for start in range(len(words)):
            if start in reachable:
                if _HUM.fullmatch(words[start]):
                    reachable.add(start + 1)
                reachable |= {
                    start + length
                    for length in self._lengths
                    if tuple(words[start : start + length]) in self._phrases
                }
        return len(words) in reachable


def may_answer(text: str) -> bool:
    """Return whether a text has words that answer a question."""
    return not ANSWERS.isdisjoint(spoken_words(text))
