"""The prompt of a call: what a model reads of it, in training as when it serves.

A call that is too long loses turns from its middle, since it says at its begin what is wanted and
at its end how it went; a turn that is too long loses words from its middle. What people said is
data: it cannot end a line, nor hold a special token of any chat template.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from models.analytics.answer_parts import MAX_TURNS
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.analytics.guide import AnalysisGuide
    from models.analytics.turns import SpokenTurn, TemporalContext

PromptForm = Literal["chat", "document"]
SPEAKERS = {"agent": "Agent", "customer": "Customer", "unknown": "Speaker"}
_LONGEST_SHARE = 3  # a turn takes at most this part of a prompt that does not hold the call
_LONGEST_PIECE = 40  # characters of a word that is cut
_CUT = "..."
# Every special token of the known templates has one of them: <|im_end|>, </s>, [INST]
_NEUTRAL = str.maketrans("<>[]|", "()()/")
_SEPARATORS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ud800-\udfff]+")


class Prompt(NamedTuple):
    """What a model reads of one call.

    Attributes:
        system: The same for all calls of a guide, so that a back-end reads it once; empty in the
            document's form.
        user: The call. In the document's form the whole prompt, to the mark of the answer.
        shown: Indexes of the turns that stand in it; the answer counts them from 1.
    """

    system: str
    user: str
    shown: tuple[int, ...]

    @property
    def messages(self) -> list[dict[str, str]]:
        """The messages that a chat template takes."""
        told = (("system", self.system), ("user", self.user))
        return [{"role": role, "content": text} for role, text in told if text]

    @property
    def text(self) -> str:
        """What a model reads without a chat template."""
        return "\n".join(each for each in (self.system, self.user) if each)


class TokenBudget(NamedTuple):
    """How long a prompt may be.

    Attributes:
        max_tokens: That system and user have together at most; what a chat template adds is not
            among them.
        count_tokens: Returns the number of tokens of a text, without those that begin or end a
            sequence.
    """

    max_tokens: int
    count_tokens: Callable[[str], int]

    def fits(self, prompt: Prompt) -> bool:
        """Whether a prompt is no longer."""
        return self.tokens(prompt) <= self.max_tokens

    def tokens(self, prompt: Prompt) -> int:
        """Return the number of tokens of a prompt."""
        return self.count_tokens(prompt.system) + self.count_tokens(prompt.user)


class _Line(NamedTuple):
    """A turn as it stands in the prompt, without its number."""

    turn: int
    speaker: str
    text: str


def build_prompt(
    turns: Sequence[SpokenTurn],
    context: TemporalContext,
    form: PromptForm,
    *,
    guide: AnalysisGuide,
    budget: TokenBudget,
) -> Prompt:
    """Return the prompt of a call.

    Args:
        turns: In the order of the call.
        context: When it took place; what is None is left out.
        form: ``chat`` for the chat template of the base model, ``document`` for the documents' own.
        guide: Its title names the service.
        budget: How long it may be.

    Raises:
        ConfigurationError: The budget leaves no room for the first and the last turn.
    """
    writer = _Writer(context, form, guide)
    lines = [
        _Line(index, SPEAKERS[each.party], neutral(each.text)) for index, each in enumerate(turns)
    ]
    prompt = writer.prompt(lines, 0)
    if len(lines) <= MAX_TURNS and budget.fits(prompt):
        return prompt
    room = budget.max_tokens - budget.tokens(writer.prompt((), len(lines)))
    head, tail = _ends(lines, room, budget.count_tokens)
    while True:
        kept = (*head, *reversed(tail))
        prompt = writer.prompt(kept, len(lines) - len(kept))
        if budget.fits(prompt):
            return prompt
        if len(kept) <= min(2, len(lines)):  # the first and the last
            most = budget.max_tokens
            msg = f"a prompt of {most} tokens has no room for two turns: allow more tokens"
            raise ConfigurationError(msg)
        (head if len(head) > len(tail) else tail).pop()


def number_mark(number: int) -> str:
    """Return what ends the line of a turn: its number, behind a character that no turn has.

    The number stands behind the words, so that a model that reads from left to right knows there
    what the turn says.
    """
    return f" |{number}"


def neutral(text: str) -> str:
    """Return a text as one line without special tokens."""
    return _SEPARATORS.sub(" ", text).translate(_NEUTRAL).strip()


class _Writer:
    """Writes the prompts of one call, whatever turns are kept."""

    def __init__(self, context: TemporalContext, form: PromptForm, guide: AnalysisGuide) -> None:
        self._form = form
        self._system = (
            f"{neutral(guide.title)}: analyse the call and answer in JSON."
            if form == "chat"
            else ""
        )
        self._head = _chat_head(context) if form == "chat" else _document_head(context)

    def prompt(self, kept: Sequence[_Line], left_out: int) -> Prompt:
        """Return the prompt that shows some turns, and says where others are left out."""
        lines: list[str] = []
        for number, each in enumerate(kept, 1):
            if number > 1 and each.turn > kept[number - 2].turn + 1:
                lines.append(f"({left_out} turns left out)")
            end = number_mark(number) if self._form == "chat" else ""
            lines.append(f"{each.speaker}: {each.text}{end}")
        if left_out and not kept:
            lines.append(f"({left_out} turns left out)")
        body = "\n".join([*self._head, *lines])
        user = body if self._form == "chat" else f"<|user|>\n{body}\n\n<|assistant|>\n"
        return Prompt(self._system, user, tuple(each.turn for each in kept))


def _chat_head(context: TemporalContext) -> list[str]:
    """Return one line of what is known of the time of the call; none where nothing is."""
    day = " ".join(each for each in (context.day_of_week, context.time_of_day) if each)
    parts = [day] if day else []
    if context.business_hours is not None:
        parts.append("opening hours" if context.business_hours else "out of hours")
    if context.queue_wait_time_seconds is not None:
        parts.append(f"waited {context.queue_wait_time_seconds} s")
    if context.peak_season is not None:
        parts.append("peak season" if context.peak_season else "normal season")
    return [neutral(", ".join(parts))] if parts else []


def _document_head(context: TemporalContext) -> list[str]:
    """Return the documents' block of the time of the call, and the title of the conversation."""
    known = {
        key: value for key, value in msgspec.structs.asdict(context).items() if value is not None
    }
    lines = [
        f"{key}: {str(value).lower() if isinstance(value, bool) else neutral(str(value))}"
        for key, value in known.items()
    ]
    block = ["[TEMPORAL CONTEXT]", *lines, ""] if lines else []
    return [*block, "[CONVERSATION]"]


def _ends(
    lines: Sequence[_Line], room: int, count_tokens: Callable[[str], int]
) -> tuple[list[_Line], list[_Line]]:
    """Return as many turns as have room, by turns from the begin and, backwards, from the end.

    A turn that would take too much of the room is cut first. The first and the last one are kept
    in any case.
    """
    longest = max(room // _LONGEST_SHARE, 1)

    def measured(line: _Line) -> tuple[_Line, int]:
        cost = count_tokens(_longest(line))
        if cost <= longest:
            return line, cost
        cut = _cut(line, longest, count_tokens)
        return cut, count_tokens(_longest(cut))

    head: list[_Line] = []
    tail: list[_Line] = []
    first, last = 0, len(lines) - 1
    while first <= last and len(head) + len(tail) < MAX_TURNS:
        from_begin = len(head) <= len(tail)
        line, cost = measured(lines[first if from_begin else last])
        room -= cost
        if room < 0 and head and tail:
            break
        (head if from_begin else tail).append(line)
        first, last = (first + 1, last) if from_begin else (first, last - 1)
    return head, tail


def _longest(line: _Line) -> str:
    """Return a turn as it stands in the longest form of a prompt."""
    return f"{line.speaker}: {line.text}{number_mark(line.turn + 1)}\n"


def _cut(line: _Line, longest: int, count_tokens: Callable[[str], int]) -> _Line:
    """Return a turn without the middle of its words, of at most ``longest`` tokens if possible."""
    pieces = [
        word[start : start + _LONGEST_PIECE]
        for word in line.text.split(" ")
        for start in range(0, len(word), _LONGEST_PIECE)
    ]

    def kept(number: int) -> str:
        tail = number // 2
        return " ".join((*pieces[: number - tail], _CUT, *pieces[len(pieces) - tail :]))

    fitting, above = 0, len(pieces)
    while above - fitting > 1:
        middle = (fitting + above) // 2
        if count_tokens(_longest(line._replace(text=kept(middle)))) <= longest:
            fitting = middle
        else:
            above = middle
    return line._replace(text=kept(fitting))
