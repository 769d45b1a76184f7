"""Which policy commits words of an unfinished utterance: a setting, and a field of manifests."""

from typing import Literal

import msgspec

PolicyName = Literal["local_agreement", "attention_guided", "utterance_only"]


class PolicyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which policy, and how careful it is; also the ``policy`` field of a manifest.

    Attributes:
        name: ``local_agreement`` commits what two updates agree upon, ``attention_guided`` what
            lies far enough back in the audio, ``utterance_only`` nothing before the final.
        guard_ms: Audio that must follow a word before ``attention_guided`` commits it.
    """

    name: PolicyName = "local_agreement"
    guard_ms: int = 400

    def __post_init__(self) -> None:
        """Refuse a guard that reaches into the future."""
        if self.guard_ms < 0:
            raise ValueError(f"guard_ms is {self.guard_ms}: give 0 or more")


DEFAULT_POLICY = PolicyConfig()
