"""The section of topics: what is on each, how it is keyed, divided, kept and compressed."""

from typing import get_args

from schemas.base import MAX_MESSAGE_BYTES
from schemas.catalogue import DAY_MS, TOPICS, TopicSpec
from stream_app.contract.tables import table
from stream_app.settings import Settings
from stream_app.settings.kafka import Compression

TEXT = """\
- **Names.** The setting `CALLSTREAM_KAFKA__TOPIC_PREFIX` puts a prefix before every name, so that
  installations share a cluster: `team-a.` makes `team-a.calls.audio.v1`.
- **Partitions.** All topics have the same number (`CALLSTREAM_KAFKA__PARTITIONS`, {partitions} by
  default), fixed for good. All messages of a call go to one partition, by whichever partitioner:
  the agents ask for its messages to be in one log, not for a certain hash. Results stand in the
  partition that the partitioner of the agents gives to their key.
- **Only `callstream topics create` makes topics**: switch off `auto.create.topics.enable`.
- **Compression** is the producer's: brokers keep batches as they come (`compression.type` is
  `producer`). The agents write `{compression}` unless `CALLSTREAM_KAFKA__COMPRESSION` says
  otherwise ({codecs}), and read all of them; every Kafka client reads `none` and `gzip`; with a
  codec that a reader lacks it reads nothing.
- **Size.** A message has at most {size} bytes.
- **Time.** Brokers stamp messages as they come (`message.timestamp.type` is `LogAppendTime`),
  whatever the clock of the producer says.
"""


def topic_section() -> str:
    """Return the section."""
    kafka = Settings().kafka
    text = TEXT.format(
        partitions=kafka.partitions,
        compression=kafka.compression,
        codecs=", ".join(f"`{codec}`" for codec in get_args(Compression)),
        size=f"{MAX_MESSAGE_BYTES:,}",
    )
    head = ("topic", "messages", "written by", "key", "kept")
    return f"## Topics\n\n{table(head, map(_row, TOPICS))}\n{text}"


def _row(spec: TopicSpec) -> tuple[str, ...]:
    names = (f"[`{kind.__struct_config__.tag}`](#{anchor(kind)})" for kind in spec.types)
    kept = f"{spec.retention_ms // DAY_MS} days"
    if spec.is_compacted:
        kept += ", the last one of a key"
    written_by = spec.written_by or "nobody yet"
    return f"`{spec.name}`", ", ".join(names) or "-", written_by, f"`{spec.key}`", kept


def anchor(kind: type) -> str:
    """Return the link to what the page says of a type."""
    return kind.__name__.lower()
