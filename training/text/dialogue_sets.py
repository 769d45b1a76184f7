"""Files of public sets of dialogues, as several trainings read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.core.json_lines import read_gzip_lines

if TYPE_CHECKING:
    from pathlib import Path


class SgdTurn(msgspec.Struct, frozen=True):
    """A turn of Schema-Guided Dialogue; only the ``USER`` has intents.

    Attributes:
        speaker: ``USER`` or ``SYSTEM``.
        utterance: What is said.
        intents: Of the user at this point.
        acts: What the turn does, such as ``CONFIRM``.
    """

    speaker: str
    utterance: str
    intents: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()


class SgdDialogue(msgspec.Struct, frozen=True):
    """A dialogue of Schema-Guided Dialogue; both of its parts count from one."""

    dialogue_id: str
    turns: tuple[SgdTurn, ...]


class MultidogoTurn(msgspec.Struct, frozen=True, rename={"conversation": "conversationId"}):
    """A customer turn of MultiDoGO; the agents' turns are not there.

    Attributes:
        conversation: Its turns may stand apart.
        utterance: Of the customer.
        intent: One, or several with ``<div>`` between them.
        domain: Of the contact centre.
    """

    conversation: str
    utterance: str | None = None
    intent: str = ""
    domain: str = ""


def sgd_dialogues(folder: Path, part: str) -> list[SgdDialogue]:
    """Return the dialogues of a part, ``train`` or ``dev``."""
    return read_gzip_lines(folder / f"{part}.jsonl.gz", SgdDialogue)


def multidogo_conversations(folder: Path) -> dict[str, list[MultidogoTurn]]:
    """Return the customer turns of every conversation, by its name."""
    conversations: dict[str, list[MultidogoTurn]] = {}
    for turn in read_gzip_lines(folder / "train_turns.jsonl.gz", MultidogoTurn):
        conversations.setdefault(turn.conversation, []).append(turn)
    return conversations
