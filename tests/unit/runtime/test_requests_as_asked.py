"""What a machine asks of the model comes to the queue as it was asked."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from stream_app.calls.effects import Infer
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.effect_runner import EffectRunner
from stream_app.runtime.inference.queue import Job
from stream_app.runtime.memory.feeds import Feed
from stream_app.runtime.memory.sessions import PartitionSession
from tests.support.stepwise_bench import Request


@pytest.mark.parametrize("kind", ["is_urgent", "is_kept", "is_early", "is_first"])
def test_a_request_keeps_its_kind_input_and_time(kind: str) -> None:
    jobs: list[Job] = []
    context: Any = SimpleNamespace(metrics=Metrics("toy"))
    inference: Any = SimpleNamespace(submit=jobs.append)
    nothing: Any = None
    session = PartitionSession(TP("t", 0), 1, lambda _: None)
    effect = Infer(Request("r", ("c",), ("r",)), **({"is_urgent": False} | {kind: True}))
    step = Feed(session, "c", 3, arrived_ns=7, effects=[effect])

    EffectRunner(context, nothing, inference, nothing).carry_out(step)

    kinds = {name: name == kind for name in ("is_urgent", "is_kept", "is_early", "is_first")}
    (job,) = jobs
    assert {name: getattr(job, name) for name in kinds} == kinds
    assert (job.call_id, job.offset, job.arrived_ns) == ("c", 3, 7)
