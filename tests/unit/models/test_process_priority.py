"""How far a process stands back for others; each case in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")
TELL = f"""
import os
from models.process_priority import stand_back
stand_back({{}})
print(os.getpriority(os.PRIO_PROCESS, 0))
if os.path.exists("{AUTOGROUP}"):
    print(open("{AUTOGROUP}").read())
"""


def told_after(nice: int, *, before: int = 0) -> list[str]:
    """Return what a process in a new autogroup tells: its nice value, and that of the group."""
    done = subprocess.run(
        [sys.executable, "-c", TELL.format(nice)],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
        preexec_fn=lambda: os.nice(before),
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("nice", "before", "wanted"), [(0, 0, "0"), (10, 0, "10"), (10, 15, "15"), (0, 5, "5")]
)
def test_a_process_stands_back_and_never_comes_forward(nice: int, before: int, wanted: str) -> None:
    assert told_after(nice, before=before)[0] == wanted


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="no autogroups here")
def test_its_autogroup_stands_back_too() -> None:
    """Otherwise the nice value would count among its own threads alone."""
    assert told_after(10)[-2:] == ["nice", "10"]


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="no autogroups here")
def test_the_autogroup_of_a_process_that_a_patient_one_started_is_set_back() -> None:
    assert told_after(0, before=10)[-2:] == ["nice", "10"]
