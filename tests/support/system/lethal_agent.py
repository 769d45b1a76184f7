"""The agent `transcribe` with messages and inference requests that end its process.

A key that is called ``die:WAY`` is lethal when it is fed, a hot-word ``die:WAY:DIGEST`` makes that
decode of the call lethal whose audio has the digest.
"""

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from unittest.mock import patch

from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import SpeechRequest
from models.audio.samples import FloatArray
from schemas.audio import AudioTopicMessage, DtmfPressed
from stream_app.agents import transcribe
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.effects import Effect
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.settings import Settings
from tests.support.system.fingerprint_agent import FingerprintEngine

DEFINITION = f"{__name__}:define"
LETHAL = "die"
BEGIN = "lethal agent begins"

Feed = Callable[[CallTranscriber, AudioTopicMessage, int], list[Effect]]


def die(way: str) -> None:
    """End this process, in a way that it can or cannot see coming."""
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "exit":
        os._exit(7)
    raise MemoryError(way)


def digest(samples: FloatArray) -> str:
    """Return what a lethal hot-word names a decode by."""
    return hashlib.blake2b(samples.tobytes(), digest_size=8).hexdigest()


def lethal_feed(feed: Feed) -> Feed:
    """Return ``feed`` so that this process dies of a lethal key."""

    def fed(call: CallTranscriber, message: AudioTopicMessage, offset: int) -> list[Effect]:
        if isinstance(message, DtmfPressed):
            word, _, way = message.digit.partition(":")
            if word == LETHAL:
                die(way)
        return feed(call, message, offset)

    return fed


class LethalEngine(FingerprintEngine):
    """A speech engine that dies of some audio."""

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return one hypothesis for each request, if this process survives them."""
        for request in requests:
            for word in request.options.hot_words:
                lethal, way, wanted = word.split(":")
                if lethal == LETHAL and wanted == digest(request.samples):
                    die(way)
        return super().transcribe_batch(requests)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; every other part of it is the product's."""
    sys.stderr.write(f"{BEGIN}\n")
    CallTranscriber.feed = lethal_feed(CallTranscriber.feed)  # type: ignore[assignment, method-assign]
    with patch.object(transcribe, "load_engine", lambda *_, **__: LethalEngine()):
        return transcribe.define(settings)
