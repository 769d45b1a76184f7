"""`callstream serve` with the model of the tests, as a process: its port is an argument."""

import sys

from stream_app.api.server import run_server
from stream_app.logs.logging import configure_logging
from stream_app.settings import load_settings
from tests.support.analytics.word_analyst import WordModels
from tests.support.api import OneModel


def main(port: int) -> None:
    """Serve until a signal comes."""
    configure_logging()
    settings = load_settings().replace(api={"port": port})
    run_server(settings, OneModel, WordModels, lambda url: print(f"ready: {url}", file=sys.stderr))


if __name__ == "__main__":
    main(int(sys.argv[1]))
