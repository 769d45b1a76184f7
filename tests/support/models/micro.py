"""The small Whisper of the tests: fast, and its words are the same on every machine."""

from pathlib import Path

MICRO = str(Path(__file__).parents[2] / "weights" / "micro" / "callstream-micro.json")
