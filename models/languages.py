"""Language tags as they come with calls, and the codes that weights know."""

from collections.abc import Container, Iterable

# ISO 639-2 and 639-3 codes, and withdrawn ones, of the languages that Whisper writes.
_CODES = {
    "afr": "af", "alb": "sq", "amh": "am", "ara": "ar", "arb": "ar", "arm": "hy", "asm": "as",
    "aze": "az", "bak": "ba", "baq": "eu", "bel": "be", "ben": "bn", "bod": "bo", "bos": "bs",
    "bre": "br", "bul": "bg", "bur": "my", "cat": "ca", "ces": "cs", "chi": "zh", "cmn": "zh",
    "cym": "cy", "cze": "cs", "dan": "da", "deu": "de", "dut": "nl", "ell": "el", "eng": "en",
    "est": "et", "eus": "eu", "fao": "fo", "fas": "fa", "fil": "tl", "fin": "fi", "fra": "fr",
    "fre": "fr", "geo": "ka", "ger": "de", "glg": "gl", "gre": "el", "guj": "gu", "hat": "ht",
    "hau": "ha", "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "hye": "hy", "ice": "is",
    "in": "id", "ind": "id", "isl": "is", "ita": "it", "iw": "he", "jav": "jw", "jpn": "ja",
    "jv": "jw", "kan": "kn", "kat": "ka", "kaz": "kk", "khm": "km", "kor": "ko", "lao": "lo",
    "lat": "la", "lav": "lv", "lin": "ln", "lit": "lt", "ltz": "lb", "mac": "mk", "mal": "ml",
    "mao": "mi", "mar": "mr", "may": "ms", "mkd": "mk", "mlg": "mg", "mlt": "mt", "mo": "ro",
    "mon": "mn", "mri": "mi", "msa": "ms", "mya": "my", "nb": "no", "nep": "ne", "nld": "nl",
    "nno": "nn", "nob": "no", "nor": "no", "oci": "oc", "pan": "pa", "per": "fa", "pol": "pl",
    "por": "pt", "pus": "ps", "ron": "ro", "rum": "ro", "rus": "ru", "san": "sa", "sin": "si",
    "slk": "sk", "slo": "sk", "slv": "sl", "sna": "sn", "snd": "sd", "som": "so", "spa": "es",
    "sqi": "sq", "srp": "sr", "sun": "su", "swa": "sw", "swe": "sv", "tam": "ta", "tat": "tt",
    "tel": "te", "tgk": "tg", "tgl": "tl", "tha": "th", "tib": "bo", "tuk": "tk", "tur": "tr",
    "ukr": "uk", "urd": "ur", "uzb": "uz", "vie": "vi", "wel": "cy", "yid": "yi", "yor": "yo",
    "zho": "zh", "ji": "yi",
}  # fmt: skip

_CODE_LENGTHS = (2, 3)
_NO_LANGUAGES = frozenset({"und", "mul", "mis", "zxx"})


def primary_subtag(tag: str) -> str:
    """Return the language of a tag such as ``en-US`` or ``en_us``, without region and case."""
    return tag.strip().replace("_", "-").partition("-")[0].strip().casefold()


def unserved_language(tag: str, served: Container[str]) -> str:
    """Return the language that a tag states and weights do not serve, empty where there is none.

    Args:
        tag: BCP 47, or a two or three-letter code, in any case; others state nothing.
        served: Codes as the weights have them.
    """
    language = primary_subtag(tag)
    is_code = language.isascii() and language.isalpha() and len(language) in _CODE_LENGTHS
    if not is_code or language in _NO_LANGUAGES or known_language(tag, served):
        return ""
    return _CODES.get(language, language)


def serves(languages: Iterable[str], tag: str, *, heard: str = "") -> bool:
    """Return whether what is for calls in some languages serves a call; all where there are none.

    Args:
        languages: As `unserved_language` takes a tag.
        tag: That the call states, likewise; one that states no language is served.
        heard: Language of the call that the recognizer does not serve; empty where it serves the
            call. One that names no language (``und``) is foreign to whatever is for some.
    """
    served = {_CODES.get(each, each) for each in map(primary_subtag, languages)}
    if not served:
        return True
    return bool(known_language(heard, served)) if heard else not unserved_language(tag, served)


def known_language(tag: str, known: Container[str]) -> str:
    """Return the code in ``known`` that a tag stands for, empty where it stands for none.

    Args:
        tag: BCP 47, or a two or three-letter code, in any case.
        known: Codes as the weights have them.
    """
    language = primary_subtag(tag)
    candidates = (language, _CODES.get(language, ""))
    return next((code for code in candidates if code and code in known), "")
