"""Scripts of synthetic calls: who says what, and after which words a pause is planted."""

from collections.abc import Callable
from random import Random
from typing import Literal

import msgspec

from benchmarks.turn_timing.calls.phrases import (
    AGENT,
    COUNSELLOR,
    CUSTOMER,
    FILLERS,
    FIRST_NAMES,
    HELPLINE_CALLER,
    LAST_NAMES,
    MAIL_HOSTS,
    MONTHS,
    SHORT_REPLIES,
    SLOTS,
    Templates,
)
from models.text.numerals import spell_digits, spell_ordinal, spell_year
from training.text.spoken_words import Sentence

PauseKind = Literal["mid_sentence", "between_sentences", "dictation"]
TurnKind = Literal["plain", "hesitant", "sentences", "dictation", "short"]
Role = Literal["agent", "customer"]

KIND_WEIGHTS: dict[Role, dict[TurnKind, float]] = {
    "agent": {"plain": 0.33, "hesitant": 0.30, "sentences": 0.22, "dictation": 0.08, "short": 0.07},
    "customer": {
        "plain": 0.15, "hesitant": 0.35, "sentences": 0.18, "dictation": 0.22, "short": 0.10,
    },
}  # fmt: skip
_FILLER_SHARE = 0.25  # of the pauses inside a sentence
_SECOND_PAUSE_SHARE = 0.3  # of hesitant sentences
_PAUSE_IN_PAIR_SHARE = 0.25  # of the sentences of a turn of two
_LEAD_PAUSE_SHARE = 0.6  # of the dictations with words before the first group
_HELPLINE_SHARE = 0.3  # of the calls
_MIN_WORDS_BEFORE = 2
_FEWEST_WORDS = 4  # of a sentence that is interrupted by a pause


class ScriptedSentence(msgspec.Struct, frozen=True):
    """A sentence that is spoken in one go, and where silence is put into it.

    Attributes:
        breaks: Number of words before each pause, and its kind, in order.
    """

    sentence: Sentence
    breaks: tuple[tuple[int, PauseKind], ...] = ()


class ScriptedTurn(msgspec.Struct, frozen=True):
    """A turn; between its sentences there is a pause."""

    role: Role
    kind: TurnKind
    sentences: tuple[ScriptedSentence, ...]


def write_script(random: Random, *, turns: int) -> list[ScriptedTurn]:
    """Return the turns of one call, the agent's first, alternating."""
    is_helpline = random.random() < _HELPLINE_SHARE
    roles: tuple[Role, Role] = ("agent", "customer")
    return [_write_turn(random, roles[n % 2], is_helpline=is_helpline) for n in range(turns)]


def _write_turn(random: Random, role: Role, *, is_helpline: bool) -> ScriptedTurn:
    weights = KIND_WEIGHTS[role]
    kind = random.choices(list(weights), list(weights.values()))[0]
    if kind == "short":
        reply = scripted(random.choice(SHORT_REPLIES[role]))
        return ScriptedTurn(role, kind, (ScriptedSentence(reply),))
    if kind == "dictation":
        return ScriptedTurn(role, kind, (write_dictation(random),))
    templates = _templates(role, is_helpline=is_helpline)
    texts = random.sample(templates, 2 if kind == "sentences" else 1)
    sentences = [scripted(_filled(random, text)) for text in texts]
    if kind == "plain":
        return ScriptedTurn(role, kind, tuple(ScriptedSentence(one) for one in sentences))
    return ScriptedTurn(role, kind, tuple(_hesitate(random, one, kind) for one in sentences))


def _templates(role: Role, *, is_helpline: bool) -> Templates:
    if is_helpline:
        return COUNSELLOR if role == "agent" else HELPLINE_CALLER
    return AGENT if role == "agent" else CUSTOMER


def _filled(random: Random, template: str) -> str:
    chosen = {slot: random.choice(fillings) for slot, fillings in SLOTS.items()}
    return template.format(**chosen)


def _hesitate(random: Random, sentence: Sentence, kind: TurnKind) -> ScriptedSentence:
    """Return the sentence with pauses after words drawn at random, some after a filler."""
    wanted = 1 + (random.random() < _SECOND_PAUSE_SHARE)
    if kind == "sentences":
        wanted = int(random.random() < _PAUSE_IN_PAIR_SHARE)
    indices = range(_MIN_WORDS_BEFORE, len(sentence.words))
    if len(sentence.words) < _FEWEST_WORDS or not wanted:
        return ScriptedSentence(sentence)
    words, spoken, breaks = list(sentence.words), list(sentence.spoken), []
    shift = 0
    for index in sorted(random.sample(indices, min(wanted, len(indices)))):
        at = index + shift
        if random.random() < _FILLER_SHARE:
            filler = random.choice(FILLERS)
            words.insert(at, filler)
            spoken.insert(at, filler)
            at, shift = at + 1, shift + 1
        breaks.append((at, "mid_sentence"))
    return ScriptedSentence(Sentence(tuple(words), tuple(spoken)), tuple(breaks))  # type: ignore[arg-type]


def write_dictation(random: Random) -> ScriptedSentence:
    """Return something that is dictated in groups, a pause between them."""
    lead, groups = random.choice(_DICTATIONS)(random)
    return dictated(lead, groups, has_lead_pause=bool(lead) and random.random() < _LEAD_PAUSE_SHARE)


def dictated(
    lead: str, groups: list[list[str]], *, has_lead_pause: bool = False
) -> ScriptedSentence:
    """Return groups of words, spoken as a list, with a pause between any two of them."""
    words = lead.split()
    spoken = list(words)
    breaks: list[tuple[int, PauseKind]] = []
    if words and has_lead_pause:
        breaks.append((len(words), "dictation"))
    for number, group in enumerate(groups):
        words += group
        spoken += ["ay" if word == "a" else word for word in group]
        is_last = number == len(groups) - 1
        spoken[-1] += "." if is_last else ","
        if not is_last:
            breaks.append((len(words), "dictation"))
    return ScriptedSentence(Sentence(tuple(words), tuple(spoken)), tuple(breaks))


def scripted(text: str) -> Sentence:
    """Return lower-case words as a sentence that ends."""
    words = tuple(text.split())
    return Sentence(words, (*words[:-1], f"{words[-1]}."))


Dictation = tuple[str, list[list[str]]]


def _digit_groups(random: Random, sizes: tuple[int, ...]) -> list[list[str]]:
    return [spell_digits("".join(random.choices("0123456789", k=size))) for size in sizes]


def _phone(random: Random) -> Dictation:
    lead = random.choice(("you can ring me on", "my mobile is", "the best number is", ""))
    return lead, _digit_groups(random, random.choice(((3, 3, 4), (5, 6), (5, 3, 3), (4, 3, 4))))


def _card(random: Random) -> Dictation:
    lead = random.choice(("the long number is", "my card says", "it is", ""))
    return lead, _digit_groups(random, (4, 4, 4, 4))


def _reference(random: Random) -> Dictation:
    lead = random.choice(("the reference reads", "my customer number is", "the code on it is"))
    letters = random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(1, 3))
    return lead, [letters, *_digit_groups(random, random.choice(((4,), (3, 3), (2, 2, 2))))]


def _postcode(random: Random) -> Dictation:
    lead = random.choice(("my postcode is", "the postcode here is", "it is"))
    area = [*random.choices("bcdefghklmnprstw", k=2), *_digit_groups(random, (1,))[0]]
    inward = [*_digit_groups(random, (1,))[0], *random.choices("abdefghjlnpqrstuwxyz", k=2)]
    return lead, [area, inward]


def _spelled_name(random: Random) -> Dictation:
    name = random.choice(LAST_NAMES)
    cut = random.randint(2, len(name) - 2)
    lead = random.choice(("the surname is", "my last name is", "that is"))
    return f"{lead} {name}", [list(name[:cut]), list(name[cut:])]


def _mail(random: Random) -> Dictation:
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    local = random.choice(([first, "dot", last], [first, *_digit_groups(random, (2,))[0]]))
    lead = random.choice(("my email is", "please send it to", "the address is"))
    return lead, [local, ["at", *random.choice(MAIL_HOSTS).split()]]


def _birth_date(random: Random) -> Dictation:
    lead = random.choice(("i was born on", "my date of birth is", ""))
    day = ["the", *spell_ordinal(random.randint(1, 28))]
    return lead, [day, ["of", random.choice(MONTHS)], spell_year(random.randint(1945, 2009))]


_DICTATIONS: tuple[Callable[[Random], Dictation], ...] = (
    _phone,
    _card,
    _reference,
    _postcode,
    _spelled_name,
    _mail,
    _birth_date,
)
