"""`callstream analyze`: what one call says of its service."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer
from pydantic import ValidationError

from models.analytics.serving.conversation import Conversation, ConversationError, read_conversation
from models.analytics.temporal import CallCalendar
from schemas.base import CallContext
from schemas.catalogue import FINALIZED, decode, encode
from schemas.errors import ConfigurationError, InferenceError, MalformedMessageError
from schemas.insights import CallInsights
from schemas.turns import FinalizedCall
from stream_app.analytics import ask_champions, calendar_of, load_models
from stream_app.api.analytics.bodies import AnalyzeRequest as RequestBody
from stream_app.api.analytics.calls import GivenCall, call_of, given_call
from stream_app.calls.analyze.analyzed import insights_of, request_of
from stream_app.calls.analyze.one_call import insights_of_text
from stream_app.calls.inference import Failed
from stream_app.cli.running import quiet_libraries
from stream_app.live.insights_text import insights_lines
from stream_app.settings import load_settings

MAX_FILE_BYTES = 8 * 1024 * 1024


class ReadCall(NamedTuple):
    """A call of a file.

    Attributes:
        given: Its guide is empty where the file names none.
        finalized: Where the file holds one.
    """

    given: GivenCall
    finalized: FinalizedCall | None = None

    @property
    def context(self) -> CallContext:
        """Return what is known of the call."""
        return CallContext() if self.finalized is None else self.finalized.context


def analyze(
    file: Annotated[
        Path,
        typer.Argument(
            help="A finalized call as JSON, lines of Agent: and Customer:, or a request of the API."
        ),
    ],
    *,
    guide: Annotated[
        str,
        typer.Option(
            help="Analysis guide, as CALLSTREAM_ANALYTICS__MODELS names it. Without, that of the "
            "call's queue or of the setting."
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="The message that the agent would write.")
    ] = False,
) -> None:
    """Say what one call says of its service, with the language model that the settings name.

    Turns are named by their numbers, from 1; in the JSON of a finalized call by their ids.
    """
    settings = load_settings()
    quiet_libraries()
    part = settings.analytics
    call = read_call(file, calendar_of(part))
    models = load_models(part)
    name = guide or call.given.asked.guide or models.guide_for(call.context)
    if name not in models.names():
        raise ConfigurationError(
            f"there is no model of the guide {name!r}: there are {', '.join(models.names())}"
        )
    if models.of(name).champion is None:
        raise ConfigurationError("; ".join(models.of(name).missing().values()))
    (found,) = ask_champions(models, [replace(call.given.asked, guide=name)])
    if isinstance(found, Failed):
        raise InferenceError(f"the model failed: {found.reason}")
    if not as_json:
        for line in insights_lines(insights_of_text(found, call.given.turn_ids)):
            typer.echo(line)
        return
    if call.finalized is not None:
        message: CallInsights = insights_of(call.finalized, found)
    else:
        message = insights_of_text(found, call.given.turn_ids, file.stem)
    typer.echo(encode(message))


def read_call(path: Path, calendar: CallCalendar) -> ReadCall:
    """Return the call in a file.

    Args:
        path: Of the file.
        calendar: Of the contact centre.

    Raises:
        ConfigurationError: It cannot be read, or holds no call.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(
                f"{path} has more than {MAX_FILE_BYTES:,} bytes: give one call"
            )
        text = path.read_text("utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"{path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is no text in UTF-8") from error
    try:
        return _read(text, calendar)
    except (ConversationError, MalformedMessageError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        problem = f"{place}: {first['msg']}" if place else str(first["msg"])
        raise ConfigurationError(f"{path}: {problem}") from error


def _read(text: str, calendar: CallCalendar) -> ReadCall:
    if not text.lstrip().startswith("{"):
        return ReadCall(given_call(read_conversation(text), calendar))
    try:
        values = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ConversationError(f"it is no JSON: {error}") from error
    if "schema" in values:
        return _finalized(text, calendar)
    if "messages" in values:
        return ReadCall(given_call(_prompt(values["messages"]), calendar))
    return ReadCall(call_of(RequestBody.model_validate_json(text), calendar))


def _finalized(text: str, calendar: CallCalendar) -> ReadCall:
    call = decode(FINALIZED, text.encode())
    asked = request_of(call, "", calendar)
    if asked is None:
        raise ConversationError("the call is not to be analysed: its context has analytics: false")
    numbers = tuple(
        str(number)
        for number, turn in enumerate(call.turns, 1)
        if turn.text.strip() and not turn.is_backchannel
    )
    return ReadCall(GivenCall(asked, numbers), call)


def _prompt(messages: object) -> Conversation:
    """Return the call in the messages of a chat, as the documents' training data has it."""
    for each in messages if isinstance(messages, list) else ():
        if isinstance(each, dict) and each.get("role") == "user":
            return read_conversation(str(each.get("content", "")))
    raise ConversationError("messages: none has the role user")
