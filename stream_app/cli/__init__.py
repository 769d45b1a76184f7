"""The command line: `callstream`."""

import sys


def main() -> None:
    """Run the command line of this process."""
    try:
        from stream_app.cli.app import run  # noqa: PLC0415 - Ctrl-C may come while it loads

        run()
    except KeyboardInterrupt:
        sys.exit(130)
