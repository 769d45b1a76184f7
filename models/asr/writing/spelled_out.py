"""Rules of `normalisation`: letters said one by one, addresses of mail and web."""

from models.asr.writing.phrase import Match, Phrase, is_figure, is_number
from models.text.number_words import (
    DIGITS,
    REPEATS,
    cardinal_value,
    ordinal_cardinal,
    ordinal_text,
)

MIN_LETTERS = 3
EMAIL_CUE_WORDS = 8

_LETTER_AS_WORD = {"a", "i"}
_DOMAINS = {"com", "org", "net", "edu", "gov", "info", "io"}
_CONNECTORS = {"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-"}


def spelled_letters(phrase: Phrase, index: int) -> Match | None:
    """Take letters said one by one: "b o b", "b as in bravo o b", "double l"."""
    letters, end = "", index
    while phrase.is_open(index, end + 1):
        element = _letter(phrase, end)
        if element is None:
            break
        letters += element.text or ""
        end += element.atoms
    if len(letters) < MIN_LETTERS:
        return None
    is_closed = phrase.atoms[end - 1].is_closed or end == len(phrase.atoms)
    first_is_word = phrase.text(index) in _LETTER_AS_WORD
    last_is_word = phrase.text(end - 1) in _LETTER_AS_WORD and not is_closed
    last_is_zero = phrase.text(end - 1) == "o" and is_figure(phrase.following(end - 1))
    if first_is_word or last_is_word or last_is_zero:  # "i b m", "b o b i think"
        return Match(end - index, None)
    return Match(end - index, "-".join(letters.upper()))


def _letter(phrase: Phrase, index: int) -> Match | None:
    repeat = REPEATS.get(phrase.text(index), 1)
    here = index + (repeat > 1)
    letter = phrase.text(here)
    if len(letter) != 1 or not letter.isalpha():
        return None
    for cue in (["as", "in"], ["for"], ["like"]):
        word = phrase.text(here + len(cue) + 1)
        end = here + len(cue) + 2
        is_cue = phrase.texts(here + 1, end - 1) == cue and phrase.is_open(here, end)
        if is_cue and len(word) > 1 and word.startswith(letter):
            return Match(end - index, letter * repeat)
    return Match(here + 1 - index, letter * repeat)


def mail_address(phrase: Phrase, index: int) -> Match | None:
    """Take an address whose begin is sure: it has a dot, or "email .. is" stands before it."""
    local, at = _label(phrase, index)
    has_connector = False
    while local and phrase.text(at) in _CONNECTORS:
        label, end = _label(phrase, at + 1)
        if not label:
            return None
        local += _CONNECTORS[phrase.text(at)] + label
        at, has_connector = end, True
    if not local or phrase.text(at) != "at" or not (has_connector or _is_announced(phrase, index)):
        return None
    domain = web_address(phrase, at + 1)
    if domain is None or not phrase.is_open(index, at + 1):
        return None
    return Match(at + 1 + domain.atoms - index, f"{local}@{domain.text}")


def _is_announced(phrase: Phrase, index: int) -> bool:
    before = phrase.texts(max(index - EMAIL_CUE_WORDS, 0), index)
    return before[-1:] in (["is"], ["it's"]) and any("mail" in text for text in before)


def _label(phrase: Phrase, index: int) -> tuple[str, int]:
    """Return a name of an address and where it ends: a word, or letters and digits spelled."""
    spelled, end = "", index
    while _spelled_one(phrase.text(end)):
        text = phrase.text(end)
        spelled += text if len(text) == 1 else DIGITS[text]  # "o" is a letter here
        end += 1
    if spelled:
        return spelled, end
    if phrase.parts(index) > 1:  # "twenty-three dot com"
        return _number_label(phrase, index)
    word = phrase.text(index)
    is_name = word.isalnum() and word.isascii() and word not in _CONNECTORS
    return (word, index + 1) if is_name else ("", index)


def _number_label(phrase: Phrase, index: int) -> tuple[str, int]:
    """Return a hyphenated number as the figures of a name, and where it ends."""
    end = index + phrase.parts(index)
    texts = phrase.texts(index, end)
    value = cardinal_value(texts)
    if value is not None:
        return str(value), end
    cardinal = ordinal_cardinal(texts[-1])
    value = cardinal_value([*texts[:-1], cardinal]) if cardinal else None
    return (ordinal_text(value), end) if value is not None else ("", index)


def _spelled_one(text: str) -> bool:
    return text in DIGITS or (len(text) == 1 and text.isalpha() and text.isascii())


def web_address(phrase: Phrase, index: int) -> Match | None:
    """Take "example dot com", "www dot example dot co dot uk"; not a number within another."""
    if is_number(phrase.text(index)) and is_figure(phrase.preceding(index)):
        return None
    text, end = _label(phrase, index)
    while text and phrase.text(end) == "dot":
        label, after = _label(phrase, end + 1)
        if not label or not phrase.is_open(index, after):
            return None
        text, end = f"{text}.{label}", after
        is_last = label in _DOMAINS or text.endswith(".co.uk")
        if is_last and phrase.following(end - 1) != "dot":
            return Match(end - index, text)
    return None
