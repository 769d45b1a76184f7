"""Exit with 0 if an agent of this container is live and none says that it is not, else with 1.

A worker that waits for its brokers is live. Asks as `callstream health --live` does, and imports
nothing but the standard library for it, since it runs every few seconds.
"""

import os
import sys

from stream_app.monitoring.host_health import LIVE_PATH, ask_agents

DEFAULT_PORT = "9100"


def main() -> int:
    """Return the exit code."""
    first = int(os.environ.get("CALLSTREAM_METRICS__PORT", DEFAULT_PORT))
    if not first:
        return 0  # nothing was asked to answer
    states = ask_agents("127.0.0.1", first, LIVE_PATH)
    return 0 if states and not any(state.problem for state in states) else 1


if __name__ == "__main__":
    sys.exit(main())
