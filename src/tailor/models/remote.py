"""A model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import hashlib
import queue
import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tailor.errors import ConfigError, EndpointError, ModelError, quoted
from tailor.models.base import Message, Reply, Request
from tailor.models.secrets import is_here, read_key
from tailor.models.wire import Dialect, Unreadable, adapt, estimate_tokens, payload, read_reply, refusal_reason, retry_after
from tailor.task import ModelSettings

LONGEST_WAIT = 120.0  # seconds; an endpoint that asks for more is as good as gone for a run that someone watches
LONGEST_BACKOFF = 30.0  # seconds
LARGEST_BODY = 16 << 20  # bytes; a hundred times the longest answer
NO_MONEY = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
GONE = {"model_not_found", "model_not_available", "deployment_not_found"}


class _Failure(EndpointError):
    """A failed attempt: `wait` seconds are asked for before the next one, of which `retries` at most make sense."""

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        retryable: bool = False,
        fatal: bool = False,
        wait: float | None = None,
        retries: int = 99,
    ) -> None:
        super().__init__(message, hint, retryable=retryable, fatal=fatal)
        self.wait = wait
        self.retries = retries


class RemoteModel:
    """A model behind an OpenAI-compatible endpoint, answering several requests at once.

    A request whose answer does not come gets a `Reply` with `error`. What would meet every request (no such address, a dead key,
    no money, an unknown model) is raised as a fatal `EndpointError`, whose `replies` keeps the answers that came before.

    Args:
        settings: address, name, the variable that holds the key, timeout and concurrency.
        attempts: how often a request is tried.
        backoff_seconds: the first wait between attempts; each further one is twice as long, times a factor in [0.5, 1.5].
        seed: for that factor.

    Raises:
        ConfigError: the address is no http(s) address, or holds a password.
        EndpointError: the key cannot be sent.
    """

    precision = "as the endpoint serves it"
    batch_matters = False
    can_score = False
    can_tune = False

    def __init__(self, settings: ModelSettings, *, attempts: int = 4, backoff_seconds: float = 0.5, seed: int = 0) -> None:
        import openai

        self.name = settings.name
        self.address = _checked_address(settings.base_url)
        self.digest = hashlib.sha256(f"{settings.base_url}\n{settings.name}".encode()).hexdigest()
        self.context_tokens = settings.context_tokens or 8192
        self.block = settings.concurrency
        self.counts_tokens = True  # until a reply comes without a count, whose tokens are then estimates
        self._settings = settings
        self._attempts = attempts
        self._backoff = backoff_seconds
        self._random = random.Random(seed)
        self._dialect = Dialect()
        self._secret, self._key_name = read_key(settings), settings.api_key_env
        timeout = settings.timeout_seconds
        # A redirect would carry the data to an address that nobody named; a proxy set for the world cannot reach this machine.
        http = openai.DefaultHttpxClient(follow_redirects=False, timeout=timeout, trust_env=not is_here(settings.base_url))
        self._client = openai.OpenAI(
            api_key=self._secret.key or "none", base_url=settings.base_url, max_retries=0, timeout=timeout, http_client=http
        )

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Prompt tokens the messages take, estimated from their length."""
        return estimate_tokens(messages)

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """One reply per request, in order.

        Raises:
            ModelError: choices are to be scored, a pattern kept to, or tuned weights used, which an endpoint cannot do.
            EndpointError: every further request would fail the same way; its `replies` holds what came, and None elsewhere.
        """
        self._refuse(requests, tuned)
        replies: list[Reply | None] = [None] * len(requests)
        failures: list[Exception] = []
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for i in range(len(requests)):
            waiting.put(i)
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                try:
                    i = waiting.get_nowait()
                    replies[i] = self._answer(requests[i], stop)
                except queue.Empty:
                    return
                except Exception as error:  # the boundary of a thread: raised again below
                    failures.append(error)
                    stop.set()

        # daemons, so that Ctrl-C need not wait for answers under way
        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(self._settings.concurrency, len(requests)))]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            stop.set()
        if failures:
            if isinstance(failures[0], EndpointError):
                failures[0].replies = tuple(replies)
            raise failures[0]
        return [reply for reply in replies if reply is not None]

    def _refuse(self, requests: Sequence[Request], tuned: Path | None) -> None:
        """Raise ModelError for what an endpoint cannot do."""
        if tuned is not None:
            raise ModelError(f"{quoted(self.name)} is remote and cannot answer with tuned weights")
        if any(request.choices for request in requests):
            raise ModelError(f"{quoted(self.name)} is remote and cannot score choices", "Generate the answer instead.")
        if any(request.pattern for request in requests):
            raise ModelError(f"{quoted(self.name)} is remote and cannot be held to a pattern", "Use a JSON schema instead.")

    def _answer(self, request: Request, stop: threading.Event) -> Reply:
        """Try until there is a reply, a failure for good, or no attempt left."""
        attempt = 0
        while True:
            try:
                return self._try(request)
            except _Failure as failure:
                attempt += 1
                exhausted = not failure.retryable or attempt >= min(self._attempts, failure.retries + 1)
                if exhausted and not failure.fatal:
                    return Reply("", finish="error" if failure.retryable else "refused", error=str(failure))
                if exhausted or stop.wait(self._pause(attempt) if failure.wait is None else failure.wait):
                    raise

    def _pause(self, attempt: int) -> float:
        return min(LONGEST_BACKOFF, self._backoff * 2.0 ** (attempt - 1)) * self._random.uniform(0.5, 1.5)

    def _try(self, request: Request) -> Reply:
        """One call, and further ones only to leave out parameters that the endpoint does not take."""
        import openai

        while True:
            dialect = self._dialect
            started = time.perf_counter()
            try:
                body = self._call(payload(request, self.name, dialect))
                reply, counted = read_reply(body, request, time.perf_counter() - started, self._secret.scrub)
                self.counts_tokens = self.counts_tokens and counted
                return reply
            except Unreadable as error:
                raise _Failure(f"{self.address}: {error}", retryable=True, retries=1) from error
            except openai.APIStatusError as error:
                other = adapt(dialect, str(error.body)) if error.status_code in (400, 422) else None
                if other is None:
                    raise self._status_failure(error) from None
                self._dialect = other

    def _call(self, body: dict[str, Any]) -> bytes:
        """The body of the answer, read within the timeout and up to a size."""
        import httpx2
        import openai

        limit = self._settings.timeout_seconds
        late = _Failure(f"{self.address} did not answer within {limit:g} s", "Raise `timeout_seconds`.", retryable=True)
        deadline = time.monotonic() + limit
        read = bytearray()
        try:
            with self._client.chat.completions.with_streaming_response.create(**body) as response:
                for chunk in response.iter_bytes():
                    read += chunk
                    if time.monotonic() > deadline:
                        raise late
                    if len(read) > LARGEST_BODY:
                        raise _Failure(f"{self.address} sent more than {LARGEST_BODY:,} bytes for one answer")
        except openai.APITimeoutError as error:
            if isinstance(error.__cause__, httpx2.ConnectTimeout):
                raise self._unreachable(error.__cause__) from error
            raise late from error
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, (httpx2.ConnectError, httpx2.UnsupportedProtocol, httpx2.ProxyError)):
                raise self._unreachable(error.__cause__) from error
            raise _Failure(f"{self.address} broke the connection off", retryable=True) from error
        except httpx2.TimeoutException as error:
            raise late from error
        except httpx2.HTTPError as error:
            raise _Failure(f"{self.address} broke the connection off", retryable=True) from error
        return bytes(read)

    def _unreachable(self, cause: BaseException) -> _Failure:
        reason = self._secret.scrub(" ".join(str(cause).split())) or type(cause).__name__
        return _Failure(
            f"{self.address} cannot be reached: {reason}", "Check `base_url` and that the server runs.", retryable=True, fatal=True
        )

    def _status_failure(self, error: Any) -> _Failure:
        """What an answer with an error status means for this request and the others."""
        status, headers = int(error.status_code), error.response.headers
        reason, code = refusal_reason(self._secret.scrub(error.body))
        told = f" ({status}{': ' + reason if reason else ''})"
        model = quoted(self.name)
        if 300 <= status < 400:
            to = self._secret.scrub(headers.get("location", "elsewhere"))
            return _Failure(
                f"{self.address} redirects to {to}, which is not followed", "Give the final address as `base_url`.", fatal=True
            )
        if status in (401, 403):
            key = f"the key in {self._key_name}" if self._secret.key else f"a call without a key; {self._key_name} is not set"
            return _Failure(
                f"{self.address} refused {key}{told}", f"Check {self._key_name}, or name another as `api_key_env`.", fatal=True
            )
        if status == 402 or code in NO_MONEY:
            return _Failure(
                f"{self.address} has no money left for this key{told}", "Check the account's plan and limits.", fatal=True
            )
        if status in (404, 405) or code in GONE:
            return _Failure(
                f"{self.address} does not serve a model named {model}{told}",
                "Check `name`, and that `base_url` is the address before /chat/completions.",
                fatal=True,
            )
        if status in (408, 409, 425, 429) or status >= 500:
            wait = retry_after(headers, datetime.now(UTC))
            if wait is not None and wait > LONGEST_WAIT:
                return _Failure(
                    f"{self.address} asks to wait {wait:,.0f} s{told}", "Run again later; answers are kept.", fatal=True
                )
            return _Failure(f"{self.address} failed{told}", retryable=True, wait=wait)
        return _Failure(f"{self.address} refused the request{told}")


def _checked_address(base_url: str) -> str:
    """The address to show: without what may be secret in it.

    Raises:
        ConfigError: it is no http(s) address, or holds a password.
    """
    try:
        parts = urlsplit(base_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise ConfigError(f"`base_url` is not an address: {error}", "Give one such as http://localhost:8000/v1.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"`base_url` is {quoted(base_url)}, not an http(s) address", "Give one such as http://localhost:8000/v1.")
    if parts.username or parts.password:
        raise ConfigError(
            "`base_url` holds a user or password", "Put the key into an environment variable and name it as `api_key_env`."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}"
