"""llama.cpp in a process of its own, which this process starts, watches and ends.

A crash of native code ends that process alone: the request fails, and the next one starts it again.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import httpx

from models.analytics.backends.completions import (
    CompletionClient,
    CompletionOptions,
    ServerError,
    judged,
)
from schemas.errors import ModelIntegrityError
from schemas.failed import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.backends.protocol import Generated, Request

_MODULE = "models.analytics.backends.llama_process"
_ROOT = Path(__file__).parents[3]
_ADDRESS = "http://llama"  # the socket says where that is
_ALTERNATIVES = 40  # of each token; a closed list has at most 26 entries
_PERMANENT_TIMEOUTS = 2  # in a row, after which the process is started anew
_MAX_SOCKET_PATH = 100  # characters; systems allow 103 or 107
_END_S = 5.0  # that the process may take to end
_CRASH_S = 5.0  # from the loss of its connection to its end, the writing of a core file included


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaOptions:
    """A model, and how it is run.

    Attributes:
        base: GGUF file.
        adapter: LoRA as a GGUF file; None without.
        context_tokens: Prompt, template and answer together.
        threads: Of llama.cpp.
        is_exact: Keys and values stay in fp32, at twice the memory; in fp16 a choice between two
            tokens of nearly the same probability may be another one than in training.
        timeout_s: For one answer, waiting included.
        load_timeout_s: Until the model is loaded.
    """

    base: Path
    adapter: Path | None = None
    context_tokens: int = 2_048
    threads: int = 1
    is_exact: bool = False
    timeout_s: float = 120.0
    load_timeout_s: float = 120.0


class LlamaBackend:
    """A model on llama.cpp; see `Backend`. Requests run one after the other.

    Args:
        options: The model, and how it is run.

    Raises:
        MissingExtraError: xllamacpp is not installed.
        ModelIntegrityError: The model or the adapter cannot be loaded.
        ServerError: The process ended, or did not load it in time.
    """

    def __init__(self, options: LlamaOptions) -> None:
        self._options = options
        self._running = threading.Lock()
        self._starting = threading.Lock()
        self._timeouts = 0
        self._process: _Process | None = None
        self._is_closed = False
        self._live()

    @property
    def process_id(self) -> int:
        """Return the number of the process that runs the model."""
        return self._live().id

    @property
    def folder(self) -> Path:
        """Return the private folder of that process."""
        return self._live().folder

    def is_running(self) -> bool:
        """Return whether an answer is being written."""
        return self._running.locked()

    def generate(self, requests: Sequence[Request]) -> list[Generated | Failed]:
        """Return the answer to each request, or why there is none."""
        return [self._answer(each) for each in requests]

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text.

        Raises:
            ServerError: The process does not answer.
        """
        body = {"content": text, "add_special": False}
        return len(self._live().client.post(f"{_ADDRESS}/tokenize", body)["tokens"])

    def close(self) -> None:
        """End the process; a request that runs fails."""
        self._is_closed = True
        if self._process is not None:
            self._process.end()

    def _answer(self, request: Request) -> Generated | Failed:
        try:
            with self._running:
                completion = self._live().client.complete(request)
        except ServerError as error:
            return self._failure(error)
        except ModelIntegrityError as error:  # on a new start
            return Failed(str(error), retryable=False)
        self._timeouts = 0
        return judged(completion, request)

    def _failure(self, error: ServerError) -> Failed:
        process = self._process
        if self._is_closed:
            return Failed("llama.cpp: the model was closed", retryable=False)
        if process is not None and isinstance(error.__cause__, httpx.TimeoutException):
            self._timeouts += 1
            if self._timeouts >= _PERMANENT_TIMEOUTS:
                process.end()
        elif process is not None and process.has_ended(within_s=_CRASH_S):
            return Failed(process.last_words(), retryable=True)
        return Failed(f"llama.cpp: {error}", retryable=error.retryable)

    def _live(self) -> _Process:
        """Return the process, started where it has ended."""
        with self._starting:
            if self._is_closed:
                raise ServerError("the model was closed", is_retryable=False)
            if self._process is None or self._process.has_ended():
                self._timeouts = 0
                self._process = _Process(self._options)
            return self._process


class _Process:
    """One run of the process.

    Attributes:
        id: Its number.
        folder: Of its socket and log.
        client: Asks it.
    """

    def __init__(self, options: LlamaOptions) -> None:
        self.folder = folder = _private_folder()
        self._log = (folder / "log").open("w+", encoding="utf-8", errors="replace")
        self._popen = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=_ROOT,
            env=os.environ | {"PYTHONPATH": _path_of_children()},
            start_new_session=True,  # an interrupt from the keyboard is the parent's
        )
        self.id = self._popen.pid
        socket = folder / "llama.sock"
        http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)),
            base_url=f"{_ADDRESS}/v1/",
            timeout=options.timeout_s,
        )
        self._end = weakref.finalize(self, _end, self._popen, http, folder, self._log)
        with ExitStack() as unless_started:
            unless_started.callback(self.end)
            self._start(options, socket)
            unless_started.pop_all()
        chat = CompletionOptions(guidance="llama", alternatives=_ALTERNATIVES)
        self.client = CompletionClient(http, chat)

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Return whether it does not run any more, or will not in a moment."""
        try:
            self._popen.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """End it, and remove its files."""
        self._end()

    def last_words(self) -> str:
        """Return how it ended."""
        code = self._popen.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        said = "" if self._log.closed else self._last_line()
        return f"the process of llama.cpp ended ({how}){': ' + said if said else ''}"

    def _last_line(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log if line.strip()]
        return lines[-1][:160] if lines else ""

    def _start(self, options: LlamaOptions, socket: Path) -> None:
        """Wait until the model is loaded."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        told = {
            "base": str(options.base),
            "adapter": str(options.adapter or ""),
            "socket": str(socket),
            "threads": options.threads,
            "context_tokens": options.context_tokens,
            "is_exact": options.is_exact,
        }
        try:
            self._popen.stdin.write(json.dumps(told) + "\n")
            self._popen.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and its last words say why
        line = _line_within(self._popen.stdout, options.load_timeout_s)
        if line is None:
            reason = f"{options.base} was not loaded within {options.load_timeout_s:g} s"
            raise ServerError(reason, is_retryable=True)
        if not line:
            raise ServerError(self.last_words(), is_retryable=True)
        report: dict[str, Any] = json.loads(line)
        if "error" in report:
            what = f"{options.base.name}" + (f" with {options.adapter}" if options.adapter else "")
            said = self._last_line()
            raise ModelIntegrityError(f"llama.cpp cannot load {what}: {said or report['error']}")


def _end(popen: subprocess.Popen[str], http: httpx.Client, folder: Path, log: IO[str]) -> None:
    http.close()
    popen.kill()
    popen.wait(_END_S)
    for stream in (popen.stdin, popen.stdout, log):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                continue
    shutil.rmtree(folder, ignore_errors=True)


def _line_within(stream: IO[str], seconds: float) -> str | None:
    """Return a line, empty at the end of the stream; None if there is none in time."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(max(deadline - time.monotonic(), 0.0)):
            return None
    return stream.readline()


def _private_folder() -> Path:
    """Return a new folder that other users cannot enter, whose name is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="callstream-llama-"))
    if len(str(folder)) > _MAX_SOCKET_PATH - len("/llama.sock"):
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="callstream-llama-", dir="/tmp"))
    return folder


def _path_of_children() -> str:
    inherited = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(each for each in (str(_ROOT), inherited) if each)
