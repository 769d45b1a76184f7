"""Speech recognition: an engine behind a small protocol, guards, and the online recognizer.

Nothing here imports torch until `load_engine` is called.
"""

from models.asr.agreement import LocalAgreement, PartialHypothesis, agreed_prefix
from models.asr.buffer import UtteranceBuffer, UtteranceOverflowError
from models.asr.engine import DecodeOptions, SpeechEngine, SpeechRequest, load_engine
from models.asr.guards import GuardConfig, GuardedHypothesis, apply_guards
from models.asr.hypothesis import Hypothesis, Word
from models.asr.normalisation import normalise
from models.asr.online import OnlineRecognizer
from models.asr.policies import PartialPolicy, PolicyConfig, choose_policy, make_policy

__all__ = [
    "DecodeOptions",
    "GuardConfig",
    "GuardedHypothesis",
    "Hypothesis",
    "LocalAgreement",
    "OnlineRecognizer",
    "PartialHypothesis",
    "PartialPolicy",
    "PolicyConfig",
    "SpeechEngine",
    "SpeechRequest",
    "UtteranceBuffer",
    "UtteranceOverflowError",
    "Word",
    "agreed_prefix",
    "apply_guards",
    "choose_policy",
    "load_engine",
    "make_policy",
    "normalise",
]
