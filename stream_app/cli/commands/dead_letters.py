"""`callstream deadletters`: inputs that were refused, and the way back for them."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from models.console import text_console
from schemas.catalogue import decode
from schemas.codec import encode_json
from schemas.errors import ConfigurationError, MalformedMessageError
from stream_app.cli.failures import FAILURE, USAGE, failed
from stream_app.cli.moments import parse_moment
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.dead_letters.letter import Letter, Wanted, parse_name
from stream_app.dead_letters.topic import Replayed, find_letters, replay_letters
from stream_app.logs.printable import printable

OWNER_ONLY = 0o600  # a letter may hold what was said
MS_PER_S = 1_000
MOST_NAMED = 1_000_000

AgentOption = Annotated[str, typer.Option("--agent", metavar="NAME", help="Refused by this agent.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Whose reason holds this text.")
]
CallOption = Annotated[str, typer.Option("--call", metavar="ID", help="Of this call.")]
TopicOption = Annotated[
    str, typer.Option("--topic", metavar="NAME", help="Inputs of this topic, without its prefix.")
]
SinceOption = Annotated[
    str, typer.Option("--since", help="Refused from then on: 24h, 7d, 2w, a date.")
]

app = typer.Typer(
    no_args_is_help=True,
    help="List and show inputs that were refused, and send them again.",
)


@app.command("list")
def list_letters(
    *,
    agent: AgentOption = "",
    reason: ReasonOption = "",
    call: CallOption = "",
    topic: TopicOption = "",
    since: SinceOption = "",
    most: Annotated[int, typer.Option("--most", min=1, help="How many, the newest ones.")] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="One letter a line, without its bytes.")
    ] = False,
    brokers: BrokersOption = None,
) -> None:
    """List dead letters, the oldest first."""
    quiet_libraries()
    kafka = settings_for(brokers).kafka
    wanted = _wanted(agent=agent, reason=reason, call=call, topic=topic, since=since)
    found = run_until_signal(lambda: find_letters(kafka, wanted, most=most))
    if as_json:
        for letter in found.letters:
            typer.echo(orjson.dumps(_fields(letter)))
    elif found.letters:
        text_console().print(_table(found.letters))
    else:
        typer.echo("no dead letters")
    if found.total > len(found.letters):
        older = found.total - len(found.letters)
        typer.echo(f"{older:,} older ones are not listed: give --most", err=True)


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="LETTER", help="Partition and offset, such as 2-17.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the bytes of the input to this new file.")
    ] = None,
    brokers: BrokersOption = None,
) -> None:
    """Show a dead letter: why, whose, and what it holds.

    It may hold what was said in a call: a file of it is for its owner alone.
    """
    quiet_libraries()
    kafka = settings_for(brokers).kafka
    wanted = Wanted(names=frozenset({parse_name(name)}))
    found = run_until_signal(lambda: find_letters(kafka, wanted, most=1))
    if not found.letters:
        raise failed(FAILURE, f"there is no dead letter {name} (any more)")
    (letter,) = found.letters
    if out is not None:
        _write(out, letter.value or b"")
    for field, value in _fields(letter).items():
        typer.echo(f"{field}: {printable(str(value))}")
    if out is None:
        typer.echo(_content(letter))


@app.command()
def replay(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[LETTER]..", help="Such as 2-17.")
    ] = None,
    *,
    agent: AgentOption = "",
    reason: ReasonOption = "",
    call: CallOption = "",
    topic: TopicOption = "",
    since: SinceOption = "",
    every: Annotated[bool, typer.Option("--all", help="All that there are.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    brokers: BrokersOption = None,
) -> None:
    """Send inputs again as they came: the same bytes, topic, partition and key.

    An agent takes a finalized call that it failed for; agents that have answered it drop it. Other
    input only helps while its call is open.
    """
    quiet_libraries()
    if not (names or agent or reason or call or topic or since or every):
        raise failed(
            USAGE, "say which letters: name them, give an option such as --agent, or --all"
        )
    kafka = settings_for(brokers).kafka
    wanted = _wanted(
        agent=agent, reason=reason, call=call, topic=topic, since=since, names=names or ()
    )
    done = run_until_signal(lambda: replay_letters(kafka, wanted, is_dry=dry_run))
    for line in lines_of(done, is_dry=dry_run):
        typer.echo(line)
    if names and done.sent.total() + done.left.total() < len(wanted.names):
        raise failed(FAILURE, "some of the letters that were named are not there (any more)")


def lines_of(done: Replayed, *, is_dry: bool) -> list[str]:
    """Return what is printed of a replay."""
    verb = "would be sent" if is_dry else "sent"
    lines = [f"{count:,} {verb} to {topic}" for topic, count in sorted(done.sent.items())]
    left = [f"{count:,} left: {why}" for why, count in sorted(done.left.items())]
    return [*lines, *left] or ["no such dead letters"]


def _wanted(
    *, agent: str, reason: str, call: str, topic: str, since: str, names: Sequence[str] = ()
) -> Wanted:
    begin_ms = parse_moment(since, time.time_ns() // 1_000_000) if since else 0
    return Wanted(
        agent=agent,
        reason=reason,
        call_id=call,
        topic=topic,
        names=frozenset(map(parse_name, names)),
        begin_ms=begin_ms,
    )


def _fields(letter: Letter) -> dict[str, str | int]:
    return {
        "letter": str(letter.name),
        "when": _moment(letter),
        "agent": letter.agent,
        "call_id": letter.call_id,
        "reason": letter.reason,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": (letter.key or b"").decode(errors="replace"),
        "size": letter.size,
        "obstacle": letter.obstacle,
    }


def _content(letter: Letter) -> str:
    """Return the message in a letter as JSON, as far as there is one; else the bytes in hex."""
    value = letter.value or b""
    if letter.is_abridged:
        return value.decode(errors="replace")
    try:
        return encode_json(decode(letter.topic, value)).decode()
    except (MalformedMessageError, KeyError):
        return value.hex(" ")


def _write(path: Path, content: bytes) -> None:
    try:
        path.touch(OWNER_ONLY, exist_ok=False)
        path.write_bytes(content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"{path} cannot be written: {reason}") from error


def _table(letters: Sequence[Letter]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("letter", "when (UTC)", "agent", "call"):
        table.add_column(title, no_wrap=True)
    for title in ("topic", "bytes", "reason"):
        table.add_column(title)
    for letter in letters:
        texts = (str(letter.name), _moment(letter), letter.agent, letter.call_id, letter.topic)
        table.add_row(*map(printable, texts), f"{letter.size:,}", printable(letter.reason))
    return table


def _moment(letter: Letter) -> str:
    return f"{datetime.fromtimestamp(letter.at_ms / MS_PER_S, UTC):%Y-%m-%d %H:%M:%S}"
