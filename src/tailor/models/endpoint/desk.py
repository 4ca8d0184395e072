"""An endpoint's Batch API as OpenAI describes it: a file of questions, a batch over it, a file of answers.

(https://developers.openai.com/api/reference/resources/batches/methods/create, read 2026-11-28.) Nothing here is remembered: what
has to outlast a run is noted down by `tailor.batches`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from tailor.errors import EndpointError
from tailor.models.base import Metered, Reply, Request
from tailor.models.endpoint.faults import Fault, Moderated, read_error
from tailor.models.endpoint.line import Line
from tailor.models.endpoint.transport import Answered
from tailor.models.wire import ErrorInside, Unreadable, estimate_tokens, read_reply

URLS = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}
WINDOW = "24h"
MOST_ROWS, MOST_BYTES = 20_000, 100 << 20
"""Questions and bytes of one file; OpenAI takes 50,000 and 200 MB."""
LARGEST_FILE = 1 << 30
FILE_SECONDS = 600.0
"""Longest time for a file, up or down."""
MARK = "tailor"
"""Key of the mark in a batch's metadata, by which it is found again."""
PAGE, PAGES = 100, 20
LOOKS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before each look for a batch of which it is not known whether it was taken: it may appear late."""
OVER = frozenset({"completed", "expired", "cancelled", "failed"})
T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """A batch at the endpoint.

    Attributes:
        id: its name there.
        status: as the endpoint calls it; `OVER` holds those after which nothing changes.
        done: how many of its questions are answered.
        files: the files with what came of them.
        trouble: why it was not taken, in the endpoint's words.
    """

    id: str
    status: str
    done: int = 0
    files: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def is_over(self) -> bool:
        """Whether all that will come has come."""
        return self.status in OVER


class NotTaken(EndpointError):
    """A batch was refused: nothing is under way."""


@runtime_checkable
class Batching(Metered, Protocol):
    """A model whose endpoint may be asked in batches.

    Attributes:
        digest: as of every model.
        desk: where batches are handed in.
        in_batches: whether the settings ask for batches.
    """

    digest: str
    desk: Desk
    in_batches: bool

    @property
    def batch_url(self) -> str:
        """What the endpoint calls the kind of call that a batch holds."""
        ...

    def body(self, request: Request) -> dict[str, Any]:
        """The body of a call."""
        ...

    def most_tokens(self, request: Request) -> tuple[int, int]:
        """The most tokens that a call may take, of its prompt and its answer."""
        ...

    def is_understood(self, request: Request) -> bool:
        """Whether the endpoint has answered to such a question before, put in this way."""
        ...

    def is_whole(self, reply: Reply, request: Request) -> bool:
        """Whether nothing more would be asked for, were this the reply to a call of its own: neither empty nor short of room."""
        ...

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """As of every model."""
        ...


class Desk:
    """Where batches are handed in and fetched.

    Args:
        line: to the endpoint.
        patience: seconds for which a call that fails is made again.
        backoff: the first wait between two tries, in seconds.
    """

    def __init__(self, line: Line, *, patience: float, backoff: float) -> None:
        self._line, self._patience, self._backoff = line, patience, backoff

    def upload(self, lines: Sequence[bytes], mark: str) -> str:
        """The id of a file that holds these lines.

        Raises:
            EndpointError: it is not taken.
        """
        parts = (
            f'--{mark}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{mark}\r\n'
            f'content-disposition: form-data; name="file"; filename="{mark}.jsonl"\r\ncontent-type: application/jsonl\r\n\r\n'
        )
        content = parts.encode() + b"\n".join(lines) + f"\n\r\n--{mark}--\r\n".encode()
        kind = {"content-type": f"multipart/form-data; boundary={mark}"}
        return str(self._patiently(lambda: self._json("POST", "files", content, headers=kind, timeout=FILE_SECONDS)["id"]))

    def start(self, file: str, mark: str, url: str) -> Batch:
        """A batch over a file. Where no answer comes, it is looked for before it is asked for once more: no batch is paid twice.

        Raises:
            NotTaken: it is refused.
            EndpointError: it cannot be told whether it was taken.
        """
        body = {"input_file_id": file, "endpoint": url, "completion_window": WINDOW, "metadata": {MARK: mark}}
        content = json.dumps(body).encode()

        def once() -> Batch:
            try:
                return _batch(self._json("POST", "batches", content))
            except Fault as fault:
                if fault.kind in ("request", "fatal"):
                    raise NotTaken(f"its Batch API: {fault}", fault.hint, fatal=True) from fault
                sent = fault.kind != "unreachable" and (fault.kind != "busy" or fault.status >= 500)
                if sent and (found := self.find(file, mark)) is not None:
                    return found
                raise

        return self._patiently(once)

    def find(self, file: str, mark: str, *, recent: bool = True) -> Batch | None:
        """The batch with a mark, or over a file; None where there is none.

        Args:
            file: id of its file.
            mark: its mark.
            recent: whether it may have been handed in a moment ago, and is looked for more than once.

        Raises:
            EndpointError: the endpoint does not tell of its batches.
        """
        for pause in LOOKS if recent else (0.0,):
            time.sleep(pause)
            for told in self._all():
                data = told.get("metadata")
                if (isinstance(data, dict) and data.get(MARK) == mark) or told.get("input_file_id") == file:
                    return _batch(told)
        return None

    def look(self, batch: str) -> Batch | None:
        """How a batch is; None where the endpoint does not know it any more.

        Raises:
            EndpointError: it does not say.
        """
        try:
            return self._patiently(lambda: _batch(self._json("GET", f"batches/{batch}")))
        except EndpointError as error:
            if isinstance(cause := error.__cause__, Fault) and cause.status == 404:
                return None
            raise

    def replies(self, batch: Batch, requests: Mapping[str, Request]) -> Iterator[tuple[str, Reply]]:
        """What came back, by the names of the questions. One that the endpoint refuses has a reply that says so, one that failed or
        was not reached has none.

        Raises:
            EndpointError: a file with answers cannot be had.
        """
        for file in batch.files:
            answered = self._patiently(
                lambda file=file: self._good(  # type: ignore[misc]
                    self._line.send("GET", f"files/{file}/content", timeout=FILE_SECONDS, largest=LARGEST_FILE)
                )
            )
            for text in answered.body.splitlines():
                with suppress(ValueError, RecursionError, AttributeError):
                    told = json.loads(text)
                    name = told.get("custom_id")
                    if name in requests and (reply := self._reply(told, requests[name])) is not None:
                        yield name, reply

    def _reply(self, told: Mapping[str, Any], request: Request) -> Reply | None:
        response = told.get("response")
        if not isinstance(response, dict):
            return None
        body = self._line.scrub(response.get("body"))
        try:
            if response.get("status_code", 200) != 200:
                self._line.interpreter.fault(int(response["status_code"]), read_error(body), None)
                return None
            return read_reply(json.dumps(body).encode(), request, 0.0)
        except Moderated as reason:
            return Reply("", tokens_in=estimate_tokens(request.messages), finish="refused", error=str(reason))
        except ErrorInside as error:
            with suppress(Moderated):
                self._line.interpreter.inside(error.said)
            return None
        except Unreadable:
            return None

    # --- calls

    def _all(self) -> Iterator[Mapping[str, Any]]:
        """The endpoint's batches, the newest first."""
        after = ""
        for _ in range(PAGES):
            page = self._patiently(lambda after=after: self._json("GET", f"batches?limit={PAGE}{after}"))  # type: ignore[misc]
            found = [told for told in page.get("data") or () if isinstance(told, dict)]
            yield from found
            if not page.get("has_more") or not found:
                return
            after = f"&after={found[-1].get('id')}"

    def _json(self, method: str, path: str, content: bytes = b"", **how: Any) -> dict[str, Any]:
        answered = self._good(self._line.send(method, path, content, **how))
        try:
            data = self._line.scrub(json.loads(answered.body))
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict) or ("id" not in data and "data" not in data):
            raise Fault(
                "odd", f"{self._line.address} answered to {path.partition('?')[0]} with something else than its Batch API does"
            )
        return data

    def _good(self, answered: Answered) -> Answered:
        if answered.status != 200:
            try:
                raise self._line.fault(answered)
            except Moderated as reason:
                raise Fault("request", str(reason)) from None
        return answered

    def _patiently(self, call: Callable[[], T]) -> T:
        """What a call gives, made again while it fails in a way that may pass.

        Raises:
            EndpointError: it does not.
        """
        began, pause = time.monotonic(), self._backoff
        while True:
            try:
                return call()
            except Fault as fault:
                wait = pause if fault.wait is None else fault.wait
                passing = fault.kind in ("busy", "passing", "late", "unreachable")
                if not passing or time.monotonic() + wait - began > self._patience:
                    hint = "A batch goes on at the endpoint; run again to fetch it." if passing else fault.hint
                    raise EndpointError(f"its Batch API: {fault}", hint, retryable=passing, fatal=True) from fault
            time.sleep(wait)
            pause = min(30.0, 2 * pause)


def _batch(told: Mapping[str, Any]) -> Batch:
    """A batch as an endpoint tells of it."""
    counts, errors = told.get("request_counts"), told.get("errors")
    found = errors.get("data") if isinstance(errors, dict) else None
    trouble = "; ".join(str(error.get("message") or error.get("code")) for error in found or () if isinstance(error, dict))
    files = [str(told[name]) for name in ("output_file_id", "error_file_id") if told.get(name)]
    done = counts.get("completed") if isinstance(counts, dict) else 0
    return Batch(str(told["id"]), str(told.get("status")), done if isinstance(done, int) else 0, tuple(files), trouble[:300])
