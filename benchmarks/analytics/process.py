"""CPU time and memory of a process, as Linux tells them."""

import os
from pathlib import Path

MEGABYTE = 1_000_000
_UTIME, _STIME = 11, 12  # fields behind the name of the process
_KIBIBYTE = 1_024


def cpu_seconds(process: int) -> float:
    """Return the CPU time that a process has taken so far."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")


def memory_mb(process: int) -> float:
    """Return the memory that a process holds, mapped weights included."""
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    held = next(line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return round(int(held) * _KIBIBYTE / MEGABYTE, 1)
