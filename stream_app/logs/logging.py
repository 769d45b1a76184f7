"""Structured logs: JSON lines on stderr, ours and those of the libraries."""

import logging
import sys
from typing import TextIO

import orjson
import structlog

from stream_app.logs.log_limiter import RepeatLimiter
from stream_app.logs.printable import printable_json

# Faust and the Kafka client report every rebalance and reconnection; warnings suffice
QUIET_LOGGERS = ("faust", "mode", "aiokafka", "kafka", "asyncio")


def configure_logging(level: str = "info", *, stream: TextIO | None = None, **fields: str) -> None:
    """Write logs as JSON lines from now on; every line has ``fields``."""
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
                structlog.processors.JSONRenderer(serializer=_to_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [RepeatLimiter(handler, QUIET_LOGGERS)]
    root.setLevel(level.upper())
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


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
