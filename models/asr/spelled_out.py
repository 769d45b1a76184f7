"""Rules of `normalisation`: letters said one by one, addresses of mail and web."""

from models.asr.number_words import DIGITS, REPEATS
from models.asr.phrase import Match, Phrase, is_figure

MIN_LETTERS = 3
EMAIL_CUE_WORDS = 8

_LETTER_AS_WORD = {"a", "i"}
_DOMAINS = {"com", "org", "net", "edu", "gov", "info", "io"}
_CONNECTORS = {"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-"}


def spelled_letters(phrase: Phrase, place: int) -> Match | None:
    """Take letters said one by one: "b o b", "b as in bravo o b", "double l"."""
    letters, end = "", place
    while phrase.is_open(place, end + 1):
        element = _letter(phrase, end)
        if element is None:
            break
        letters += element.text or ""
        end += element.atoms
    if len(letters) < MIN_LETTERS:
        return None
    is_closed = phrase.atoms[end - 1].is_closed or end == len(phrase.atoms)
    first_is_word = phrase.text(place) in _LETTER_AS_WORD
    last_is_word = phrase.text(end - 1) in _LETTER_AS_WORD and not is_closed
    last_is_zero = phrase.text(end - 1) == "o" and is_figure(phrase.following(end - 1))
    if first_is_word or last_is_word or last_is_zero:  # "i b m", "b o b i think"
        return Match(end - place, None)
    return Match(end - place, "-".join(letters.upper()))


def _letter(phrase: Phrase, place: int) -> Match | None:
    repeat = REPEATS.get(phrase.text(place), 1)
    here = place + (repeat > 1)
    letter = phrase.text(here)
    if len(letter) != 1 or not letter.isalpha():
        return None
    for cue in (["as", "in"], ["for"], ["like"]):
        word = phrase.text(here + len(cue) + 1)
        end = here + len(cue) + 2
        is_cue = phrase.texts(here + 1, end - 1) == cue and phrase.is_open(here, end)
        if is_cue and len(word) > 1 and word.startswith(letter):
            return Match(end - place, letter * repeat)
    return Match(here + 1 - place, letter * repeat)


def mail_address(phrase: Phrase, place: int) -> Match | None:
    """Take an address whose begin is sure: it has a dot, or "email .. is" stands before it."""
    local, at = _label(phrase, place)
    has_connector = False
    while local and phrase.text(at) in _CONNECTORS:
        label, end = _label(phrase, at + 1)
        if not label:
            return None
        local += _CONNECTORS[phrase.text(at)] + label
        at, has_connector = end, True
    if not local or phrase.text(at) != "at" or not (has_connector or _is_announced(phrase, place)):
        return None
    domain = web_address(phrase, at + 1)
    if domain is None or not phrase.is_open(place, at + 1):
        return None
    return Match(at + 1 + domain.atoms - place, f"{local}@{domain.text}")


def _is_announced(phrase: Phrase, place: int) -> bool:
    before = phrase.texts(max(place - EMAIL_CUE_WORDS, 0), place)
    return before[-1:] in (["is"], ["it's"]) and any("mail" in text for text in before)


def _label(phrase: Phrase, place: int) -> tuple[str, int]:
    """Return a name of an address and where it ends: a word, or letters and digits spelled."""
    spelled, end = "", place
    while _spelled_one(phrase.text(end)):
        text = phrase.text(end)
        spelled += text if len(text) == 1 else DIGITS[text]  # "o" is a letter here
        end += 1
    if spelled:
        return spelled, end
    word = phrase.text(place)
    is_name = word.isalnum() and word.isascii() and word not in _CONNECTORS
    return (word, place + 1) if is_name else ("", place)


def _spelled_one(text: str) -> bool:
    return text in DIGITS or (len(text) == 1 and text.isalpha() and text.isascii())


def web_address(phrase: Phrase, place: int) -> Match | None:
    """Take "example dot com", "www dot example dot co dot uk"."""
    text, end = _label(phrase, place)
    while text and phrase.text(end) == "dot":
        label, after = _label(phrase, end + 1)
        if not label or not phrase.is_open(place, after):
            return None
        text, end = f"{text}.{label}", after
        is_last = label in _DOMAINS or text.endswith(".co.uk")
        if is_last and phrase.following(end - 1) != "dot":
            return Match(end - place, text)
    return None
