"""Structured logs on stderr, ours and those of the libraries: JSON lines, or for reading."""

import logging
import sys
from typing import Literal, TextIO

import orjson
import structlog

from stream_app.logs.log_limiter import RepeatLimiter
from stream_app.logs.printable import printable, printable_json

# Faust and the Kafka client report every rebalance and reconnection; warnings suffice
LogFormat = Literal["json", "console"]
QUIET_LOGGERS = ("faust", "mode", "aiokafka", "kafka", "asyncio")


def configure_logging(
    level: str = "info",
    log_format: LogFormat = "json",
    *,
    stream: TextIO | None = None,
    **fields: str,
) -> None:
    """Write logs from now on; every line has ``fields``.

    Args:
        level: Least level of what is written.
        log_format: ``json`` writes one object a line, ``console`` is for a person; in colours
            where it goes to a terminal.
        stream: Where to; standard error by default.
        fields: For every line.
    """
    output = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _adder(fields),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format, output),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [RepeatLimiter(handler, QUIET_LOGGERS)]
    root.setLevel(level.upper())
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderers(log_format: LogFormat, output: TextIO) -> list[structlog.typing.Processor]:
    if log_format == "json":
        return [structlog.processors.JSONRenderer(serializer=_to_json)]
    console = structlog.dev.ConsoleRenderer(
        colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [_printable_values, console]


def _printable_values(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = "\n".join(printable(line) for line in value.split("\n"))
    return event


def _to_json(event: object, **_: object) -> str:
    return printable_json(orjson.dumps(event, default=repr))


def _adder(fields: dict[str, str]) -> structlog.typing.Processor:
    def add_fields(
        _: object, __: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        for name, value in fields.items():
            event.setdefault(name, value)
        return event

    return add_fields
