"""Another runtime is held to the measured rows: by tokens where it tells them, by answers, and by the score."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from data_helpers import make_examples, make_task
from serving_helpers import certify, serve_measured, serving_these
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tiny import answer_material, make_engine, open_tiny, start

from tailor.approaches.approach import starting_system
from tailor.errors import ConfigError, EndpointError
from tailor.models.base import Message, Request, message
from tailor.models.fake import FakeModel
from tailor.models.local import LocalModel
from tailor.serving.elsewhere import Runtime, check
from tailor.serving.served import Served
from tailor.web.listening import listen

Style = Literal["vllm", "llamacpp", "ollama"]


def app_of(model: LocalModel, style: Style, answer: str | None) -> Starlette:
    """A runtime that serves a model as others do; with `answer` it says nothing else."""

    def chat_in(body: Any) -> Sequence[Message]:
        return [message(one["role"], one["content"]) for one in body["messages"]]

    async def models(request: HttpRequest) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "served", "object": "model", "owned_by": style}]})

    async def complete(request: HttpRequest) -> Response:
        body = await request.json()
        reply = model.reply([Request(tuple(chat_in(body)), max_tokens=body["max_tokens"])])[0]
        choice = {"index": 0, "message": {"role": "assistant", "content": answer or reply.text or "."}, "finish_reason": "stop"}
        usage = {"prompt_tokens": reply.tokens_in, "completion_tokens": reply.tokens_out + 1}
        return JSONResponse({"id": "x", "object": "chat.completion", "model": "served", "choices": [choice], "usage": usage})

    async def tokenize(request: HttpRequest) -> Response:
        body = await request.json()
        if "messages" in body and style == "vllm":
            return JSONResponse({"tokens": model.encode(chat_in(body))})
        if "content" in body and style == "llamacpp":
            return JSONResponse({"tokens": model.tokenizer(body["content"], add_special_tokens=False)["input_ids"]})
        return JSONResponse({"error": {"message": "no such parameter"}}, 400)

    async def template(request: HttpRequest) -> Response:
        return JSONResponse({"prompt": model.tokenizer.decode(model.encode(chat_in(await request.json())))})

    routes = [Route("/v1/models", models), Route("/v1/chat/completions", complete, methods=["POST"])]
    routes += [Route("/tokenize", tokenize, methods=["POST"])] if style != "ollama" else []
    routes += [Route("/apply-template", template, methods=["POST"])] if style == "llamacpp" else []
    return Starlette(routes=routes)


@contextmanager
def runtime(model: LocalModel, style: Style = "vllm", answer: str | None = None) -> Iterator[str]:
    listening = listen()
    listening.socket.listen()
    server = uvicorn.Server(uvicorn.Config(app_of(model, style, answer), log_level="critical", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening.socket]}, daemon=True)
    thread.start()
    try:
        yield listening.address
    finally:
        server.should_exit = True
        thread.join(20)
        listening.socket.close()


@pytest.fixture
def served(tiny_folder: Path, tmp_path: Path) -> Iterator[Served]:
    data, store = answer_material(max_words=2), tmp_path / ".tailor"
    engine = make_engine(open_tiny(tiny_folder), store)
    rows = (*data.train, *data.dev)
    found = certify(data.task, start(data, engine), rows, engine)
    engine.ledger.close()
    opened = serve_measured(found, open_tiny(tiny_folder), store)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("style", "says"), [("vllm", "compared one by one"), ("llamacpp", "compared one by one"), ("ollama", "number is compared")]
)
def test_a_runtime_that_serves_the_same_model_holds(served: Served, tiny_folder: Path, style: Style, says: str) -> None:
    with runtime(open_tiny(tiny_folder), style) as url:
        found = check(served, Runtime(f"{url}/v1"), rows=64, agreement=1.0)
    assert says in found.told
    assert found.found.holds, list(found.sentences())


@pytest.mark.parametrize("style", ["vllm", "llamacpp", "ollama"])
def test_one_with_another_template_is_refused_by_its_tokens(
    served: Served, tiny_folder: Path, tmp_path: Path, style: Style
) -> None:
    changed = shutil.copytree(tiny_folder, tmp_path / "changed")
    for path in changed.iterdir():
        if path.suffix in (".json", ".jinja") and "assistant" in (text := path.read_text(encoding="utf-8")):
            path.write_text(text.replace("assistant\\n", "assistant:\\n").replace("assistant\n", "assistant:\n"), encoding="utf-8")
    with runtime(open_tiny(changed), style) as url:
        found = check(served, Runtime(url), rows=64, agreement=0.0)
    assert "tokens" in found.found.why


def test_one_that_answers_otherwise_is_refused_and_its_rows_are_shown(served: Served, tiny_folder: Path) -> None:
    with runtime(open_tiny(tiny_folder), answer="something else") as url:
        found = check(served, Runtime(url), rows=64, agreement=1.0)
    assert "answers are those measured" in found.found.why
    assert any("something else" in sentence for sentence in found.sentences())


def test_a_tailor_is_asked_the_rows_themselves(served: Served) -> None:
    with serving_these(served) as client:
        found = check(served, Runtime(client.url), rows=64, agreement=1.0)
    assert found.told.startswith("It is a Tailor")
    assert found.found.holds


def test_an_address_that_cannot_be_used_is_named() -> None:
    with pytest.raises(ConfigError, match="plain http"):
        Runtime("http://models.example.org")
    with pytest.raises(EndpointError, match="cannot be asked"):
        Runtime("http://127.0.0.1:9")


@pytest.mark.parametrize(("says", "equal"), [("dark_red", 12), ("Dark red", 12), ("light_green", 0)])
def test_a_label_that_is_written_in_another_way_is_the_same_answer(
    tiny_folder: Path, tmp_path: Path, says: str, equal: int
) -> None:
    model, store = FakeModel(lambda request: "dark red"), tmp_path / ".tailor"
    rows, task = make_examples(12, ["dark_red"]), make_task(labels=("dark_red", "light_green"))
    engine = make_engine(model, store)
    system = starting_system(task, rows, model).with_(decoding={"method": "generate"})
    measured = serve_measured(certify(task, system, rows, engine), model, store)
    engine.ledger.close()
    try:
        with runtime(open_tiny(tiny_folder), "ollama", answer=says) as url:
            found = check(measured, Runtime(url), rows=12, agreement=1.0)
    finally:
        measured.close()
    assert measured.certified.rows[0].answer.raw == "dark red"
    assert (found.found.equal, found.found.holds) == (equal, equal == 12), list(found.sentences())
