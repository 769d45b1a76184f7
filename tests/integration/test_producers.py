"""The producers of the page of the contract, run: their calls are those that a replay gives.

Apache Kafka takes them as they are. On the embedded broker the one in Python runs without
idempotence, which that broker lacks.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from schemas.audio import AudioMessage
from schemas.audio_forms import ARRAY, JSON, MAP, Form
from schemas.base import CallContext
from schemas.catalogue import AUDIO, decode
from stream_app.contract.producers import FOLDER
from stream_app.replay.formats.readers import open_source
from stream_app.replay.script import CallHeader, call_script
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.log_reader import BEGINNING, read_partitions
from tests.kafka.libraries import KafkaUnavailableError, kafka_jars, node_packages
from tests.support.system.lanes import call_id, difference, undisturbed

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
WAV = ROOT / "stream_app" / "assets" / "demo_call" / "call.wav"
CHUNK_MS = 100
RUN_LIMIT_S = 240.0
ON_THE_EMBEDDED_BROKER = """
import functools, runpy, sys
import aiokafka
producer = aiokafka.AIOKafkaProducer
aiokafka.AIOKafkaProducer = lambda **options: producer(**options | {"enable_idempotence": False})
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def python(_: Path, *, is_embedded: bool) -> list[str]:
    """Return the command of the producer in Python."""
    wrapper = ["-c", ON_THE_EMBEDDED_BROKER] if is_embedded else []
    return [sys.executable, *wrapper, str(FOLDER / "producer.py")]


def java(_: Path, *, is_embedded: bool) -> list[str]:
    """Return the command of the producer in Java, which compiles it first."""
    assert not is_embedded
    java = shutil.which("java")
    assert java is not None
    small = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return [java, *small, "-cp", f"{kafka_jars()}/*", str(FOLDER / "Producer.java")]


def node(folder: Path, *, is_embedded: bool) -> list[str]:
    """Return the command of the producer in Node, beside its packages."""
    assert not is_embedded
    try:
        (folder / "node_modules").symlink_to(node_packages())
    except KafkaUnavailableError as error:
        pytest.skip(str(error))
    program = shutil.copy(FOLDER / "producer.mjs", folder)
    return ["node", str(program)]


PRODUCERS: dict[str, tuple[Callable[..., list[str]], Form]] = {
    "python": (python, ARRAY),
    "java": (java, JSON),
    "node": (node, MAP),
}


def run(command: list[str], *arguments: str) -> None:
    """Run a producer to its end, which must be a good one."""
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_S,
        env={**os.environ, "KAFKAJS_NO_PARTITIONER_WARNING": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]


async def messages_of(kafka: KafkaSettings, key: str) -> list[bytes]:
    """Return what stands on the audio topic under a key, all on one partition."""
    starts = dict.fromkeys(range(kafka.partitions), BEGINNING)
    found = [
        (record.partition, record.value)
        async for record in read_partitions(kafka, AUDIO, starts)
        if record.key == key.encode()
    ]
    assert len({partition for partition, _ in found}) == 1
    return [value for _, value in found]


def replayed(call: str) -> list[AudioMessage]:
    """Return the messages of our own replay."""
    header = CallHeader(call, ("agent", "customer"), CallContext())
    with closing(open_source((WAV,))) as source:
        return [step.message for step in call_script(source, header, CHUNK_MS)]


def plain(message: AudioMessage) -> AudioMessage:
    """Return a message without what each producer may choose."""
    return msgspec.structs.replace(message, event_id="", captured_at_ns=0)


@pytest.mark.parametrize("language", PRODUCERS)
def test_a_producer_gives_the_call_that_a_replay_gives(
    language: str, any_broker: Settings, tmp_path: Path
) -> None:
    is_embedded = any_broker.kafka.replication_factor == 1
    if is_embedded and language != "python":
        pytest.skip("the embedded broker has no idempotent producers")
    command, form = PRODUCERS[language]
    call = call_id("produced", language)

    run(
        command(tmp_path, is_embedded=is_embedded),
        any_broker.kafka.bootstrap_servers, any_broker.kafka.topic(AUDIO), str(WAV), call,
    )  # fmt: skip
    values = asyncio.run(messages_of(any_broker.kafka, call))
    sent = [decode(AUDIO, value) for value in values]
    ours = replayed(call)

    assert {value[0] for value in values} <= set(form.first_bytes)
    assert [plain(message) for message in sent] == [plain(message) for message in ours]
    assert len({message.event_id for message in sent}) == len(sent)
    assert difference(undisturbed(sent, any_broker), undisturbed(ours, any_broker)) == ""
