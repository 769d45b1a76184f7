"""English number words as numbers; nothing where a reader could take them in two ways."""

from collections.abc import Sequence

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {
    "first": "one",
    "second": "two",
    "third": "three",
    "fifth": "five",
    "eighth": "eight",
    "ninth": "nine",
    "twelfth": "twelve",
}
VALUES = {word: n for n, word in enumerate(_SMALL)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
SCALES = {"billion": 10**9, "million": 10**6, "thousand": 10**3, "hundred": 10**2}
DIGITS = {word: str(n) for n, word in enumerate(_SMALL[:10])} | {"oh": "0", "o": "0"}
REPEATS = {"double": 2, "triple": 3}
NUMBER_WORDS = VALUES.keys() | SCALES.keys() | REPEATS.keys() | {"oh", "o"}
ZERO_LETTERS = {"oh", "o"}

_MAX_HUNDREDS = 100
_MAX_GROUP = 1_000


def cardinal_value(words: Sequence[str]) -> int | None:
    """Return the number that these words are as a whole; None if they are no single one."""
    for name, scale in SCALES.items():
        if name in words:
            return _scaled_value(words, name, scale)
    if len(words) == 1:
        return VALUES.get(words[0])
    if len(words) == 2 and words[0] in _TENS and 0 < VALUES.get(words[1], 0) < 10:  # noqa: PLR2004
        return VALUES[words[0]] + VALUES[words[1]]
    return None


def _scaled_value(words: Sequence[str], name: str, scale: int) -> int | None:
    index = list(words).index(name)
    count, tail = cardinal_value(words[:index]), words[index + 1 :]
    if tail and tail[0] == "and":
        tail = tail[1:]
        if not tail:
            return None
    rest = cardinal_value(tail) if tail else 0
    limit = _MAX_HUNDREDS if name == "hundred" else _MAX_GROUP
    if not count or count >= limit or rest is None or rest >= scale or (tail and not rest):
        return None
    if name == "hundred" and count >= 10 and count % 10 == 0:  # noqa: PLR2004  "twenty hundred"
        return None
    return count * scale + rest


def digit_string(words: Sequence[str]) -> str | None:
    """Return the digits said one by one: four two double one is 4211; None for anything else."""
    digits = ""
    repeat = 1
    for word in words:
        if word in REPEATS and repeat == 1:
            repeat = REPEATS[word]
        elif word in DIGITS:
            digits += DIGITS[word] * repeat
            repeat = 1
        else:
            return None
    return digits if digits and repeat == 1 else None


def ordinal_cardinal(word: str) -> str | None:
    """Return the cardinal of an ordinal: first is one, twentieth is twenty; None for no ordinal."""
    if word in ORDINALS:
        return ORDINALS[word]
    cardinal = f"{word[:-4]}y" if word.endswith("ieth") else word.removesuffix("th")
    is_regular = cardinal != word and cardinal in VALUES.keys() | SCALES.keys()
    return cardinal if is_regular and cardinal not in ORDINALS.values() else None


def ordinal_text(value: int) -> str:
    """Return a number as an ordinal: 22 is 22nd."""
    is_teen = value // 10 % 10 == 1
    suffix = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{suffix}"


def clock_time(words: Sequence[str]) -> str | None:
    """Return hour and minutes: seven thirty is 7:30, seven oh five 7:05; None for anything else."""
    hour, minutes = cardinal_value(words[:1]), words[1:]
    if hour is None or not 1 <= hour <= 12:  # noqa: PLR2004
        return None
    if not minutes:
        return str(hour)
    if len(minutes) == 2 and minutes[0] in ZERO_LETTERS:  # noqa: PLR2004
        minute = int(DIGITS.get(minutes[1], "0"))
        return f"{hour}:0{minute}" if minute else None
    value = cardinal_value(minutes)
    return f"{hour}:{value}" if value is not None and 10 <= value <= 59 else None  # noqa: PLR2004


def year(words: Sequence[str]) -> str | None:
    """Return a year said in two halves: nineteen eighty four is 1984; None for anything else."""
    century, rest = cardinal_value(words[:1]), words[1:]
    if century not in {18, 19, 20}:
        return None
    if len(rest) == 2 and rest[0] in ZERO_LETTERS:  # noqa: PLR2004
        return f"{century}0{DIGITS[rest[1]]}" if rest[1] in DIGITS else None
    value = cardinal_value(rest) if rest else None
    return f"{century}{value}" if value is not None and 10 <= value <= 99 else None  # noqa: PLR2004
