"""What reading a message of the audio topic costs in each form.

python -m stream_app.contract.decode_cost
"""

import statistics
import sys
import time
import timeit
from functools import partial

from msgspec import json, msgpack
from msgspec.structs import asdict

from schemas.audio import AudioChunk
from schemas.audio_forms import ARRAY, JSON, MAP, named
from schemas.codec import decode_audio
from stream_app.contract.writing import EXAMPLE

ROUNDS = 9
DECODES = 20_000  # a round


def main() -> None:
    """Print microseconds a message: median, least and most of the rounds."""
    by_name = named(AudioChunk)(**asdict(EXAMPLE))
    forms = {
        ARRAY.name: msgpack.encode(EXAMPLE),
        MAP.name: msgpack.encode(by_name),
        JSON.name: json.encode(by_name),
    }
    for name, data in forms.items():
        timer = timeit.Timer(partial(decode_audio, data), timer=time.process_time)
        taken = timer.repeat(ROUNDS, DECODES)
        costs = [seconds / DECODES * 1e6 for seconds in taken]
        line = f"{statistics.median(costs):.1f} ({min(costs):.1f} to {max(costs):.1f})"
        sys.stdout.write(f"{name}: {line} us, {len(data)} bytes\n")


if __name__ == "__main__":
    main()
