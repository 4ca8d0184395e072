"""An OpenAI-compatible endpoint on this machine for tests: it counts what it is asked, and answers as told."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONTEXT = 8192
LARGEST_REQUEST = 4 << 20  # bytes


@dataclass(frozen=True)
class Answer:
    """What the endpoint sends: a status, headers and a body, after a pause, in pieces with pauses between them."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0.0
    pieces: int = 1


def completion(text: object = "Paris", finish: str | None = "stop", usage: object = "count", **message: object) -> dict[str, Any]:
    """The body of a chat completion."""
    body: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}],
    }
    if usage == "count":
        body["usage"] = {"prompt_tokens": 11, "completion_tokens": 1, "total_tokens": 12}
    elif usage is not None:
        body["usage"] = usage
    return body


def refusal(status: int, message: str, code: str = "", **headers: str) -> Answer:
    """An error in the format of the API."""
    return Answer(
        {"error": {"message": message, "code": code or None}}, status, {k.replace("_", "-"): v for k, v in headers.items()}
    )


def echo(payload: Mapping[str, Any]) -> Answer:
    """Repeat the last message, or refuse it when it does not fit the context window."""
    said = payload["messages"][-1]["content"]
    tokens = math.ceil(sum(len(m["content"]) for m in payload["messages"]) / 4)
    if tokens > CONTEXT:
        return refusal(
            400, f"This model's maximum context length is {CONTEXT} tokens; you asked for {tokens}", "context_length_exceeded"
        )
    words = said.split()[: payload["max_tokens"]]
    return Answer(completion(" ".join(words), usage={"prompt_tokens": tokens, "completion_tokens": len(words)}))


class Endpoint:
    """The server; use it as a context manager.

    Args:
        answers: what to send: a function of the payload, or answers in the order of the calls, the last one for ever.

    Attributes:
        payloads: the JSON body of every call, in order of arrival.
        headers: the headers of every call.
        paths: the path of every call, with its query.
        most_at_once: the largest number of calls under way at the same time.
    """

    def __init__(self, answers: Callable[[Mapping[str, Any]], Answer] | Sequence[Answer] = echo) -> None:
        self.payloads: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.most_at_once = 0
        self._answers = answers
        self._under_way = 0
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                endpoint._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def calls(self) -> int:
        return len(self.payloads)

    def __enter__(self) -> Endpoint:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = min(int(handler.headers.get("content-length", 0)), LARGEST_REQUEST)
        payload = json.loads(handler.rfile.read(length))
        with self._lock:
            number = len(self.payloads)
            self.payloads.append(payload)
            self.headers.append({k.lower(): v for k, v in handler.headers.items()})
            self.paths.append(handler.path)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        if not handler.path.partition("?")[0].endswith(("/chat/completions", "/responses", "/embeddings")):
            answer = refusal(404, "no such path")
        elif callable(self._answers):
            answer = self._answers(payload)
        else:
            answer = self._answers[min(number, len(self._answers) - 1)]
        time.sleep(answer.pause)
        with self._lock:
            self._under_way -= 1
        _send(handler, answer)


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    size = math.ceil(len(body) / answer.pieces) or 1
    try:
        handler.send_response(answer.status)
        if "content-type" not in {name.lower() for name in answer.headers}:
            handler.send_header("content-type", "application/json")
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        for start in range(0, len(body), size):
            handler.wfile.write(body[start : start + size])
            handler.wfile.flush()
            if answer.pieces > 1:
                time.sleep(0.1)
    except OSError:  # the client has gone
        handler.close_connection = True
