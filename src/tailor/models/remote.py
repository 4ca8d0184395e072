"""A model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tailor.content import media_in
from tailor.doors import door_at
from tailor.errors import ModelError, TailorError, quoted
from tailor.models.base import READS_TEXT, Capabilities, Message, Meter, Reply, Request, Room
from tailor.models.endpoint.crew import Crew, Deliver
from tailor.models.endpoint.desk import URLS, Desk
from tailor.models.endpoint.dialect import Dialect, Wishes, alike, most_tokens, otherwise, payload, shape
from tailor.models.endpoint.faults import Fault, used_up
from tailor.models.endpoint.line import Line, canonical
from tailor.models.endpoint.listed import DEFAULT_WINDOW, context_window
from tailor.models.endpoint.responses import ELSEWHERE
from tailor.models.endpoint.rows import Rules
from tailor.models.endpoint.transport import HttpAnswer
from tailor.models.wire import ErrorInside, Unreadable, estimate_tokens, read_reply
from tailor.payment import Payment
from tailor.task import ModelSettings

BROKEN = (500, 501)
"""Statuses with which a server may mean that it cannot tell log-probabilities."""
UNDERSTOOD = (400, 422)
"""Statuses with which an endpoint may mean that it does not take a parameter."""
LOOK_SECONDS = 2.0
"""Longest wait for an answer that says whether the endpoint can be asked."""
MOST_WAYS = 20
"""How often an endpoint that refuses is asked otherwise, before the first answer; what is refused costs nothing."""
UNPAID = Reply("")
LONGEST_HOLD = 60.0
"""Seconds for which calls are held back where headers say that an allowance is used up, and nobody was refused yet. Where it fills
again later, such as that of a day, the next refusal says what it means.
"""
JSON = ("{", "[", '"')
"""What JSON that fits a schema begins with, except for bare numbers and words."""
SELF_MADE = "json_validate_failed"
"""The code of an error that holds what the model wrote instead of the JSON asked for."""


class Bill(threading.local):
    """What the calls for one answer cost, in the thread that makes them."""

    def __init__(self) -> None:
        self.payments: list[Payment] = []


class RemoteModel:
    """A model behind an OpenAI-compatible endpoint, answering several requests at once.

    A request that fails while others succeed gets a `Reply` with `error`; its `finish` says whether the endpoint refuses it
    ("refused") or failed ("error"). What would meet every request (no such address, a dead key, no money, an unknown model, a long
    silence) is raised as an `EndpointError`.

    Args:
        settings: address, name, the variable that holds the key, timeout, concurrency, patience and parameters.
        attempts: how often a request is tried that fails while others succeed.
        backoff_seconds: the first wait between attempts; each further one is twice as long, times a factor in [0.5, 1.5].

    Raises:
        ConfigError: the address is no http(s) address, or holds a password.
        EndpointError: the key cannot be sent.
    """

    precision = "as the endpoint serves it"

    def __init__(self, settings: ModelSettings, *, attempts: int = 6, backoff_seconds: float = 0.5) -> None:
        self.name = settings.name
        self.capabilities = Capabilities(billed=True, media=settings.media, tools=True)
        self._line = Line(settings)
        self.address = self._line.address
        self.digest = _digest(settings)
        door = door_at(settings.base_url)
        self.context_tokens = settings.context_tokens or context_window(settings.name, settings.base_url) or DEFAULT_WINDOW
        self.block = settings.concurrency
        self._dialect = Dialect(**door.speaks) if door else Dialect()
        self._taken: set[frozenset[str]] = set()
        self._in_vain: set[tuple[frozenset[str], str]] = set()  # refusals that no other way of asking has avoided
        self._form_known = False  # whether it was seen what comes of asking for a JSON schema
        self._talks = False  # whether answers that are cut off hold no thought that more room would end
        self._keep: Callable[[Room], None] = lambda room: None
        self._finding_out = threading.Lock()
        self.meter: Meter | None = None
        self._bill = Bill()
        self._wishes = Wishes(
            default_temperature=settings.temperature == "default",
            max_tokens=settings.max_tokens,
            effort=settings.reasoning_effort,
            extra=settings.extra_body,
        )
        patience = 60 * settings.patience_minutes
        rules = Rules(settings.concurrency, attempts, backoff_seconds, patience, settings.timeout_seconds)
        self._crew = Crew(self._ask, rules)
        self.in_batches = settings.batch is not False
        self.desk = Desk(self._line, patience=patience, backoff=backoff_seconds)

    @property
    def dialect(self) -> Dialect:
        """How the endpoint is asked, as far as that was found out."""
        return self._dialect

    @property
    def room(self) -> Room:
        """What was found out about its thoughts."""
        return Room(self._dialect.room, self._talks)

    def remember(self, known: Room | None, keep: Callable[[Room], None]) -> None:
        """Begin with what is known about its thoughts, and say what is found out beyond it (`tailor.models.base.Roomy`)."""
        self._keep = keep
        if known is not None:
            self._dialect, self._talks = replace(self._dialect, room=known.tokens), known.talks

    # --- in batches

    @property
    def batch_url(self) -> str:
        """What the endpoint calls the kind of call that a batch holds."""
        return URLS[self._dialect.api]

    def body(self, request: Request) -> dict[str, Any]:
        """The body of a call, put in the way that the endpoint is known to take."""
        return payload(request, self.name, self._dialect, self._wishes)

    def most_tokens(self, request: Request) -> tuple[int, int]:
        """The most tokens that a call may take, of its prompt and its answer."""
        return most_tokens(self.body(request), self.context_tokens)

    def is_understood(self, request: Request) -> bool:
        """Whether the endpoint has answered to such a question before, put in this way."""
        return shape(self.body(request)) in self._taken and (self._form_known or not request.json_schema)

    def is_whole(self, reply: Reply, request: Request) -> bool:
        """Whether nothing more would be asked for, were this the reply to a call of its own: neither empty nor short of room."""
        return reply.finish == "refused" or not (self._wants_room(reply, self._dialect) or not reply.text)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Prompt tokens the messages take, estimated from their length."""
        return estimate_tokens(messages)

    def unreachable(self) -> str:
        """Why the endpoint cannot be asked now (`tailor.models.base.Reachable`), by its list of models, which costs nothing."""
        try:
            status = self._line.send("GET", "models", timeout=LOOK_SECONDS).status
        except Fault as fault:
            return f"{self.address} cannot be asked: {fault.cause or fault}"
        return f"{self.address} answers with status {status}" if status in (401, 403) or status >= 502 or status == 500 else ""

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """One reply per request, in order.

        Raises:
            ModelError: choices are to be scored, a pattern kept to, or tuned weights used, which an endpoint cannot do.
            EndpointError: no request can succeed.
        """
        if tuned is not None:
            raise ModelError(f"{quoted(self.name)} is remote and cannot answer with tuned weights")
        replies: dict[int, Reply] = {}
        self.stream(requests, replies.update)
        return [replies[place] for place in range(len(requests))]

    def stream(self, requests: Sequence[Request], deliver: Deliver) -> None:
        """Hand over every reply as soon as it comes: place in `requests` -> reply.

        Raises:
            ModelError: choices are to be scored, a pattern kept to, or media read that it does not read.
            EndpointError: no request can succeed; what came before was handed over.
        """
        if any(request.choices for request in requests):
            raise ModelError(f"{quoted(self.name)} is remote and cannot score choices", "Generate the answer instead.")
        if any(request.pattern for request in requests):
            raise ModelError(f"{quoted(self.name)} is remote and cannot be held to a pattern", "Use a JSON schema instead.")
        if not self.capabilities.media and any(media_in(turn.content) for request in requests for turn in request.messages):
            raise ModelError(f"{quoted(self.name)} reads text alone, and is asked about an image", READS_TEXT)
        told = self.room

        def hand_over(replies: dict[int, Reply]) -> None:
            nonlocal told
            if self.room != told:
                told = self.room
                self._keep(told)
            deliver(replies)

        self._crew.run(requests, hand_over)

    # --- one request, in one of several threads

    def _ask(self, request: Request) -> Reply:
        """One answer, with what all its calls cost.

        Raises:
            Fault: there is none.
        """
        self._bill.payments = []
        try:
            reply = self._answer(request)
        except Fault as fault:
            if fault.kind == "moderated" and fault.cost is None:
                fault.cost = Reply("", tokens_in=estimate_tokens(request.messages))
            raise
        except TailorError:
            raise
        except Exception as error:  # a fault of our own; the words of a library may hold what was sent, the key with it
            told = self._line.scrub("".join(traceback.format_exception(error)))
            raise RuntimeError(f"a call to {self.address} broke down, which is a fault of Tailor's:\n{told}") from None
        payments = self._bill.payments
        if not payments:
            return reply
        amount = sum(payment.amount for payment in payments)
        return replace(reply, payment=replace(payments[-1], amount=amount, calls=len(payments)))

    def _answer(self, request: Request) -> Reply:
        """One answer, with more room where a thought ate it, and once more where it is empty.

        Raises:
            Fault: there is none.
        """
        dialect, reply = self._understood(request)
        if not reply.text and reply.finish == "stop":
            dialect, reply = self._understood(request)  # an empty answer is often the endpoint's slip; twice is an answer
        if request.json_schema and not self._form_known:
            dialect, reply = self._in_form(request, dialect, reply)
        while self._wants_room(reply, dialect) and (wider := dialect.roomier()) is not None:
            dialect, more = self._understood(request, wider)
            if not more.thought and reply.text:  # it does not think; it only talks for long
                self._talks = True
                break
            reply = more
            if reply.finish != "length":
                self._widen(dialect)
        return reply

    def _in_form(self, request: Request, dialect: Dialect, reply: Reply) -> tuple[Dialect, Reply]:
        """The answer, asked for once more with the schema in words where an endpoint ignores what it does not know."""
        if reply.text and dialect.schema != "prompt" and not reply.text.startswith(JSON):
            worded, more = self._understood(request, replace(dialect, schema="prompt"))
            if more.text.startswith(JSON):
                with self._finding_out:
                    self._dialect = replace(self._dialect, schema="prompt")
                dialect, reply = worded, more
        self._form_known = self._form_known or bool(reply.text)
        return dialect, reply

    def _wants_room(self, reply: Reply, dialect: Dialect) -> bool:
        """Whether an answer was cut off before it began: by a thought, or by what may be one."""
        if reply.finish != "length" or self._wishes.max_tokens is not None:
            return False
        return not reply.text or (dialect.room == 0 and not self._talks)

    def _widen(self, dialect: Dialect) -> None:
        with self._finding_out:
            if dialect.room > self._dialect.room:
                self._dialect = replace(self._dialect, room=dialect.room)

    def _understood(self, request: Request, dialect: Dialect | None = None) -> tuple[Dialect, Reply]:
        """The answer to one call, in a dialect that the endpoint takes; it is found out by trying where it is not known."""
        while True:
            spoken = dialect or self._dialect
            body = payload(request, self.name, spoken, self._wishes)
            try:
                reply = self._once(request, body)
                self._taken.add(shape(body))
                self._note_broken(spoken)
                return spoken, reply
            except Fault as fault:
                if fault.status in BROKEN and "top_logprobs" in body and shape(body) not in self._taken:
                    dialect = replace(spoken, logprobs=0)  # some servers break where others refuse
                    continue
                told = fault.status in (*UNDERSTOOD, 500) or ELSEWHERE.search(fault.cause)
                if fault.is_long and shape(body) in self._taken:
                    fault.kind = "long"  # it is taken when it is shorter: no other way to ask would help
                if fault.kind != "request" or not told or shape(body) in self._taken:
                    raise
                with self._finding_out:
                    if dialect is None and self._dialect is not spoken:
                        continue  # another thread has found out meanwhile
                    if (vain := (shape(body), alike(fault.cause))) in self._in_vain:
                        raise
                    try:
                        return self._find_out(request, spoken, fault)
                    except Fault as last:
                        if last.kind == "request":  # another one says nothing of how to ask
                            self._in_vain.add(vain)
                        raise

    def _note_broken(self, spoken: Dialect) -> None:
        if spoken.logprobs < self._dialect.logprobs:
            with self._finding_out:
                self._dialect = replace(self._dialect, logprobs=spoken.logprobs)

    def _find_out(self, request: Request, dialect: Dialect, fault: Fault) -> tuple[Dialect, Reply]:
        """Ask otherwise until it is taken. A way that changes the refusal was a step; one that does not was none.

        Raises:
            Fault: no other way is taken either.
        """
        tried = 0
        ways = otherwise(dialect, payload(request, self.name, dialect, self._wishes), fault.cause)
        while tried < MOST_WAYS and (other := next(ways, None)) is not None:
            tried += 1
            body = payload(request, self.name, other, self._wishes)
            try:
                reply = self._once(request, body)
            except Fault as refusal:
                if refusal.kind != "request":
                    raise
                if alike(refusal.cause) != alike(fault.cause):
                    fault, dialect = refusal, other
                    ways = otherwise(dialect, body, fault.cause)
                continue
            self._dialect = other
            self._taken.add(shape(body))
            return other, reply
        raise fault

    def _once(self, request: Request, body: Mapping[str, Any]) -> Reply:
        """One call.

        Raises:
            Fault: it gave no answer.
        """
        if self.meter is None:
            return self._call(request, body)
        tokens_in, tokens_out = most_tokens(body, self.context_tokens)
        number, paid = self.meter.reserve(tokens_in=tokens_in, tokens_out=tokens_out), None
        try:
            paid = self._call(request, body)
            return paid
        except Fault as fault:
            paid = UNPAID if fault.is_unpaid else fault.cost
            raise
        finally:
            if (payment := self.meter.settle(number, paid)) is not None:
                self._bill.payments.append(payment)

    def _call(self, request: Request, body: Mapping[str, Any]) -> Reply:
        started = time.perf_counter()
        answered = self._line.post(body, "responses" if "input" in body else "chat/completions")
        if (wait := used_up(answered.headers)) is not None and wait <= LONGEST_HOLD:
            self._crew.pace.hold(time.monotonic() + wait)
        if not answered.is_good:
            return self._refused(request, answered, time.perf_counter() - started)
        try:
            reply = read_reply(answered.body, request, time.perf_counter() - started, self._line.scrub)
        except ErrorInside as error:
            fault = self._line.interpreter.inside(error.said)
            fault.lives, fault.is_unpaid, fault.cost = True, error.cost is None, error.cost
            raise fault from None
        except Unreadable as error:
            fault = Fault("unreadable", f"{self.address}: {error}", cause=str(error))
            fault.cost = error.cost
            raise fault from error
        if request.stop and "stop" not in body:
            return replace(reply, text=_until(reply.text, request.stop))
        return reply

    def _refused(self, request: Request, answered: HttpAnswer, seconds: float) -> Reply:
        """What an answer with another status means; it is an answer only where it holds what the model wrote."""
        data, said = self._line.refusal(answered)
        if SELF_MADE in said.codes and isinstance(text := data["error"].get("failed_generation"), str):
            tokens = estimate_tokens(request.messages)
            return Reply(text, tokens_in=tokens, tokens_out=len(text) // 4, seconds=seconds, counted=False)
        raise self._line.fault(answered)


def _until(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the strings that end it."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))].strip()


def _digest(settings: ModelSettings) -> str:
    """What tells this model from others: the model and its parameters, not how its address is spelled."""
    parts = [canonical(settings.same_as or settings.base_url), settings.name]
    asked = {
        "extra_body": settings.extra_body,
        "max_tokens": settings.max_tokens,
        "reasoning_effort": settings.reasoning_effort,
        "temperature": settings.temperature,
    }
    if set_ := {name: value for name, value in asked.items() if value}:
        parts.append(json.dumps(set_, sort_keys=True))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
