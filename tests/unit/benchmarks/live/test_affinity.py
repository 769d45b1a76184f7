"""What is measured on one core computes on one core."""

import os
import subprocess
import sys

import pytest

from benchmarks.core.affinity import pinned_to, usable_cores

THREADS = """
import numpy as np
from benchmarks.core.affinity import pinned_to, usable_cores
from threadpoolctl import threadpool_info


def threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


with pinned_to(usable_cores()[:1]):
    pinned = threads()
print(pinned, threads())
"""


@pytest.mark.skipif(len(usable_cores()) == 1, reason="one core has one thread")
def test_numpy_computes_on_as_many_cores_as_are_measured() -> None:
    """Its other threads would spin while they wait, which is CPU time of the process as well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}

    printed = subprocess.run(
        [sys.executable, "-c", THREADS], check=True, capture_output=True, text=True, env=environment
    ).stdout

    assert printed == "{1} {2}\n"


def test_a_thread_is_pinned_and_free_again() -> None:
    before = usable_cores()

    with pinned_to(before[:1]):
        during = usable_cores()

    assert during == before[:1]
    assert usable_cores() == before
