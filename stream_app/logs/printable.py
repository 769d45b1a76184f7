"""Text that came from outside, made safe for a terminal.

Text of a caller, a gateway or another system may hold escape sequences, which clear the screen or
rename the window, and marks that reverse the direction of a line.
"""

import re

_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, erasing
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, APC
    r"|\x1b[ -/]*[0-~]"
)
_JOINERS = "\u200c\u200d"  # part of how words of some scripts are written
_LAST_OF_PLANE_0 = 0xFFFF


def printable(text: str) -> str:
    """Return one line of ``text`` that moves no cursor, sets no colour and turns no direction.

    Escape sequences, control characters and direction marks are gone; a line break is a space.
    """
    if text.isprintable():
        return text
    shown = (_shown(character) for character in _ESCAPE_SEQUENCE.sub("", text))
    return "".join(shown)


def printable_json(data: bytes) -> str:
    """Return the same JSON with every character a terminal might obey written as an escape."""
    text = data.decode()
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return " " if character.isspace() else ""


def _escaped(character: str) -> str:
    code = ord(character)
    if code <= _LAST_OF_PLANE_0:
        return f"\\u{code:04x}"
    high, low = divmod(code - _LAST_OF_PLANE_0 - 1, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
