"""Generated dictation: digits, phone and order numbers, spellings, dates, amounts, times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.text.numerals import (
    spell_cardinal,
    spell_digits,
    spell_money,
    spell_ordinal,
    spell_time,
    spell_year,
)
from training.text.spoken_words import Sentence

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FIRST_NAMES = [
    "john",
    "mary",
    "james",
    "linda",
    "robert",
    "susan",
    "michael",
    "karen",
    "david",
    "lisa",
    "richard",
    "nancy",
    "thomas",
    "sarah",
    "daniel",
    "emma",
    "paul",
    "laura",
    "mark",
    "julia",
    "kevin",
    "anna",
    "brian",
    "alice",
    "george",
    "helen",
    "edward",
    "grace",
    "frank",
    "rachel",
    "peter",
    "diana",
    "steven",
    "olivia",
    "eric",
    "sophia",
    "adam",
    "chloe",
    "henry",
    "megan",
    "oscar",
    "ruth",
    "victor",
    "maria",
    "carlos",
    "priya",
    "ahmed",
    "fatima",
    "wei",
    "elena",
    "tony",
    "jane",
]
LAST_NAMES = [
    "smith",
    "johnson",
    "williams",
    "brown",
    "jones",
    "miller",
    "davis",
    "wilson",
    "anderson",
    "taylor",
    "moore",
    "jackson",
    "martin",
    "lee",
    "thompson",
    "white",
    "harris",
    "clark",
    "lewis",
    "robinson",
    "walker",
    "young",
    "king",
    "wright",
    "scott",
    "green",
    "baker",
    "adams",
    "nelson",
    "hill",
    "campbell",
    "mitchell",
    "roberts",
    "carter",
    "phillips",
    "evans",
    "turner",
    "parker",
    "collins",
    "stewart",
    "morris",
    "murphy",
    "cook",
    "rogers",
    "morgan",
    "cooper",
    "peterson",
    "bailey",
    "reed",
    "kelly",
    "howard",
    "ward",
]
_STREETS = [
    "main",
    "oak",
    "maple",
    "cedar",
    "elm",
    "washington",
    "lake",
    "hill",
    "park",
    "pine",
    "river",
    "church",
    "spring",
    "market",
    "high",
]
_CITIES = [
    "boston",
    "chicago",
    "denver",
    "seattle",
    "austin",
    "houston",
    "dallas",
    "portland",
    "phoenix",
    "atlanta",
    "london",
    "manchester",
    "dublin",
    "toronto",
    "sydney",
    "oakland",
]
_PRODUCTS = [
    "phone",
    "laptop",
    "charger",
    "router",
    "printer",
    "camera",
    "headset",
    "tablet",
    "jacket",
    "blender",
    "lamp",
    "kettle",
    "monitor",
    "keyboard",
    "watch",
    "speaker",
    "toaster",
    "vacuum",
    "mattress",
    "chair",
]

PROPER_NAMES = frozenset((*_MONTHS, *_DAYS, *_CITIES))


def generate_sentence(random: Random) -> Sentence:
    """Return one sentence of dictation; a pure function of the generator's state."""
    return random.choice(_PATTERNS)(random)


def _sentence(lead: str, *groups: list[str]) -> Sentence:
    words = lead.split()
    spoken = list(words)
    for number, group in enumerate(groups):
        words += group
        spoken += ["ay" if word == "a" else word for word in group]
        spoken[-1] += "." if number == len(groups) - 1 else ","
    return Sentence(tuple(words), tuple(spoken))


def _digit_groups(random: Random, sizes: tuple[int, ...]) -> list[list[str]]:
    groups = []
    for size in sizes:
        words = spell_digits("".join(random.choices("0123456789", k=size)))
        groups.append(["oh" if w == "zero" and random.random() < 0.3 else w for w in words])  # noqa: PLR2004
    return groups


def _digits(random: Random) -> Sentence:
    lead = random.choice(("", "", "", "it's", "okay", "the number is", "yes it's", "that's"))
    return _sentence(lead, *_digit_groups(random, (random.randint(1, 6),)))


def _phone_number(random: Random) -> Sentence:
    lead = random.choice(
        ("", "my phone number is", "you can reach me at", "it's", "call me back on", "sure it's")
    )
    sizes = random.choice(((3, 3, 4), (3, 4), (4, 3, 4), (5, 6)))
    return _sentence(lead, *_digit_groups(random, sizes))


def _reference_number(random: Random) -> Sentence:
    lead = random.choice(
        (
            "the order number is",
            "my order number is",
            "my account number is",
            "the reference is",
            "my booking reference is",
            "the tracking number is",
            "it's order number",
            "policy number",
            "the case number is",
        )
    )
    letters = random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(0, 3))
    groups = ([letters] if letters else []) + _digit_groups(
        random, random.choice(((4,), (5,), (6,), (3, 3), (4, 4), (2, 2, 2)))
    )
    return _sentence(lead, *groups)


def _spelled_name(random: Random) -> Sentence:
    name = random.choice(FIRST_NAMES + LAST_NAMES)
    lead = random.choice(("my name is", "the last name is", "that's", "it's", "the first name is"))
    return _sentence(f"{lead} {name}", list(name))


def _introduction(random: Random) -> Sentence:
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    lead = random.choice(
        (
            "hi this is",
            "my name is",
            "hello my name is",
            "good morning this is",
            "i'm",
            "am i speaking with",
            "thanks for calling my name is",
            "you're speaking with",
            "can i speak to",
        )
    )
    return _sentence(lead, random.choice(([first], [first, last])))


def _date(random: Random) -> Sentence:
    lead = random.choice(
        ("", "it was on", "i ordered it on", "my date of birth is", "that would be", "on")
    )
    day = spell_ordinal(random.randint(1, 31))
    month = random.choice(_MONTHS)
    words = random.choice(([month, *day], ["the", *day, "of", month], [*day, "of", month]))
    if random.random() < 0.4:  # noqa: PLR2004
        words = [*words, *spell_year(random.randint(1940, 2027))]
    elif random.random() < 0.2:  # noqa: PLR2004
        words = [random.choice(_DAYS), *words]
    return _sentence(lead, words)


def _amount(random: Random) -> Sentence:
    lead = random.choice(
        (
            "the total is",
            "i was charged",
            "that comes to",
            "the refund is",
            "it cost",
            "i paid",
            "the balance is",
            "your bill is",
        )
    )
    whole = random.choice((random.randint(1, 99), random.randint(100, 3000)))
    return _sentence(lead, spell_money(whole, random.choice((0, 0, random.randint(1, 99)))))


def _clock(random: Random) -> Sentence:
    lead = random.choice(
        ("at", "let's say", "around", "the appointment is at", "they open at", "how about")
    )
    hour, minute = random.randint(1, 12), random.choice((0, 15, 30, 45, random.randint(1, 59)))
    words = spell_time(hour, minute)
    if words[-1] != "o'clock" and random.random() < 0.5:  # noqa: PLR2004
        words = [*words, random.choice("ap"), "m"]
    return _sentence(lead, words)


def _address(random: Random) -> Sentence:
    lead = random.choice(("i live at", "the address is", "it should go to", "ship it to"))
    number = spell_cardinal(random.randint(1, 999))
    street = [*number, random.choice(_STREETS), random.choice(("street", "avenue", "road"))]
    return _sentence(lead, street, [random.choice(_CITIES)])


def _short_reply(random: Random) -> Sentence:
    reply = random.choice(
        (
            "yes", "no", "okay", "uh huh", "right", "sure", "thank you", "thanks", "hello", "hi",
            "goodbye", "bye", "bye bye", "alright", "great", "perfect", "yes please", "no thanks",
            "sorry", "pardon", "i see", "of course", "one moment", "hold on", "mm hmm", "exactly",
            "that's right", "that's correct", "you're welcome", "no problem", "good morning",
            "good afternoon", "good evening", "thank you very much", "have a nice day", "um",
            "have a good one", "yeah", "yep", "nope", "oh", "oh okay", "ah okay", "well", "uh",
            "got it", "i understand", "not really", "i think so", "that's fine", "sounds good",
        )
    )  # fmt: skip
    return _sentence("", reply.split())


def _service_line(random: Random) -> Sentence:
    product, other = random.sample(_PRODUCTS, 2)
    count = random.choice(("two", "three", "five", "seven", "ten"))
    line = random.choice(
        (
            f"my {product} hasn't arrived yet",
            f"i'd like to return a {product} i bought {count} days ago",
            f"the {product} stopped working after {count} weeks",
            f"i ordered a {product} but i got a {other}",
            f"could you check the status of my {product} please",
            f"we'll send you a new {product} within {count} business days",
            f"can i have your order number for the {product} please",
            f"i'm sorry to hear that your {product} is damaged",
            f"would you like a refund or a replacement for the {product}",
            f"let me just pull up your account and check on that {product}",
            f"is there anything else i can help you with besides the {product}",
            f"please hold while i look into the {product}",
            f"you should receive your {product} by {random.choice(_DAYS)}",
            f"the {product} comes with a {count} year warranty",
            f"i've cancelled the {product} and kept the {other}",
        )
    )
    return _sentence("", line.split())


_PATTERNS: tuple[Callable[[Random], Sentence], ...] = (
    _digits,
    _digits,
    _phone_number,
    _reference_number,
    _spelled_name,
    _introduction,
    _date,
    _amount,
    _clock,
    _address,
    _short_reply,
    _short_reply,
    _service_line,
)
