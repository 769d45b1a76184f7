// Send a recording (WAV, mu-law, 8 kHz, two channels): java Producer.java BROKERS TOPIC WAV CALL_ID
import java.util.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;
record Producer(KafkaProducer<String, String> kafka, String topic, String callId) {
    static final int BYTES = 2 * 800; // of 100 ms of both channels
    static final String FORMAT = "'encoding':'mulaw','sample_rate_hz':8000,";
    void send(String schema, Object name, String fields) {
        String header = "{'schema':'%s','event_id':'%s/%s','call_id':'%s','captured_at_ns':%d000000,%s}";
        String message = header.formatted(schema, callId, name, callId, System.currentTimeMillis(), fields);
        kafka.send(new ProducerRecord<>(topic, callId, message.replace('\'', '"')),
            (sent, error) -> { if (error != null) error.printStackTrace(); });
    }
    static String base64(byte[] payload) { return Base64.getEncoder().encodeToString(payload); }
    public static void main(String[] args) throws Exception {
        byte[] wav = java.nio.file.Files.readAllBytes(java.nio.file.Path.of(args[2]));
        var settings = Map.<String, Object>of("bootstrap.servers", args[0]);
        try (var kafka = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            var call = new Producer(kafka, args[1], args[3]);
            call.send("call_started.v1", "start", FORMAT + "'parties':['agent','customer']");
            for (int seq = 0, at = new String(wav, "ISO-8859-1").indexOf("data") + 8; at < wav.length; seq++, at += BYTES) {
                byte[][] both = new byte[2][Math.min(BYTES, wav.length - at) / 2];
                for (int i = 0; i < 2 * both[0].length; i++) both[i % 2][i / 2] = wav[at + i];
                String chunk = FORMAT + "'seq':%d,'start_ms':%d,'payloads':['%s','%s']";
                call.send("audio_chunk.v1", seq, chunk.formatted(seq, seq * 100, base64(both[0]), base64(both[1])));
            }
            call.send("call_ended.v1", "end", "'reason':'completed'");
        } // waits until everything is sent; this producer is idempotent by itself
    }
}
