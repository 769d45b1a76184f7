"""Whether the audio of a channel is healthy, from its levels.

The limits lie between what was measured on real calls and readings (docs/audio.md has the
figures) and what an integration with a fault gives.
"""

from bisect import bisect_right
from itertools import accumulate

import msgspec

from models.audio.levels import FRAMES_PER_SECOND, FULL_SCALE_INT, LOWEST_DBFS, STEP_DB
from schemas.transcripts import ChannelFault, ChannelHealth
from stream_app.calls.transcribe.levels.channel_levels import LevelPoint

JUDGED_FRAMES = 10 * FRAMES_PER_SECOND  # a shorter channel is not judged
LEVEL_FRAMES = FRAMES_PER_SECOND  # the loudest second is the level
NOISE_SHARE = 0.05  # the quietest frames are the noise
SILENT_PEAK = 0.001  # -60 dBFS
QUIET_DBFS = -45
NOISE_DBFS = -36
FAINT_DBFS = -60  # noise below is that of any line
NOISE_RANGE_DB = 6  # between the quietest and the loudest frames of noise alone
OFFSET = 0.01
CLIPPED_SHARE = 0.001


def channel_health(point: LevelPoint) -> ChannelHealth:
    """Return the health of a channel whose audio has been measured."""
    zeros, *levels = point.frames or (0,)
    frames = sum(levels)
    level_dbfs = _level_above(levels[::-1], min(LEVEL_FRAMES, frames), len(levels) - 1, -1)
    noise_dbfs = _level_above(levels, int(frames * NOISE_SHARE), 0, 1)
    samples = max(point.samples, 1)
    health = ChannelHealth(
        level_dbfs=level_dbfs,
        noise_dbfs=noise_dbfs,
        peak=round(point.peak / FULL_SCALE_INT, 4),
        clipped_share=round(point.clipped / samples, 5),
        dc_offset=round(point.total / FULL_SCALE_INT / samples, 5),
        silent_share=round(zeros / max(zeros + frames, 1), 4),
    )
    return msgspec.structs.replace(health, faults=_faults(health, zeros + frames))


def _level_above(counts: list[int], passed: int, first: int, step: int) -> float:
    """Return the middle of the bin in which the frame behind ``passed`` others lies."""
    if not any(counts):
        return float(LOWEST_DBFS)
    n = min(bisect_right(list(accumulate(counts)), max(passed - 1, 0)), len(counts) - 1)
    return LOWEST_DBFS + (first + step * n) * STEP_DB + STEP_DB / 2


def _is_noise(health: ChannelHealth) -> bool:
    is_alone = health.level_dbfs - health.noise_dbfs <= NOISE_RANGE_DB
    return health.noise_dbfs > (FAINT_DBFS if is_alone else NOISE_DBFS)


def _faults(health: ChannelHealth, frames: int) -> tuple[ChannelFault, ...]:
    if frames < JUDGED_FRAMES:
        return ()
    if health.peak < SILENT_PEAK:
        return ("silent",)
    faults: list[ChannelFault] = []
    if health.level_dbfs < QUIET_DBFS:
        faults.append("quiet")
    if health.clipped_share >= CLIPPED_SHARE:
        faults.append("clipped")
    elif abs(health.dc_offset) >= OFFSET:  # what is clipped on one side alone has a mean too
        faults.append("offset")
    if health.silent_share < NOISE_SHARE and _is_noise(health):
        faults.append("noise")
    return tuple(faults)
