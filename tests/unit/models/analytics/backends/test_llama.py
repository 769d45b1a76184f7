"""llama.cpp in a process of its own: answers, adapters, crashes, limits of time."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.analytics.backends.completions import Completion, CompletionClient
from models.analytics.backends.grammar import compiled
from models.analytics.backends.llama import LlamaBackend, LlamaOptions
from models.analytics.backends.protocol import Generated, Request
from models.analytics.prompts import Prompt
from schemas.errors import ModelIntegrityError
from schemas.failed import Failed
from tests.support.analytics.asked import ENDLESS, GRAMMAR, request_of, texts_of
from tests.support.analytics.tiny_llm import make_gguf, make_hugging_face, make_peft
from tests.support.waiting import wait_until
from training.analytics.adapters.bases import read_shape
from training.analytics.adapters.gguf_adapter import write_gguf
from training.analytics.adapters.peft_folder import read_peft

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
# httpcore does not close a socket that cannot connect, as to a process that has just been killed
may_not_connect = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)

AUTOGROUP = Path("/proc/self/autogroup")
PATIENT = """
import os, sys
from pathlib import Path
from models.analytics.backends.llama import LlamaBackend, LlamaOptions
os.nice(7)
backend = LlamaBackend(LlamaOptions(base=Path(sys.argv[1]), context_tokens=256))
print(Path(f"/proc/{backend.process_id}/autogroup").read_text())
backend.close()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny model, and an adapter to it in both forms."""
    folder = tmp_path_factory.mktemp("llama")
    base = make_hugging_face(folder / "hf", max_position_embeddings=1024)
    make_gguf(base, folder / "base.gguf")
    make_peft(base, folder / "peft")
    write_gguf(read_peft(folder / "peft"), folder / "adapter.gguf", read_shape(base))
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what is set once a process is chosen; one that dies earlier is replaced."""
    event, complete = threading.Event(), CompletionClient.complete

    def asking(client: CompletionClient, request: Request) -> Completion:
        event.set()
        return complete(client, request)

    monkeypatch.setattr(CompletionClient, "complete", asking)
    return event


@pytest.fixture(scope="module")
def backend(folder: Path) -> Iterator[LlamaBackend]:
    backend = LlamaBackend(LlamaOptions(base=folder / "base.gguf", context_tokens=4096))
    yield backend
    backend.close()


def test_every_answer_is_one_of_the_grammar_whatever_the_weights(backend: LlamaBackend) -> None:
    """The weights are random; 200 calls."""
    answers = backend.generate([request_of(number) for number in range(200)])

    texts = texts_of(answers)
    assert all(compiled(GRAMMAR).accepts(text) for text in texts)
    assert len(set(texts)) > 10
    for answer in answers:
        assert isinstance(answer, Generated)
        assert "".join(text for text, _ in answer.tokens) == answer.text
        assert all(0 < share <= 1 for _, share in answer.tokens)


def test_a_call_has_the_same_answer_again_and_its_prompt_is_read_once(
    backend: LlamaBackend,
) -> None:
    first, _, again, at_once = backend.generate([request_of(n) for n in (3, 2, 3, 3)])

    assert isinstance(first, Generated)
    assert isinstance(again, Generated)
    assert isinstance(at_once, Generated)
    assert first.text == again.text == at_once.text
    assert 0 < again.cached_tokens < at_once.cached_tokens < at_once.prompt_tokens
    assert at_once.prompt_s >= 0


def test_a_document_is_read_as_it_is(backend: LlamaBackend) -> None:
    """The template of a chat would add tokens to it."""
    prompt = Prompt("", "<|user|>\nhello\n\n<|assistant|>\n", (0,))
    (answer,) = backend.generate([request_of(prompt=prompt, form="document")])

    assert isinstance(answer, Generated)
    assert answer.prompt_tokens == backend.count_tokens(prompt.user)


def test_an_adapter_changes_the_answers(folder: Path, backend: LlamaBackend) -> None:
    options = LlamaOptions(
        base=folder / "base.gguf", adapter=folder / "adapter.gguf", context_tokens=1024
    )
    requests = [request_of(number) for number in range(6)]
    adapted = LlamaBackend(options)
    try:
        texts = texts_of(adapted.generate(requests))
    finally:
        adapted.close()

    assert texts != texts_of(backend.generate(requests))


@may_not_connect
def test_a_crash_fails_the_request_that_runs_and_no_later_one(
    backend: LlamaBackend, asked: threading.Event
) -> None:
    answers: list[Generated | Failed] = []
    endless = request_of(grammar=ENDLESS, max_tokens=3000)
    crashed = backend.process_id
    os.kill(crashed, signal.SIGSTOP)  # for good: no machine is quick enough to answer before
    asking = threading.Thread(target=lambda: answers.extend(backend.generate([endless])))
    asking.start()
    assert asked.wait(10)
    os.kill(crashed, signal.SIGKILL)  # the one signal that ends a process that is stopped
    asking.join()

    (failure,) = answers
    assert isinstance(failure, Failed)
    assert failure.retryable
    assert f"signal {signal.SIGKILL}" in failure.reason
    assert texts_of(backend.generate([request_of()]))
    assert backend.process_id != crashed


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="no autogroups here")
def test_the_process_stands_back_as_far_as_the_one_that_started_it(folder: Path) -> None:
    """It has an autogroup of its own, which inherits nothing."""
    done = subprocess.run(
        [sys.executable, "-c", PATIENT, folder / "base.gguf"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split()[-2:] == ["nice", "7"]


def test_an_answer_that_takes_too_long_fails_and_frees_the_model(folder: Path) -> None:
    """The second in a row ends the process, which may hang."""
    options = LlamaOptions(base=folder / "base.gguf", context_tokens=4096, timeout_s=0.05)
    backend = LlamaBackend(options)
    try:
        process = backend.process_id
        endless = request_of(grammar=ENDLESS, max_tokens=3000)
        first, second = backend.generate([endless, endless])
        assert backend.process_id != process
    finally:
        backend.close()

    for failure in (first, second):
        assert isinstance(failure, Failed)
        assert failure.retryable
        assert "no answer within 0.05 s" in failure.reason


def test_an_answer_that_does_not_end_in_its_tokens_is_a_failure(backend: LlamaBackend) -> None:
    (failure,) = backend.generate([request_of(grammar=ENDLESS, max_tokens=5)])

    assert failure == Failed("the answer was cut after 5 tokens", retryable=False)


def test_a_prompt_without_room_is_a_failure_of_its_own(backend: LlamaBackend) -> None:
    long = Prompt("", "Agent: " + "where is it " * 200, (0,))
    failure, answer = backend.generate([request_of(prompt=long), request_of()])

    assert isinstance(failure, Failed)
    assert not failure.retryable
    assert "exceeds the available context size" in failure.reason
    assert isinstance(answer, Generated)


def test_a_closed_back_end_ends_its_process_and_removes_its_files(folder: Path) -> None:
    backend = LlamaBackend(LlamaOptions(base=folder / "base.gguf", context_tokens=256))
    process, place = backend.process_id, backend.folder

    backend.close()

    assert not Path(f"/proc/{process}").exists()
    assert not place.exists()
    (failure,) = backend.generate([request_of()])
    assert failure == Failed("llama.cpp: the model was closed", retryable=False)


@may_not_connect
def test_the_process_ends_with_its_parent_while_an_answer_is_written(folder: Path) -> None:
    """A parent that is killed leaves neither process nor files; its end closes the pipe."""
    backend = LlamaBackend(LlamaOptions(base=folder / "base.gguf", context_tokens=4096))
    process, place = backend._process, backend.folder
    assert process is not None
    assert process._popen.stdin is not None
    endless = request_of(grammar=ENDLESS, max_tokens=3000)
    asking = threading.Thread(target=backend.generate, args=[[endless]])
    asking.start()
    wait_until(backend.is_running, "the answer is being written")

    process._popen.stdin.close()

    wait_until(process.has_ended, "the process has ended")
    asking.join()
    assert not place.exists()
    backend.close()


@pytest.mark.parametrize("name", ["none.gguf", "text.gguf"])
def test_a_base_that_cannot_be_loaded_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.gguf").write_text("no model")

    with pytest.raises(ModelIntegrityError, match=f"cannot load {name}") as told:
        LlamaBackend(LlamaOptions(base=tmp_path / name))

    assert "\n" not in str(told.value)


def test_an_adapter_that_cannot_be_loaded_is_named(folder: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter.gguf"
    adapter.write_text("no adapter")

    with pytest.raises(ModelIntegrityError, match=str(adapter)):
        LlamaBackend(LlamaOptions(base=folder / "base.gguf", adapter=adapter))
