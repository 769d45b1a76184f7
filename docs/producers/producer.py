"""Send a recording (WAV, mu-law, 8 kHz, two channels): producer.py BROKERS TOPIC WAV CALL_ID."""

import asyncio
import sys
import time
from pathlib import Path

from aiokafka import AIOKafkaProducer
from msgspec.msgpack import encode  # as any MessagePack library does

BYTES = 2 * 800  # of 100 ms of both channels


async def main(brokers: str, topic: str, audio: bytes, call_id: str) -> None:
    """Send the call."""
    async with AIOKafkaProducer(bootstrap_servers=brokers, enable_idempotence=True) as producer:

        async def send(schema: str, name: str, *fields: object) -> None:
            message = (schema, f"{call_id}/{name}", call_id, time.time_ns(), *fields)
            await producer.send(topic, encode(message), key=call_id.encode())

        await send("call_started.v1", "start", ["agent", "customer"], "mulaw", 8000)
        for seq, at in enumerate(range(0, len(audio), BYTES)):
            payloads = [audio[at : at + BYTES : 2], audio[at + 1 : at + BYTES : 2]]
            await send("audio_chunk.v1", f"{seq}", seq, seq * 100, "mulaw", 8000, payloads)
        await send("call_ended.v1", "end", "completed")


wav = Path(sys.argv[3]).read_bytes()
asyncio.run(main(*sys.argv[1:3], wav.partition(b"data")[2][4:], sys.argv[4]))
