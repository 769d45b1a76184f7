// Send a recording (WAV, mu-law, 8 kHz, two channels): node producer.mjs BROKERS TOPIC WAV CALL_ID
import { readFileSync } from "node:fs";
import { encode } from "@msgpack/msgpack";
import { Kafka } from "kafkajs";

const [brokers, topic, wav, callId] = process.argv.slice(2);
const BYTES = 2 * 800; // of 100 ms of both channels
const file = readFileSync(wav);
const audio = file.subarray(file.indexOf("data") + 8);
const producer = new Kafka({ brokers: brokers.split(",") }).producer({ idempotent: true });

async function send(schema, name, fields) {
  const header = { schema, event_id: `${callId}/${name}`, call_id: callId };
  const captured_at_ns = BigInt(Date.now()) * 1_000_000n; // a number would be sent as a float
  const message = encode({ ...header, captured_at_ns, ...fields }, { useBigInt64: true });
  await producer.send({ topic, messages: [{ key: callId, value: Buffer.from(message) }] });
}

const format = { encoding: "mulaw", sample_rate_hz: 8000 };
await producer.connect();
await send("call_started.v1", "start", { ...format, parties: ["agent", "customer"] });
for (let seq = 0; seq * BYTES < audio.length; seq++) {
  const both = audio.subarray(seq * BYTES, (seq + 1) * BYTES);
  const payloads = [0, 1].map((channel) => both.filter((_, i) => i % 2 === channel));
  await send("audio_chunk.v1", `${seq}`, { ...format, seq, start_ms: seq * 100, payloads });
}
await send("call_ended.v1", "end", { reason: "completed" });
await producer.disconnect();
