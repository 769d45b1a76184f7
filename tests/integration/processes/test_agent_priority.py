"""An agent of the language model stands back for the others of its worker."""

from pathlib import Path

import psutil
import pytest

from stream_app.settings import Settings
from stream_app.worker.supervisor import Supervisor
from tests.integration.traffic import TOY
from tests.support.analytics.word_analyst import GUIDE

pytestmark = pytest.mark.e2e


def test_analyze_stands_back_and_the_others_do_not(settings: Settings, tmp_path: Path) -> None:
    """It has no model here, and is ready all the same."""
    missing = {"models": {GUIDE.name: str(tmp_path / "missing")}, "nice": 7}
    settings = settings.replace(analytics=missing)
    log = tmp_path / "worker.log"
    with log.open("wb") as file, Supervisor(settings, ["analyze", TOY], log_file=file) as workers:
        workers.wait_ready()
        nice = {name: psutil.Process(workers.pid(name)).nice() for name in ("analyze", TOY)}

    own = psutil.Process().nice()
    assert nice == {"analyze": max(7, own), TOY: own}
