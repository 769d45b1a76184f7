"""Voices of the training, and those of the evaluation alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.asr.synthesis.espeak import EspeakSettings
from training.asr.synthesis.flite import FliteSettings

if TYPE_CHECKING:
    from random import Random

# Robots, whispers and effects of espeak-ng are left out: no caller sounds like that.
_TRAINING_VARIANTS = (
    "", "f1", "f2", "f3", "f5", "m1", "m2", "m3", "m5", "m6", "m7", "Alex", "Alicia", "Andrea",
    "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco",
    "Mario", "Mike", "adam", "anika", "announcer", "antonio", "aunty", "belinda", "boris",
    "caleb", "david", "ed", "edward", "gustave", "iven", "iven2", "john", "kaukovalta",
    "klatt", "klatt2", "klatt4", "linda", "max", "michel", "miguel", "norbert", "pablo", "paul",
    "quincy", "rob", "sandro", "shelby", "steph", "steph2", "travis", "victor", "zac",
)  # fmt: skip
_TRAINING_ACCENTS = ("en-us", "en-us", "en-us", "en", "en-gb-x-rp", "en-us-nyc", "en-gb-x-gbclan")
_HELD_OUT_VARIANTS = (
    "f4",
    "m4",
    "m8",
    "Michael",
    "benjamin",
    "iven3",
    "klatt3",
    "robert",
    "marcelo",
)
_HELD_OUT_ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-gbcwmd", "en-029")
_TRAINING_FLITE = ("slt", "rms", "slt", "rms", "kal16", "kal")
HELD_OUT_FLITE = "awb"
HELD_OUT_FESTIVAL = "cmu_us_slt_arctic_hts"


def training_espeak(random: Random) -> EspeakSettings:
    """Return an espeak-ng voice of the training."""
    variant = random.choice(_TRAINING_VARIANTS)
    accent = random.choice(_TRAINING_ACCENTS)
    return EspeakSettings(
        voice=f"{accent}+{variant}" if variant else accent,
        words_per_minute=random.randint(125, 210),
        pitch=random.randint(25, 75),
        pitch_range=random.randint(25, 85),
    )


def training_flite(random: Random) -> FliteSettings:
    """Return a flite voice of the training."""
    return FliteSettings(
        voice=random.choice(_TRAINING_FLITE),
        duration_stretch=round(random.uniform(0.78, 1.15), 2),
        pitch_factor=round(random.uniform(0.85, 1.2), 2),
    )


def held_out_espeak(random: Random) -> EspeakSettings:
    """Return an espeak-ng voice of the evaluation, with settings outside the training's."""
    return EspeakSettings(
        voice=f"{random.choice(_HELD_OUT_ACCENTS)}+{random.choice(_HELD_OUT_VARIANTS)}",
        words_per_minute=random.choice((118, 122, 214, 220)),
        pitch=random.choice((20, 22, 78, 82)),
        pitch_range=random.choice((20, 90)),
    )


def held_out_flite(random: Random) -> FliteSettings:
    """Return the flite voice of the evaluation."""
    return FliteSettings(
        voice=HELD_OUT_FLITE, duration_stretch=random.choice((0.9, 1.0, 1.1)), pitch_factor=1.0
    )
