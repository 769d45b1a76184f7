"""The code of our Markdown pages: blocks and inline spans, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^\n)((?:    .*\n|\n)+)", re.MULTILINE)
SPAN = re.compile(r"(`+)(?P<code>.+?)\1", re.DOTALL)
COMMAND_ENDS = frozenset({"&&", "||", "|", ";", "&"})
ASSIGNMENT = re.compile(r"CALLSTREAM_[A-Z]+__[A-Z_]+=\S*")


@dataclass(frozen=True)
class Page:
    """A page of Markdown.

    Attributes:
        name: Its path below the root of the repository.
        text: As it stands in the file.
    """

    name: str
    text: str

    @property
    def blocks(self) -> list[str]:
        """The blocks of code, fenced or indented by four spaces."""
        outside = FENCE.sub("\n", self.text)
        indented = [found[1] for found in INDENTED.finditer(outside) if found[1].strip()]
        return [found[1] for found in FENCE.finditer(self.text)] + indented

    @property
    def spans(self) -> list[str]:
        """The code inside of sentences and tables, on one line each."""
        outside = FENCE.sub("\n", self.text)
        return [" ".join(found["code"].split()) for found in SPAN.finditer(outside)]

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command in a block, without assignments, comments and redirections."""
        return [words for block in self.blocks for words in commands(block)]

    @property
    def assignments(self) -> list[tuple[str, str]]:
        """Names and values of the settings that are given in code."""
        pairs = (_assigned(code) for code in (*self.blocks, *self.spans))
        return [pair for found in pairs for pair in found]


def read_page(path: Path, root: Path) -> Page:
    """Return a page."""
    return Page(path.relative_to(root).as_posix(), path.read_text())


def commands(block: str) -> Iterator[list[str]]:
    """Yield the words of each command of a block of shell code."""
    for line in block.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in (*_words(line), ";"):
            if word not in COMMAND_ENDS:
                words.append(word)
                continue
            command = _without_environment(words)
            if command:
                yield command
            words = []


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a diagram or a message, not shell code
        return []


def _without_environment(words: list[str]) -> list[str]:
    start = next((i for i, word in enumerate(words) if "=" not in word), len(words))
    end = next((i for i, word in enumerate(words) if word.startswith(("<", ">"))), len(words))
    return words[start:end]


def _assigned(code: str) -> Iterator[tuple[str, str]]:
    for line in code.splitlines():
        for word in _words(line):
            if ASSIGNMENT.fullmatch(word) or (" " in word and ASSIGNMENT.match(word)):
                name, _, value = word.partition("=")
                if "$" not in value:  # what a shell puts there is not known here
                    yield name, value
