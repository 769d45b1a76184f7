"""Options that several commands share, and how their values are read."""

from typing import Annotated

import typer

from schemas.errors import ConfigurationError
from stream_app.settings import Settings, load_settings

FULL_SPEED = "max"

BrokersOption = Annotated[
    str | None,
    typer.Option(
        "--brokers",
        metavar="HOST:PORT,..",
        help="Kafka brokers, over CALLSTREAM_KAFKA__BOOTSTRAP_SERVERS.",
    ),
]


def parse_speed(text: str) -> float | None:
    """Return times real time, or None for as fast as possible.

    Raises:
        typer.BadParameter: Neither a positive number nor ``max``.
    """
    if text == FULL_SPEED:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        message = f"'{text}' is not a speed; use a positive number such as 1 or 8, or max"
        raise typer.BadParameter(message)
    return speed


def settings_for(brokers: str | None) -> Settings:
    """Return the settings of the environment, with other brokers if any are given.

    Raises:
        ConfigurationError: A variable ``CALLSTREAM_*`` is unknown or wrong.
        typer.BadParameter: The brokers are.
    """
    settings = load_settings()
    if brokers is None:
        return settings
    try:
        return settings.replace(kafka={"bootstrap_servers": brokers})
    except ConfigurationError as error:
        reason = str(error).partition(": ")[2]
        raise typer.BadParameter(reason, param_hint="--brokers") from error
