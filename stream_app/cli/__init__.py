"""The command line: `callstream`."""

import sys
from importlib import import_module


def main() -> None:
    """Run the command line of this process."""
    try:
        import_module("stream_app.cli.app").run()  # Ctrl-C may come while it loads
    except KeyboardInterrupt:
        sys.exit(130)
