"""An endpoint on this machine with a Batch API, which counts every answer that it would bill, and fails as told."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from endpoint import completion

Say = Callable[[Mapping[str, Any]], dict[str, Any]]
Twist = Callable[[str, str, Any], Any]
READ, WRITTEN = 40, 2
"""Tokens of every answer."""


def word(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The last word of the question."""
    last = re.findall(r"\w+", str(payload["messages"][-1]["content"]))[-1]
    return completion(last, usage={"prompt_tokens": READ, "completion_tokens": WRITTEN, "total_tokens": READ + WRITTEN})


class BatchEndpoint:
    """The server; use it as a context manager.

    Args:
        say: the body of an answer.
        looks: how often a batch is looked at before it is over.
        end: how it ends.

    Attributes:
        batches: every batch, in the order of their making.
        answered: question -> how often it was answered, and so billed.
        at_once: questions asked in the ordinary way.
        spoils: number of a row in a batch -> what comes back for it instead of an answer.
        loses: answers to the making of a batch that never arrive.
        hides: how often a list of batches does not show the newest yet.
        twist: from method, path and the answer to what is sent instead: an answer, or a status and bytes.
    """

    def __init__(self, say: Say = word, *, looks: int = 1, end: str = "completed") -> None:
        self.say, self.looks, self.end = say, looks, end
        self.batches: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.answered: Counter[str] = Counter()
        self.at_once: list[str] = []
        self.spoils: dict[int, dict[str, Any]] = {}
        self.loses = self.hides = 0
        self.twist: Twist = lambda method, path, found: found
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length", 0)))
                with endpoint._lock:
                    found = endpoint.twist("POST", self.path, endpoint._post(self.path, content))
                self._answer(found)

            def do_GET(self) -> None:
                with endpoint._lock:
                    found = endpoint.twist("GET", self.path, endpoint._get(self.path))
                self._answer(found)

            def _answer(self, found: Any) -> None:
                if found is None:  # the connection breaks off
                    self.close_connection = True
                    return
                status, found = found if isinstance(found, tuple) else (404 if found == {"error": "unknown"} else 200, found)
                body = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> BatchEndpoint:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _post(self, path: str, content: bytes) -> Any:
        if path == "/v1/chat/completions":
            body = json.loads(content)
            self.at_once.append(_question(body))
            return self._paid(body)
        if path == "/v1/files":
            name = f"file-{len(self.files)}"
            assert b'name="purpose"\r\n\r\nbatch\r\n' in content
            self.files[name] = content.split(b"application/jsonl\r\n\r\n")[1].rpartition(b"\r\n--")[0]
            return {"id": name, "object": "file"}
        asked = json.loads(content)
        lines = self.files[asked["input_file_id"]].splitlines()
        assert all(json.loads(line)["url"] == asked["endpoint"] for line in lines)
        batch = {"id": f"batch-{len(self.batches)}", "object": "batch", "status": "validating", "looks": 0, **asked}
        batch["request_counts"] = {"total": len(lines), "completed": 0, "failed": 0}
        self.batches.append(batch)
        if self.loses:
            self.loses -= 1
            return None
        return batch

    def _get(self, path: str) -> Any:
        path, _, query = path.partition("?")
        if path == "/v1/batches":
            found = self.batches[::-1]
            if self.hides:
                self.hides -= 1
                found = found[1:]
            after = re.search(r"after=([\w-]+)", query)
            start = next((i + 1 for i, batch in enumerate(found) if after and batch["id"] == after[1]), 0)
            return {"data": found[start : start + 2], "has_more": len(found) > start + 2}
        if path.endswith("/content"):
            return self.files[path.split("/")[-2]]
        batch = next((batch for batch in self.batches if batch["id"] == path.rpartition("/")[2]), None)
        if batch is None:
            return {"error": "unknown"}
        batch["looks"] += 1
        batch["status"] = "in_progress"
        if batch["looks"] > self.looks:
            self._finish(batch)
        return batch

    def _finish(self, batch: dict[str, Any]) -> None:
        batch["status"] = self.end
        if "output_file_id" in batch or self.end == "failed":
            batch["errors"] = {"data": [{"message": "the queue is full"}]} if self.end == "failed" else None
            return
        good, bad = list[str](), list[str]()
        for number, line in enumerate(self.files[batch["input_file_id"]].splitlines()):
            asked = json.loads(line)
            if number in self.spoils:
                bad.append(json.dumps({"custom_id": asked["custom_id"], "response": None, "error": None, **self.spoils[number]}))
            else:
                response = {"status_code": 200, "body": self._paid(asked["body"])}
                good.append(json.dumps({"custom_id": asked["custom_id"], "response": response, "error": None}))
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        for name, lines in (("output_file_id", good[::-1]), ("error_file_id", bad)):  # in no order
            batch[name] = f"{batch['id']}-{name}"
            self.files[batch[name]] = "\n".join(lines).encode()

    def _paid(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.answered[_question(body)] += 1
        return self.say(body)


def _question(body: Mapping[str, Any]) -> str:
    return json.dumps(body["messages"])
