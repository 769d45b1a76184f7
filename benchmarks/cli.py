"""`callstream benchmark`: figures of this machine."""

HELP = "Measure callstream on this machine."
COMMANDS = {
    "engine": (
        "benchmarks.engine.command:engine",
        "Measure how many live calls one core decodes: by size, back-end, precision, batch, draft.",
    ),
    "capacity": (
        "benchmarks.live.commands:capacity",
        "Find how many live calls a core serves until finals or first partials come too late.",
    ),
    "latency": (
        "benchmarks.live.commands:latency",
        "Measure what live calls wait for their results, through Kafka, from outside.",
    ),
    "footprint": (
        "benchmarks.live.commands:footprint",
        "Measure CPU and memory of live calls at real-time speed.",
    ),
    "checkpoints": (
        "benchmarks.live.commands:checkpoints",
        "Measure what is written of a day of calls, and how long a takeover reads it.",
    ),
    "quality": (
        "benchmarks.quality.command:quality",
        "Measure word error rates of weights on every held-out set, with intervals.",
    ),
    "whole-calls": (
        "benchmarks.whole_calls.command:whole_calls",
        "Measure word errors of whole calls by pause and passage, through segmenter and guards.",
    ),
    "crosstalk": (
        "benchmarks.crosstalk.command:crosstalk",
        "Measure what echoes leave in words and turns, what double talk loses, and the cost.",
    ),
    "finalized-calls": (
        "benchmarks.finalized_calls.command:finalized_calls",
        "Measure word errors of finalized calls: real callers through broker and agents.",
    ),
    "peers": (
        "benchmarks.peers.command:peers",
        "Compare with openai-whisper, faster-whisper and WhisperLiveKit, with the same weights.",
    ),
    "real-speech": (
        "benchmarks.peers.command:real_speech",
        "Compare with faster-whisper as it ships, on real speech: calls a core and word errors.",
    ),
    "turn-timing": (
        "benchmarks.turn_timing.command:turn_timing",
        "Measure false cut-offs against end-of-turn delay, beside silence and smart-turn.",
    ),
    "api": (
        "benchmarks.api.command:api",
        "Measure how long the HTTP server takes to classify a text, on one core.",
    ),
    "analytics": (
        "benchmarks.analytics.command:analytics",
        "Measure what a call costs a language model on a CPU: time, memory, money.",
    ),
    "beside": (
        "benchmarks.beside.command:beside",
        "Measure what live calls wait alone, and while call analytics is busy beside them.",
    ),
    "alerts": (
        "benchmarks.alerts.command:alerts",
        "Measure how soon after a finalized call its alert can be read.",
    ),
    "turn-model": (
        "benchmarks.turn_model.command:turn_model",
        "Measure what one run of the end-of-turn model takes on one thread, in int8 and fp32.",
    ),
}
