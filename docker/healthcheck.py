"""Exit with 0 if an agent of this container answers with its metrics, else with 1.

Runs on the standard library alone. Each agent serves its metrics on a port of its own, from
``CALLSTREAM_METRICS__PORT`` on.
"""

import os
import sys
import urllib.error
import urllib.request

AGENTS = 10  # more than there are
TIMEOUT_S = 2.0


def main() -> int:
    """Return the exit code."""
    first = int(os.environ.get("CALLSTREAM_METRICS__PORT", "0"))
    if not first:
        return 0  # nothing was asked to answer
    return 0 if any(_answers(port) for port in range(first, first + AGENTS)) else 1


def _answers(port: int) -> bool:
    address = f"http://127.0.0.1:{port}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as response:
            return b"callstream_events" in response.read()
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
