"""How parties of a call greet, answer and part: short talk that typed dialogues hardly have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.asr.synthesis.grammar import FIRST_NAMES, LAST_NAMES
from training.text.spoken_words import parse_sentence

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from training.text.spoken_words import Sentence

_MORE_LAST_NAMES = (
    "garcia", "rodriguez", "martinez", "hernandez", "lopez", "gonzalez", "perez", "sanchez",
    "ramirez", "torres", "flores", "rivera", "gomez", "diaz", "reyes", "cruz", "ortiz", "gutierrez",
    "chavez", "ramos", "mendoza", "ruiz", "alvarez", "castillo", "jimenez", "vasquez", "romero",
    "nguyen", "kim", "patel", "chen", "wong", "singh", "cohen", "murray", "hughes", "price",
    "bennett", "wood", "barnes", "ross", "henderson", "coleman", "jenkins", "perry", "powell",
    "long", "patterson", "foster", "sullivan", "russell", "griffin", "hayes", "myers", "ford",
    "hamilton", "graham", "fisher", "simmons", "gibson", "wallace", "west", "cole", "hart",
)  # fmt: skip
_MORE_FIRST_NAMES = (
    "patricia", "jennifer", "elizabeth", "barbara", "jessica", "margaret", "betty", "sandra",
    "ashley", "kimberly", "donna", "carol", "michelle", "amanda", "melissa", "deborah", "stephanie",
    "rebecca", "sharon", "cynthia", "kathleen", "amy", "angela", "brenda", "pamela", "nicole",
    "samantha", "katherine", "christine", "catherine", "joan", "judith", "andrea", "william",
    "joseph", "charles", "christopher", "matthew", "anthony", "donald", "steven", "andrew",
    "joshua", "kenneth", "timothy", "jason", "jeffrey", "ryan", "jacob", "gary", "nicholas",
    "jonathan", "larry", "justin", "scott", "brandon", "benjamin", "samuel", "gregory", "alexander",
    "patrick", "jack", "dennis", "jerry", "tyler", "aaron", "jose", "nathan", "walter", "raymond",
)  # fmt: skip
SPOKEN_NAMES = frozenset((*FIRST_NAMES, *LAST_NAMES, *_MORE_FIRST_NAMES, *_MORE_LAST_NAMES))

_GREETINGS = (
    "Hi.", "Hello.", "Hello, good morning.", "Hi, how are you?", "Hi there.", "Good afternoon.",
    "Hello, can you hear me?", "Hi, thanks for taking my call.", "Hello? Is anybody there?",
    "I'm good, how are you?", "I'm doing well, thank you.", "Fine, thanks, and you?",
)  # fmt: skip
_INTRODUCTIONS = (
    "Hi, my name is {name}.", "Hello, this is {name}.", "My name's {name}.", "Yes, this is {name}.",
    "Hi, this is {name} calling.", "It's {name}.", "{name}.", "Yeah, my name is {name}.",
    "You're speaking with {name}.", "Good morning, I'm {name}.", "Sure, {name}.",
    "The name on it is {name}.", "Could I speak to {name}, please?", "Is that {name}?",
)  # fmt: skip
_ANSWERS = (
    "Yes.", "No.", "Yeah.", "Yep.", "Nope.", "Uh huh.", "Mm hmm.", "Okay.", "Sure.", "Right.",
    "Yes, please.", "No, thank you.", "Yes, that's right.", "That's correct.", "I think so, too.",
    "I hope so, too.", "Okay, great.", "Sounds good.", "That works for me.", "All right.",
    "One second.", "Hold on, let me check.", "Just a moment.", "Sorry, what was that?",
    "Could you say that again?", "I don't know.", "I'm not sure.", "Let me think.", "Oh, I see.",
    "Well, that's too bad.", "That's too late for me.", "It's a bit too early.", "Me, too.",
    "I need that one, too.", "It was too expensive.", "I'd like to do that, too.", "Go ahead.",
    "That would be great.", "It's for my wife.", "It's for two of us.", "We won one, too.",
    "I tried it for an hour.", "I went there to see it.", "For now, yes.", "To be honest, no.",
)  # fmt: skip
_ENDINGS = (
    "No, that's all.", "No, that's everything.", "Nope, that's it.", "That's it for today.",
    "No, I think that's it.", "That would be all.", "Nothing else, thanks.", "I'm all set.",
    "That's all I wanted to know.", "No, you answered all my questions.",
)  # fmt: skip
_THANKS = (
    "Thank you.", "Thanks.", "Thank you very much.", "Thanks a lot.", "Thank you so much.",
    "Okay, thank you.", "All right, thank you.", "Great, thanks.", "Perfect, thank you.",
    "Thanks for your help.", "Thank you, I appreciate it.", "Awesome, thank you.",
)  # fmt: skip
_FAREWELLS = (
    "Bye.", "Goodbye.", "Bye bye.", "You, too.", "You, too, bye.", "You, too. Bye bye.",
    "Okay, bye.", "All right, goodbye.", "Have a good day.", "You have a nice day, too.",
    "Have a great evening.", "Same to you.", "And you, too.", "Okay, you, too.", "Take care.",
    "Talk to you later.", "You, too, thank you.", "Have a good one, too.",
)  # fmt: skip


def generate_small_talk(random: Random) -> Sentence:
    """Return one to three phrases of small talk; a pure function of the generator's state."""
    while True:
        sentence = parse_sentence(random.choice(_SHAPES)(random))
        if sentence is not None:
            return sentence


def _opening(random: Random) -> str:
    introduction = random.choice(_INTRODUCTIONS).format(name=_name(random))
    return " ".join((*random.sample(_GREETINGS, random.randint(0, 1)), introduction))


def _answer(random: Random) -> str:
    return " ".join(random.sample(_ANSWERS, random.choice((1, 1, 2))))


def _parting(random: Random) -> str:
    parts = [random.choice(_ENDINGS), random.choice(_THANKS), random.choice(_FAREWELLS)]
    first = random.randint(0, 2)
    return " ".join(parts[first : first + random.randint(1, 3)])


def _name(random: Random) -> str:
    first = random.choice((*FIRST_NAMES, *_MORE_FIRST_NAMES))
    last = random.choice((*LAST_NAMES, *_MORE_LAST_NAMES, *_MORE_LAST_NAMES))
    return random.choice((f"{first} {last}", f"{first} {last}", first)).title()


_SHAPES: tuple[Callable[[Random], str], ...] = (_opening, _opening, _answer, _parting)
