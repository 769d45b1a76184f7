"""The process that holds llama.cpp: it serves one model until its standard input closes.

Its first line of input is a JSON object of options; its one line of output says that the model is
loaded, or why not. llama.cpp writes to the error output.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from models.process_priority import stand_back
from schemas.errors import CallstreamError

_OUTPUT, _ERRORS = 1, 2


def start(options: dict[str, Any], report: IO[str]) -> Any:
    """Return the server of a model that serves at a socket; None where it cannot be loaded.

    Args:
        options: ``base``, ``adapter`` (empty without), ``socket``, ``threads``,
            ``context_tokens``, ``is_exact``.
        report: Gets a line of JSON once the model is loaded, or cannot be.
    """
    try:
        server = _load(options)
    except (CallstreamError, RuntimeError, ValueError, OSError) as error:
        _tell(report, {"error": " ".join(str(error).split()) or type(error).__name__})
        return None
    _tell(report, {"serves": server.listening_address})
    return server


def _load(options: dict[str, Any]) -> Any:
    xllamacpp = import_module("models.extras.llama").xllamacpp  # its failure is reported too

    params = xllamacpp.CommonParams()
    params.model.path = options["base"]
    if options["adapter"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(options["adapter"], 1.0)]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options["threads"]
    params.n_threads_http = 2  # one for the answer that runs, one for counting tokens
    params.n_ctx = options["context_tokens"]
    if options["is_exact"]:
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.hostnames = [options["socket"]]
    params.ui = params.endpoint_slots = params.warmup = params.fit_params = False
    params.cache_ram_mib = 0  # the slot keeps the last prompt; others are read again
    params.verbosity = 1  # errors
    return xllamacpp.Server(params)


def _tell(report: IO[str], content: dict[str, str]) -> None:
    report.write(json.dumps(content) + "\n")
    report.flush()


def main() -> None:
    """Run the process."""
    stand_back(0)  # as far as its parent, whose autogroup it has left
    report = os.fdopen(os.dup(_OUTPUT), "w")
    os.dup2(_ERRORS, _OUTPUT)  # llama.cpp writes to the output as well
    code = 1
    server = None
    try:
        options = json.loads(sys.stdin.readline())
        server = start(options, report)
        if server is not None:
            sys.stdin.read()  # ends when the parent closes it, or is gone
            _remove_folder(Path(options["socket"]))
        code = 0
    finally:
        if code:
            traceback.print_exc()
        sys.stderr.flush()
        # While the server is there: its end would wait for requests, and its threads for it
        os._exit(code)


def _remove_folder(socket: Path) -> None:
    """Remove the private folder of a socket, which a parent that was killed has left."""
    if socket.is_socket():
        shutil.rmtree(socket.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
