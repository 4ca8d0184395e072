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
from tailor.models.endpoint.faults import REFUSALS, Fault, read_number
from tailor.models.endpoint.line import Line
from tailor.models.endpoint.transport import HttpAnswer
from tailor.models.wire import ErrorInside, Unreadable, read_reply

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
ENDS = {
    **dict.fromkeys(("completed", "complete", "success", "succeeded", "ended", "done"), "completed"),
    **dict.fromkeys(("expired", "timeout_exceeded", "timed_out", "timeout"), "expired"),
    **dict.fromkeys(("cancelled", "canceled", "aborted"), "cancelled"),
    **dict.fromkeys(("failed", "failure", "error", "errored"), "failed"),
}
"""How providers call the end of a batch -> how OpenAI does."""
GONE = (404, 410)
T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """A batch at the endpoint.

    Attributes:
        id: its name there.
        status: as OpenAI calls it where that is known, else as the endpoint does.
        done: how many of its questions are answered, as the endpoint says.
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
        return self.status in ENDS


@dataclass(frozen=True)
class Came:
    """What came back for one question of a batch.

    Attributes:
        name: of the question.
        reply: None where it failed, was refused or was not reached. What was refused is asked again at once, where it can be told
            what that was: the text, or everything.
        cost: what it took all the same where there is no reply; None where that is nothing, or not told.
    """

    name: str
    reply: Reply | None
    cost: Reply | None = None


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
        return str(self._patiently(lambda: self._told("POST", "files", content, headers=kind, timeout=FILE_SECONDS)["id"]))

    def start(self, file: str, mark: str, url: str) -> Batch:
        """A batch over a file. Where no answer comes, it is looked for before it is asked for once more: no batch is paid twice.

        Raises:
            NotTaken: it is refused.
            EndpointError: it cannot be determined whether it was taken.
        """
        body = {"input_file_id": file, "endpoint": url, "completion_window": WINDOW, "metadata": {MARK: mark}}
        content = json.dumps(body).encode()

        unsure = False

        def once() -> Batch:
            nonlocal unsure
            try:
                return _batch(self._told("POST", "batches", content))
            except Fault as fault:
                unsure = unsure or not fault.is_unpaid or fault.status >= 500
                if unsure and (found := self.find(file, mark)) is not None:
                    return found
                if not unsure and fault.kind in REFUSALS:
                    raise NotTaken(f"its Batch API: {fault}", fault.hint, fatal=True) from fault
                raise

        return self._patiently(once)

    def find(self, file: str, mark: str) -> Batch | None:
        """The batch with a mark, or over a file; None where there is none, looked for more than once: a new one may appear late.

        Args:
            file: id of its file.
            mark: its mark.

        Raises:
            EndpointError: the endpoint does not tell of its batches.
        """
        for pause in LOOKS:
            time.sleep(pause)
            for told in self._all():
                data = told.get("metadata")
                if (isinstance(data, dict) and data.get(MARK) == mark) or told.get("input_file_id") == file:
                    return _batch(told)
        return None

    def look(self, batch: str) -> Batch | None:
        """How a batch is; None where the endpoint does not know it any more, asked more than once: a new one may appear late.

        Raises:
            EndpointError: it does not say.
        """
        return self._unless_gone(lambda: _batch(self._told("GET", f"batches/{batch}")))

    def replies(self, batch: Batch, requests: Mapping[str, Request]) -> list[Came] | None:
        """What came back, once for each question; None where a file with answers is not there any more.

        Where fewer came than the endpoint counts as answered, the files are read again: they may not be whole at once.

        Raises:
            EndpointError: a file cannot be had.
        """
        found: dict[str, Came] = {}
        for pause in (0.0, *LOOKS):
            time.sleep(pause)
            if pause and not batch.files:
                batch = self.look(batch.id) or batch
            for file in batch.files:
                lines = self._unless_gone(lambda file=file: self._lines(file))  # type: ignore[misc]
                if lines is None:
                    return None
                for told in lines:
                    came = self._came(told, requests)
                    if came is not None and (came.name not in found or found[came.name].reply is None):
                        found[came.name] = came
            if len(found) >= min(batch.done, len(requests)):
                break
        return list(found.values())

    def _unless_gone(self, call: Callable[[], T]) -> T | None:
        """What a call gives; None where what it asks for is not there, looked for more than once.

        Raises:
            EndpointError: it fails otherwise.
        """
        for pause in (0.0, *LOOKS):
            time.sleep(pause)
            try:
                return self._patiently(call)
            except EndpointError as error:
                if not (isinstance(cause := error.__cause__, Fault) and cause.status in GONE):
                    raise
        return None

    def _lines(self, file: str) -> list[Mapping[str, Any]]:
        """The lines of a file with answers.

        Raises:
            Fault: it cannot be had, or is something else.
        """
        answered = self._good(self._line.send("GET", f"files/{file}/content", timeout=FILE_SECONDS, largest=LARGEST_FILE))
        texts = [text for text in answered.body.splitlines() if text.strip()]
        lines = []
        for text in texts:
            with suppress(ValueError, RecursionError):
                lines.append(json.loads(text))
        lines = [told for told in lines if isinstance(told, dict) and "custom_id" in told]
        if texts and not lines:
            raise Fault("passing", f"{self._line.address} sent something else than the answers in {file}")
        return lines

    def _came(self, told: Mapping[str, Any], requests: Mapping[str, Request]) -> Came | None:
        """What a line of a file says; None where it is about none of the questions."""
        name, response = str(told["custom_id"]), told.get("response")
        if name not in requests:
            return None
        if not isinstance(response, dict):
            return Came(name, None)
        body = self._line.scrub(response.get("body"))
        status = read_number(response.get("status_code"))
        if status is not None and not 200 <= status < 300:
            return Came(name, None)
        try:
            return Came(
                name, read_reply(body.encode() if isinstance(body, str) else json.dumps(body).encode(), requests[name], 0.0)
            )
        except (ErrorInside, Unreadable) as error:
            return Came(name, None, error.cost)

    # --- calls

    def _all(self) -> Iterator[Mapping[str, Any]]:
        """The endpoint's batches, the newest first."""
        after = ""
        for _ in range(PAGES):
            page = self._patiently(
                lambda after=after: self._told("GET", f"batches?limit={PAGE}{after}", part="data")  # type: ignore[misc]
            )
            found = [told for told in page["data"] if isinstance(told, dict)]
            yield from found
            if not page.get("has_more") or not found:
                return
            after = f"&after={found[-1].get('id')}"

    def _told(self, method: str, path: str, content: bytes = b"", *, part: str = "id", **how: Any) -> dict[str, Any]:
        """What the endpoint tells, which has a certain part.

        Raises:
            Fault: it tells something else, or nothing.
        """
        answered = self._good(self._line.send(method, path, content, **how))
        try:
            data = self._line.scrub(json.loads(answered.body))
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict) or not isinstance(data.get(part), list if part == "data" else str):
            raise Fault(
                "odd", f"{self._line.address} answered to {path.partition('?')[0]} with something else than its Batch API does"
            )
        return data

    def _good(self, answered: HttpAnswer) -> HttpAnswer:
        if not answered.is_good:
            raise self._line.fault(answered)
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
    status = str(told.get("status")).lower()
    return Batch(str(told["id"]), ENDS.get(status, status), int(read_number(done) or 0), tuple(files), trouble[:300])
