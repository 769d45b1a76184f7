"""What holds for all tests."""

import os

from hypothesis import settings

# Agents of tests that run at the same time, and of a worker on the machine, would share the ports
os.environ["CALLSTREAM_METRICS__PORT"] = "0"

# No example fails because the machine is busy, and every run tries the same ones: what a new one
# finds belongs to whoever looks for it, not to whoever's change is tested
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile("repeatable")
