"""Exit with 0 if an agent of this container lives and none says that it does not, else with 1.

Runs on the standard library alone. Each agent answers on a port of its own, from
``CALLSTREAM_METRICS__PORT`` on. A worker that waits for its brokers lives.
"""

import http.client
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
    answers = [_is_live(port) for port in range(first, first + AGENTS)]
    return 0 if True in answers and False not in answers else 1


def _is_live(port: int) -> bool | None:
    """Return what an agent says of itself, None where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=TIMEOUT_S):
            return True
    except urllib.error.HTTPError:
        return False
    except (OSError, http.client.HTTPException):
        return None


if __name__ == "__main__":
    sys.exit(main())
