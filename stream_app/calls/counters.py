"""Counters of one call in one agent: what was set aside, lost, refused or taken back."""

from collections import Counter
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

Gain = tuple[str, ...]  # the name of a counter and the values of its labels
NO_GAINS: dict[Gain, int] = {}


def _count(meaning: str, advice: str = "") -> Any:
    """Return a counter that begins at 0, with what the page of metrics says of it."""
    return field(default=0, metadata={"meaning": meaning, "advice": advice})


@dataclass(slots=True)
class CallCounters:
    """What happened in a call that no message tells; its agent exports every field."""

    duplicates: int = _count("Messages seen before.", "Normal after a crash upstream.")
    duplicate_mismatch: int = _count(
        "Duplicates whose content differs from what came first.",
        "A fault: the deterministic lane was not repeated byte for byte. Keep both messages.",
    )
    lane_holes: int = _count(
        "Messages missing from a deterministic lane.", "A fault, or messages were deleted."
    )
    late_events: int = _count("Messages after the end of the call.")
    void_markers: int = _count(
        "Markers of a silence that had ended when they came to the topic.", "Normal."
    )
    missing_turns: int = _count(
        "Turns that detect_turns announced and that never came.",
        "A fault, or messages were deleted.",
    )
    models_replaced: int = _count(
        "Channels whose end-of-turn model was gone when the call was restored.",
        "Normal after new model files and a restart together.",
    )
    read_again: int = _count("Inputs that were done before a takeover, and ignored after it.")
    calls_without_start: int = _count(
        "Calls whose audio came without a CallStarted before it.",
        "Look at the gateway: parties, language and context of such a call are not known.",
    )
    late_chunks: int = _count(
        "Chunks refused because the audio clock had passed them.",
        "Look at the gateway: it sends out of order by more than is waited for.",
    )
    unconfirmed_jumps: int = _count(
        "Chunks refused because no audio around them confirmed their time.",
        "Look at the times that the gateway gives.",
    )
    time_mismatches: int = _count(
        "Chunks laid at the audio clock against their own time.",
        "Look at the times that the gateway gives.",
    )
    renumbered: int = _count(
        "Chunks that followed on by their time against their number.",
        "Look at the numbers that the gateway gives.",
    )
    layout_changes: int = _count(
        "Times that the channels or the sample rate of a call changed.",
        "Calls that are transferred do this; others should not.",
    )
    gaps: int = _count("Stretches of audio that never came.")
    gap_ms: int = _count("Their duration.")
    unserved_languages: int = _count(
        "Calls in a language that the recognizer does not serve: as stated, or by their words.",
        "Their words are not to be relied on; route them to weights that know the language.",
    )
    clock_ahead_ms: int = _count(
        "By how much the audio clock of a call ran ahead of the times of its chunks.",
        "Look at the times that the gateway gives: they do not fit the length of the audio.",
    )
    silent_channels: int = _count(
        "Channels of ended calls that were silent from start to end.",
        "A leg that the gateway does not send; the log line `call.channels_unhealthy` names it.",
    )
    quiet_channels: int = _count(
        "Channels of ended calls that were never above -45 dBFS.",
        "Look at the gain, and at the encoding: one taken for another is quiet too.",
    )
    clipped_channels: int = _count(
        "Channels of ended calls in which 0.1 % of the samples were at full scale.",
        "Lower the gain before the gateway.",
    )
    offset_channels: int = _count(
        "Channels of ended calls whose mean was 1 % of full scale or more.",
        "Look at the line card, or at the sign of the samples.",
    )
    noisy_channels: int = _count(
        "Channels of ended calls with noise above -36 dBFS, or noise alone, from start to end.",
        "Look at the line; of noise alone the encoding or the byte order may be wrong.",
    )
    crosstalk_ms: int = _count("Audio of a channel that is an echo of another one, and no speech.")
    equal_channels: int = _count(
        "Channels that have the audio of another one.",
        "Look at the gateway: both legs carry the mix, or the same party.",
    )
    outdated_partials: int = _count("Results for partials that came after their segment's end.")
    early_finals: int = _count("Finals that were decoded before their pause was over.")
    predicted_ends: int = _count("Ends of turns predicted from partials.")
    withdrawn_ends: int = _count("Predictions that were taken back.")
    abridged_calls: int = _count("Finalized calls written without some of their turns.")
    unanswered: int = _count(
        "Finalized calls and turns without an answer, because the model failed for good.",
        "Read the reasons of their dead letters; such a call stays closed without an answer.",
    )
    left_alone: int = _count("Finalized calls and turns that the agent does not answer.")
    shadow_agreed: int = _count("Answers of a challenger with the labels of the model that serves.")
    shadow_differed: int = _count("Answers of a challenger with other labels, or none.")
    categories_agreed: int = _count("Calls whose insights have the category of the classifier.")
    categories_differed: int = _count("Calls whose insights have another category than that.")
    guarded: Counter[tuple[str, str]] = field(
        default_factory=Counter, metadata={"meaning": "Results that a guard refused or cut."}
    )
    _guard_hits: int = field(default=0, repr=False, compare=False)
    _told: tuple[int, ...] = field(default=(), repr=False, compare=False)
    _told_guarded: Counter[tuple[str, str]] = field(
        default_factory=Counter, repr=False, compare=False
    )

    def note_guard(self, guard: str, *, is_final: bool) -> None:
        """Count a result that a guard refused or cut."""
        self.guarded[guard, "final" if is_final else "partial"] += 1
        self._guard_hits += 1

    def gains(self) -> dict[Gain, int]:
        """Return by how much each counter has grown since this was asked last; only what has."""
        values = _values(self)
        if values == self._told:  # what nearly every chunk comes to
            return NO_GAINS
        before, self._told = self._told or (0,) * len(values), values
        gains: dict[Gain, int] = {
            (name,): value - told
            for name, value, told in zip(NUMBERS, values, before, strict=False)
            if value > told
        }
        for labels, count in (self.guarded - self._told_guarded).items():
            gains["guarded", *labels] = count
        self._told_guarded = Counter(self.guarded)
        return gains


NAMES = tuple(each.name for each in fields(CallCounters) if not each.name.startswith("_"))
NUMBERS = tuple(name for name in NAMES if name != "guarded")
_values = attrgetter(*NUMBERS, "_guard_hits")
