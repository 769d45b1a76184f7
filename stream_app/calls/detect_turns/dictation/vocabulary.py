"""The English words of which dictated numbers, spellings and addresses consist."""


def _list(words: str) -> list[str]:
    return words.split()


def _set(words: str) -> frozenset[str]:
    return frozenset(_list(words))


DIGIT_WORDS = {"zero": "0", "oh": "0", "nought": "0"} | {
    word: str(number)
    for number, word in enumerate(_list("one two three four five six seven eight nine"), start=1)
}
TEEN_WORDS = {
    word: str(number)
    for number, word in enumerate(
        _list(
            """
            ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
            """
        ),
        start=10,
    )
}
TENS_WORDS = {
    word: str(10 * number)
    for number, word in enumerate(
        _list("twenty thirty forty fifty sixty seventy eighty ninety"), start=2
    )
}
MULTIPLIERS = {"double": 2, "triple": 3, "treble": 3}
QUANTITY_WORDS = frozenset({"hundred", "thousand", "million", "billion", "dozen"})

NATO = _set(
    """
    alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike
    november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu
    """
)
SYMBOLS = frozenset({"dash", "hyphen", "underscore", "slash", "dot", "plus", "hash", "point"})
FILLERS = frozenset({"uh", "um", "uhm", "er", "erm", "hmm", "mm", "and", "then", "comma", "space"})
ABBREVIATIONS = _set(
    """
    us uk usa eu uae tv dvd cd pc it id ok am pm atm hr ceo nhs gp la ny nyc md phd dc bbc sms usb
    gps suv mot vip faq ad bc pr qa ai app irs fbi cia dob pin diy rv rsvp asap tba eta
    """
)

MONTHS = _set(
    """
    january february march april may june july august september october november december
    """
)
ORDINALS = _set(
    """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth
    """
)
DAY_UNITS = ORDINALS | DIGIT_WORDS.keys() - {"zero", "oh", "nought"}
DAY_NUMBERS = (DIGIT_WORDS | TEEN_WORDS).keys() - {"zero", "oh", "nought"} | {"twenty", "thirty"}
AMOUNT_LEADS = _set(  # "at five thirty", "about twenty": what follows is not a dictation
    """
    at around about by until till before after past to for from between in under over than
    another only just or of
    """
)
AMOUNT_WORDS = _set(  # "the ticket costs three thirty seven"
    """
    cost costs costing price priced prices balance total totals fee fees fare paid pay pays charge
    charged charges worth amount rent rate salary budget bill dollars pounds euros
    """
)
IDIOMS = frozenset(  # numbers to call for help, "twenty four seven", "fifty fifty"
    {"911", "999", "112", "111", "101", "988", "211", "311", "411", "247", "5050"}
)
LINKS = frozenset(
    {"is", "it's", "its", "are", "was", "that's", "reads", "yes", "yeah", "okay", "sure"}
)
PAST_LINKS = frozenset({"was", "are"})  # what follows is told more often than dictated

TOP_LEVEL_DOMAINS = _set(
    """
    com org net edu gov mil int info biz io ai app dev uk us ca au nz ie de fr es it nl be ch
    se no dk fi pl pt eu in jp cn br mx za me tv xyz online email cloud shop
    """
)
MAIL_PROVIDERS = _set(
    """
    gmail hotmail yahoo outlook icloud aol proton protonmail live msn gmx btinternet comcast
    """
)
