"""What the process of one agent does; the fork server makes one for each.

On the descriptor ``report_fd`` the process says ``ready`` once the agent has its partitions and its
memory of the calls on them, ``delayed`` and why if it should be tried again, or ``failed`` and why
it never will be ready; and ``alive`` every second for as long as its event loop runs.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import structlog
from setproctitle import setproctitle

from models.process_priority import stand_back
from schemas.errors import BrokerError, CallstreamError, ConfigurationError
from stream_app.agents.registry import define_agent, niceness
from stream_app.logs.logging import configure_logging
from stream_app.monitoring.health import serve_health_nearby
from stream_app.runtime.memory.under_way import AREAS, UnderWay, shared_area
from stream_app.settings import MetricsSettings, Settings, settings_from_json
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.broker import adapt_to_broker
from stream_app.transport.lifeline import die_with_parent
from stream_app.worker.fork_protocol import AgentStart
from stream_app.worker.heartbeat import beat

if TYPE_CHECKING:
    from stream_app.worker.app import AgentApp

SWITCH_INTERVAL_S = 0.0005  # with the default a Python-bound thread delays the loop by 5 ms
STOP_TIMEOUT_S = 10.0
FAILED, MISCONFIGURED = 1, 2  # only a failure is worth a restart
STDERR = 2
# The fork server does not take them: who signals all processes means the worker and its agents
HELD_BACK = frozenset({signal.SIGTERM, signal.SIGHUP})

log = structlog.get_logger(__name__)


def run_agent(start: AgentStart, server_pid: int) -> NoReturn:
    """Run an agent in a process that was forked for it, to its end.

    The exit code is 2 if the agent should not be started again.
    """
    _become_agent(start, server_pid)
    _exit(_exit_code(start))


def _become_agent(start: AgentStart, server_pid: int) -> None:
    die_with_parent(server_pid)
    os.dup2(start.log_fd, STDERR)
    os.close(start.log_fd)
    setproctitle(f"callstream agent {start.agent}")  # before the environment moves
    os.environ.clear()
    os.environ.update({"OMP_NUM_THREADS": str(start.threads), **start.environment})
    os.chdir(start.directory)
    if not sys.flags.safe_path:
        sys.path[0] = start.directory
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)


def _exit_code(start: AgentStart) -> int:
    settings = settings_from_json(start.settings)
    stand_back(niceness(start.agent, settings))
    under_way = UnderWay(shared_area(start.area_fd), start.suspects)
    worker = settings.worker
    configure_logging(worker.log_level, worker.log_format, agent=start.agent, worker=worker.id)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    report = _reporter(start.report_fd)
    try:
        return asyncio.run(_serve(settings, start, report, under_way))
    except CallstreamError as error:
        log.error("agent.not_started", reason=str(error), retryable=error.retryable)  # noqa: TRY400 - expected, so no traceback
        return _report_failure(error, report)


async def _serve(
    settings: Settings,
    start: AgentStart,
    report: Callable[[str], None],
    under_way: UnderWay,
) -> int:
    from stream_app.runtime.agent_runtime import AgentRuntime  # noqa: PLC0415
    from stream_app.transport.layout import fail_on_change  # noqa: PLC0415
    from stream_app.transport.topics import check_topics  # noqa: PLC0415
    from stream_app.worker.app import create_app  # noqa: PLC0415 - Faust, which the supervisor does without

    beating = asyncio.create_task(beat(report))
    settings = await adapt_to_broker(settings)
    definition = define_agent(start.agent, settings)
    layout = await check_topics(settings.kafka)
    app = create_app(settings, definition, AgentRuntime(settings, definition, under_way=under_way))
    app.runtime.metrics.restarts.inc(start.restarts)
    app.runtime.metrics.frozen_kills.inc(start.frozen_kills)
    _serve_metrics(settings.metrics, app)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    ready = asyncio.create_task(_report_ready(app, report))
    running = asyncio.create_task(app.run_until_stopped())
    watches = (
        asyncio.create_task(fail_on_change(settings.kafka, layout)),
        asyncio.create_task(_watch_rivals(app, settings.worker.id)),
        asyncio.create_task(_watch_refusals(app, settings.kafka.sasl_username)),
    )
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait((running, *watches, waiting), return_when=asyncio.FIRST_COMPLETED)
    for task in (ready, *watches):
        if not task.done():
            task.cancel()
        elif (error := task.exception()) is not None:
            under_way.clear(*AREAS)  # it did not cause this
            if isinstance(error, BrokerError):
                await app.leave_group()
            _end_with(error, report)
    if running.done():
        under_way.clear(*AREAS)  # what fails in our own work ends the process where it stands
        error = running.exception() or app.crash_reason
        log.error("agent.stopped", exc_info=error)
        return FAILED
    await _stop(app)
    beating.cancel()
    return 0


async def _watch_rivals(app: "AgentApp", worker_id: str) -> NoReturn:
    rival = await app.wait_for_rival()
    message = f"another worker with the id '{worker_id}' is at work, connected from {rival.host}"
    raise ConfigurationError(f"{message}: give each an id of its own (CALLSTREAM_WORKER__ID)")


async def _watch_refusals(app: "AgentApp", user: str) -> NoReturn:
    refusal = await app.wait_for_refusal()
    raise broker_failure("input cannot be read", refusal, user) from refusal


def _end_with(error: BaseException, report: Callable[[str], None]) -> NoReturn:
    """End at once: what is under way belongs to others, or to topics that are no more."""
    is_expected = isinstance(error, CallstreamError)
    log.error("agent.stopped", reason=str(error), exc_info=None if is_expected else error)
    _exit(_report_failure(error, report))


def _report_failure(error: BaseException, report: Callable[[str], None]) -> int:
    """Return the exit code after an error, and tell the supervisor why."""
    is_final = isinstance(error, CallstreamError) and not error.retryable
    report(f"{'failed' if is_final else 'delayed'} {error}")
    return MISCONFIGURED if is_final else FAILED


def _exit(code: int) -> NoReturn:
    """End the process; threads of libraries must not hold up the end."""
    sys.stderr.flush()
    os._exit(code)


def _serve_metrics(metrics: MetricsSettings, app: "AgentApp") -> None:
    if not metrics.port:
        return
    runtime = app.runtime
    try:
        port = serve_health_nearby(
            metrics.host, metrics.port, runtime.metrics.registry, runtime.health
        )
    except OSError as error:
        message = f"metrics cannot be served on {metrics.host}:{metrics.port}: {error}"
        raise ConfigurationError(message) from error
    if port == metrics.port:
        log.info("metrics.served", port=port)
    else:  # another worker of this host has the port, or something else
        log.warning("metrics.port_in_use", wanted=metrics.port, port=port)


async def _report_ready(app: "AgentApp", report: Callable[[str], None]) -> None:
    await app.wait_until_ready()
    log.info("agent.ready")
    report("ready")


async def _stop(app: "AgentApp") -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await app.stop_in_order()
    except TimeoutError:
        log.warning("agent.not_stopped", after_s=STOP_TIMEOUT_S)
    log.info("agent.stopped")


def _reporter(descriptor: int) -> Callable[[str], None]:
    if descriptor >= 0:
        os.set_blocking(descriptor, False)  # a supervisor that stands still holds up no agent

    def report(line: str) -> None:
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.write(descriptor, line.replace("\n", " ").encode() + b"\n")

    return report
