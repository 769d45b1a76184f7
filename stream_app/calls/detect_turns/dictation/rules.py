"""Rules that recognise a dictation at the end of a text, and whether it is complete.

A number, a spelling or an address is read out in groups, with pauses as long as those between
turns, and its words are not a sentence that a model could call complete or not. The end of the
text decides, by the rules below: the first that has an answer gives it. English only. What is
counted or named in passing ("two", "at five thirty", "i need two tickets") is not a dictation.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from stream_app.calls.detect_turns.dictation.figures import by_digits, last_digits
from stream_app.calls.detect_turns.dictation.tail import Tail, tail_of, words_of
from stream_app.calls.detect_turns.dictation.vocabulary import (
    ABBREVIATIONS,
    AMOUNT_LEADS,
    AMOUNT_WORDS,
    DAY_NUMBERS,
    DAY_UNITS,
    IDIOMS,
    LINKS,
    MAIL_PROVIDERS,
    MONTHS,
    ORDINALS,
    PAST_LINKS,
    QUANTITY_WORDS,
    TOP_LEVEL_DOMAINS,
)

Dictation = Literal["none", "open", "complete"]

CUE_WORDS = 14  # before a number, among which it may be said what the number is
AMOUNT_CUE_WORDS = 5
CARD_DIGITS = 16
LONGEST_COUNT_DIGITS = 2  # more are dictated
FEWEST_BARE_DIGITS = 4  # of a number in one piece that is not a count
FEWEST_PROSE_DIGITS = 7  # the same in the midst of a sentence that does not say what it is
FEWEST_CODE_CHARACTERS = 3
MAX_NAME_WORDS = 4
PHONE_DIGITS = 10
PHONE_EXCHANGE = 3  # digits of its area and its exchange, in North America
EXAMPLE_CODE = "555"
LONGEST_TIME = 4  # digits of "eleven thirty"
PAIR = 2  # groups of "eleven thirty" or "nineteen eighty"
LAST_HOUR = 12
YEAR_DIGITS = 4

_BIRTH = re.compile(r"\b(?:born|birth|birthday|dob)\b")
_SPELLING = re.compile(r"\b(?:spell|spells|spelled|spelt|spelling|letters?|starts with)\b")
_PHONE = re.compile(
    r"\b(?:phone|mobile|telephone|cell|landline|contact number)\b"
    r"|\b(?:call|ring|text|reach) (?:me|us)\b"
)
_NAMED_CODE = re.compile(
    r"\b(?:number|numbers|code|reference|ref|id|policy|account|serial|order|booking|ticket|case"
    r"|extension|digits|confirmation|reading|postcode|post code|password|registration|plate)\b"
)
_CUE = re.compile(  # right before a figure that is no amount
    r"\b(?:numbers?|code|reference|ref|id|policy|account|serial|order|booking|ticket|case"
    r"|extension|digits|confirmation|postcode|post code|registration|plate|zip|pin|card|phone"
    r"|mobile|landline|telephone|cell|number plus|plus)$"
)
_ANNOUNCED = re.compile(
    r"\b(?:number|code|reference|postcode|post code|e-?mail|mail address|zip|pin|surname|id|birth"
    r"|spelled|spelt)"
    r"(?: (?:is|it's|its|are)|'s)?$"
)
_MAIL = re.compile(r"\be-?mail(?: address)?\b(?: (?:is|it's|its|to))?")
_NOT_NAMES = frozenset(  # "my email is not working"
    (
        *("not", "wrong", "working", "correct", "right", "the", "a", "an", "same", "already", "on"),
        *("in", "broken", "different", "that", "this", "my", "your", "to", "from", "with", "and"),
        *("or", "for", "what", "where", "when", "how", "it", "i", "you", "we", "they", "he", "she"),
        *("be", "going", "being", "fine", "good", "great", "best", "better", "ok", "okay"),
        *("easier", "down", "slow", "up", "full", "mine"),
    )
)

# What a number is, and with how many digits it is complete; the first that fits
_LENGTHS: tuple[tuple[re.Pattern[str], frozenset[int]], ...] = (
    (re.compile(r"\blast (?:four|4)\b"), frozenset({4})),
    (
        re.compile(r"\blast (?:three|3)\b|\bsecurity (?:code|number)\b|\bcv[vc]\b"),
        frozenset({3, 4}),
    ),
    (re.compile(r"\bexpir(?:y|es|ation)\b"), frozenset({4, 6})),
    (re.compile(r"\bsort code\b"), frozenset({6})),
    (re.compile(r"\baccount number\b"), frozenset({8})),
    (re.compile(r"\b(?:verification|passcode|one time)\b"), frozenset({6})),
    (re.compile(r"\bpin\b"), frozenset({4})),
    (re.compile(r"\bzip\b"), frozenset({5, 9})),
    (re.compile(r"\bsocial security\b"), frozenset({9})),
    (re.compile(r"\b(?:amex|american express)\b"), frozenset({15})),
    (re.compile(r"\bcard\b|\blong number\b"), frozenset({CARD_DIGITS})),
)
_WHOLE_CODES = re.compile(  # a postcode, a number of national insurance
    r"[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}|[a-z]{2}\d{6}[a-z]"
)
_CLOCK_MINUTES = frozenset({"00", "10", "15", "20", "30", "40", "45", "50"})


def dictation(text: str) -> Dictation:
    """Return ``open`` within a dictation, ``complete`` at its end, ``none`` without one."""
    dictated = _read(text)
    if not dictated.words:
        return "none"
    if text.rstrip(" .").endswith("@"):
        return "open"
    answers = (rule(dictated) for rule in _RULES)
    return next((answer for answer in answers if answer is not None), "none")


@dataclass(frozen=True, slots=True)
class _Dictated:
    """The last words of a text, with the numbers and letters at its very end."""

    words: Sequence[str]
    tail: Tail

    @property
    def cue(self) -> str:
        """Return what was said before them."""
        return " ".join(self.tail.before[-CUE_WORDS:])

    @property
    def lead(self) -> str:
        """Return the word before them, empty without one."""
        return self.tail.before[-1] if self.tail.before else ""

    @property
    def is_long(self) -> bool:
        """Return whether they are more than a count."""
        return len(self.tail.characters) > LONGEST_COUNT_DIGITS or self.lead in LINKS


def _read(text: str) -> _Dictated:
    """Return a text with its figures as they were said: "4000" is read in more than one way."""
    words = words_of(text)
    as_amounts = _Dictated(words, tail_of(words))
    apart = by_digits(text)
    if apart == text:
        return as_amounts
    words = words_of(apart)
    read_out = _Dictated(words, tail_of(words))
    is_more = len(read_out.tail.characters) > last_digits(text)  # other groups, or letters
    is_read_out = is_more or _is_cued(read_out) or not read_out.tail.before
    return read_out if is_read_out else as_amounts


def _is_cued(dictated: _Dictated) -> bool:
    """Return whether the words before a figure say that it is no amount."""
    is_link = dictated.lead in LINKS
    if dictated.lead in PAST_LINKS:  # "it was 5,000"
        is_link = any(kind.search(dictated.cue) for kind, _ in _LENGTHS) or _named(dictated)
    return is_link or _CUE.search(dictated.cue) is not None


def _spoken_address(dictated: _Dictated) -> Dictation | None:
    """``john dot smith at example dot com``."""
    words = dictated.words
    recent = words[-8:]
    if "dot" not in recent and "underscore" not in recent:
        return None
    if words[-1] in {"dot", "underscore", "at", "co"}:
        return "open"
    if words[-1] in TOP_LEVEL_DOMAINS and words[-2] == "dot":
        return "complete"
    is_domain = "at" in recent and not _follows(words, "dot", "at")
    return "open" if is_domain or words[-2] in {"dot", "underscore"} else None


def _address_in_parts(dictated: _Dictated) -> Dictation | None:
    """``smith at gmail``, and ``my email is john``."""
    words = dictated.words
    if words[-1] in MAIL_PROVIDERS and words[-2:-1] == ["at"]:
        return "open"
    cues = list(_MAIL.finditer(" ".join(words[-CUE_WORDS:])))
    if not cues or not cues[-1].group().endswith((" is", " it's", " its")):
        return None
    named = " ".join(words[-CUE_WORDS:])[cues[-1].end() :].split()
    if named and named[-1] == "at":
        return "open"
    is_name = len(named) <= MAX_NAME_WORDS and not _NOT_NAMES.intersection(named)
    return "open" if is_name else None


def _announced(dictated: _Dictated) -> Dictation | None:
    """``my card number is``."""
    said = " ".join(dictated.words[-CUE_WORDS:])
    match = _ANNOUNCED.search(said)
    if match is None:
        return None
    is_linked = match.group().endswith(("is", "it's", "its", "are", "'s", "spelled", "spelt"))
    return "open" if is_linked else None


def _unfinished(dictated: _Dictated) -> Dictation | None:
    """``four two double``, ``smith dash``, ``b for``."""
    return "open" if dictated.tail.is_unfinished and dictated.tail.groups else None


def _date(dictated: _Dictated) -> Dictation | None:
    """``the fourteenth of march nineteen eighty four``."""
    words, tail = dictated.words, dictated.tail
    is_birth = _BIRTH.search(dictated.cue) is not None
    if words[-1] == "of" and len(words) > 1 and _is_day(words[-2]):
        return "open"
    months = [
        index for index in range(max(0, len(words) - 6), len(words)) if words[index] in MONTHS
    ]
    if months and not (words[months[-1]] == "may" and not is_birth):
        return _dated(words, months[-1], is_birth=is_birth)
    if not is_birth:
        return None
    if words[-1] in ORDINALS:
        return "open"
    if not tail.groups:
        return None
    return "complete" if len(tail.characters) in {6, 8} else "open"


def _dated(words: Sequence[str], month: int, *, is_birth: bool) -> Dictation | None:
    """Return the answer for a date with its month at an index; its year may be missing."""
    after = words[month + 1 :]
    has_day = month > 0 and (_is_day(words[month - 1]) or words[month - 1] == "of")
    if not has_day:
        length = _day_length(after)
        has_day, after = length > 0, after[length:]
    year = tail_of(after)
    if after and (year.before or not year.groups):
        return None
    if not year.groups:
        return "open" if is_birth else "none"
    is_begun = year.characters in {"19", "20"} or len(year.characters) % 2
    return "open" if is_begun or (is_birth and not has_day) else "complete"


def _spelling(dictated: _Dictated) -> Dictation | None:
    """``s m i t h``, ``bravo four two``."""
    tail = dictated.tail
    if not tail.letters:
        return None
    characters = tail.characters
    is_named = _SPELLING.search(dictated.cue) is not None or _named(dictated)
    if _WHOLE_CODES.fullmatch(characters) or _is_spelled_word(tail):
        return "complete"
    if characters.isalpha():
        is_word = characters in ABBREVIATIONS or len(characters) == 1
        return None if is_word and not is_named else "open"
    if characters.rstrip("apm").isdigit() and characters.endswith(("am", "pm")):
        return None
    return "open" if is_named or len(characters) >= FEWEST_CODE_CHARACTERS else None


def _amount(dictated: _Dictated) -> Dictation | None:
    """``the ticket costs three thirty seven``."""
    is_price = not AMOUNT_WORDS.isdisjoint(dictated.tail.before[-AMOUNT_CUE_WORDS:])
    return "none" if is_price and dictated.tail.groups and not dictated.tail.letters else None


def _known_number(dictated: _Dictated) -> Dictation | None:
    """``my card number is four two seven one``."""
    tail, cue = dictated.tail, dictated.cue
    if not tail.groups or tail.letters or not dictated.is_long:
        return None
    length = len(tail.characters)
    for kind, lengths in _LENGTHS:
        if kind.search(cue):
            return "complete" if length in lengths or length > max(lengths) else "open"
    if _PHONE.search(cue):
        return "complete" if _is_whole_phone(tail.characters) else "open"
    if not _named(dictated):
        return None
    return "complete" if _is_whole(tail.characters) else "open"


def _unknown_number(dictated: _Dictated) -> Dictation | None:
    """``four two seven one``."""
    tail = dictated.tail
    characters = tail.characters
    if not characters or tail.letters or _is_count(dictated):
        return None
    if _is_no_phone(characters):
        return "open"
    return "complete" if _is_whole(characters) else "open"


_RULES: tuple[Callable[[_Dictated], Dictation | None], ...] = (
    _spoken_address,
    _address_in_parts,
    _announced,
    _unfinished,
    _date,
    _spelling,
    _amount,
    _known_number,
    _unknown_number,
)


def _is_count(dictated: _Dictated) -> bool:
    """Return whether digits are an amount, a time or a year, where no word says what they are."""
    groups, characters = dictated.tail.groups, dictated.tail.characters
    is_bare = not [word for word in dictated.tail.before if word not in LINKS]
    is_decimal = "point" in dictated.words[len(dictated.tail.before) :]
    if dictated.lead in QUANTITY_WORDS or characters in IDIOMS or is_decimal or _is_time(groups):
        return True
    if len(groups) == 1:
        fewest = FEWEST_BARE_DIGITS if is_bare else FEWEST_PROSE_DIGITS
        return len(characters) < fewest
    if len(groups) == PAIR:
        is_year = groups[0] in {"18", "19", "20"} and len(groups[1]) == len(groups[0])
        is_led = dictated.lead in AMOUNT_LEADS
        return is_year or is_led or (len(characters) == len(groups) and not is_bare)
    return False


def _is_time(groups: Sequence[str]) -> bool:
    """``eleven thirty``."""
    if len(groups) != PAIR or groups[1] not in _CLOCK_MINUTES:
        return False
    return 1 <= int(groups[0][:LONGEST_TIME]) <= LAST_HOUR


def _is_whole(digits: str) -> bool:
    """Return whether digits may be complete, where their number is not known."""
    return _is_whole_phone(digits) or len(digits) >= CARD_DIGITS


def _is_spelled_word(tail: Tail) -> bool:
    """``hobbs h o b b s``."""
    return len(tail.characters) > 1 and tail.characters in tail.before[-CUE_WORDS:]


def _is_whole_phone(digits: str) -> bool:
    if digits.startswith("44"):
        return len(digits) == PHONE_DIGITS + 2
    if digits.startswith(("0", "1")):
        return len(digits) == PHONE_DIGITS + 1
    return len(digits) in {PHONE_DIGITS, PHONE_DIGITS + 1}


def _is_no_phone(digits: str) -> bool:
    """Return whether ten digits are no telephone number of North America; 555 is for examples."""
    area, exchange = digits[:PHONE_EXCHANGE], digits[PHONE_EXCHANGE : 2 * PHONE_EXCHANGE]
    is_example = EXAMPLE_CODE in {area, exchange}
    return len(digits) == PHONE_DIGITS and exchange[0] in "01" and not is_example


def _is_day(word: str) -> bool:
    return word in ORDINALS or word in DAY_NUMBERS


def _day_length(words: Sequence[str]) -> int:
    """Return how many words at the start are a day, as "fourteen" or "twenty first"; 0 for none."""
    if not words or not _is_day(words[0]) or _is_year(words):
        return 0
    is_compound = words[0] in {"twenty", "thirty"} and words[1:2] and words[1] in DAY_UNITS
    return 2 if is_compound else 1


def _is_year(words: Sequence[str]) -> bool:
    tail = tail_of(words)
    is_century = tail.groups[:1] in {("18",), ("19",), ("20",)}
    return is_century and not tail.before and len(tail.characters) == YEAR_DIGITS


def _named(dictated: _Dictated) -> bool:
    """Return whether the words before say that this is a number or a code of something."""
    return dictated.is_long and _NAMED_CODE.search(dictated.cue) is not None


def _follows(words: Sequence[str], word: str, other: str) -> bool:
    """Return whether the last ``word`` comes after the last ``other``."""
    backwards = words[::-1]
    return word in backwards and backwards.index(word) < backwards.index(other)
