"""Why a call gave no answer, and what that means for the next one: pure functions from what came back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from tailor.models.base import Reply

Kind = Literal["busy", "passing", "odd", "unreadable", "late", "unreachable", "request", "moderated", "long", "fatal"]
"""busy: slow down; passing: a failure that may pass; odd: an error in place of an answer; unreadable: no chat completion; late:
nothing came in time; unreachable: no connection; request: this request is not taken, or none is; moderated: the endpoint says that
it will not answer this text; long: it does not fit the context window; fatal: no request will be taken."""

REFUSALS = ("request", "moderated", "long", "fatal")
"""What will be refused again."""
UNPAID = frozenset({"busy", *REFUSALS, "unreachable"})
GONE_ON = frozenset({408, 499, 502, 504, *range(520, 528)})
"""Statuses with which a gateway gives up on a server that may go on, and bill what it writes."""
MOST = 10**9
"""No call takes, costs or waits more than this: a larger number is none."""
NO_MONEY = {
    *("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "budget_exceeded", "insufficient_balance"),
    *("insufficient_credits", "payment_required", "quota_exceeded_error"),
}
SLOWER = {"rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests", "throttled", "throttlingexception"}
"""Codes that ask to slow down, whatever the status."""
NOT_TAKEN = re.compile(
    r"only .{0,40}roles? .{0,20}supported|roles? must alternate|(?:chat.?)?template.{0,40}error|error.{0,40}chat.?template|"
    r"(?:system|developer|role|parameter|argument|temperature|max_(?:completion_)?tokens|top_logprobs|logprobs|stop|seed|response_format)\b"
    r".{0,60}(?:not supported|unsupported|not allowed|not permitted|unknown|unrecognized|unexpected)",
    re.IGNORECASE,
)
"""How servers say in an error of their own that the request, and no failure, is what they do not take."""
GONE = {"model_not_found", "model_not_available", "deployment_not_found", "model_decommissioned"}
MODERATED_CODES = {
    *("content_filter", "content_filtered", "responsibleaipolicyviolation", "content_policy_violation", "moderation_blocked"),
    *("data_inspection_failed", "safety", "prohibited_content", "sensitive", "invalid_prompt", "moderation", "blocklist"),
}
MODERATED = re.compile(
    r"content.management.policy|content.(?:filter|policy)|moderation|flagged|safety.(?:system|filter|polic)|usage.polic|"
    r"inappropriate.content|sensitive.content|prohibited.content|data.may.contain",
    re.IGNORECASE,
)
"""How providers say that they will not answer a text. What is worded differently is recognised by being alone (see `crew`)."""
LONG_CODES = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
LONG = re.compile(
    r"context.(?:length|window|size)|(?:prompt|input|request|message)s? (?:is|are|was) too (?:long|large)|"
    r"too many (?:input )?tokens|(?:input|prompt).{0,40}exceeds?.{0,40}(?:tokens|length|limit)",
    re.IGNORECASE,
)
"""How servers say that a prompt does not fit."""
UNIT = r"(?:ms|milliseconds?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)"
WAIT = re.compile(rf"(?:again|retry|wait|reset)\w*[^\d]{{0,40}}?((?:\d+(?:\.\d+)?\s*{UNIT}(?![a-z])\s*)+)", re.IGNORECASE)
SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|h|m|s)", re.IGNORECASE)
SECONDS = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Fault(Exception):
    """A call without an answer.

    Args:
        kind: what it means for further calls.
        told: what happened, as a sentence for the user.
        hint: what to do.
        wait: seconds that the endpoint asks to wait.
        cause: the same in few words, without the address.
        lives: whether it shows that the endpoint works, though not for this request.
        status: of the answer; 0 where there was none.
        is_unpaid: whether it is sure that the call is not billed: it was not sent, or refused.
        is_long: whether it speaks of the length of the request: its prompt, or the answer that it has room for.
        cost: a reply without text, with the tokens that were counted all the same; None where that is not known.
    """

    def __init__(
        self, kind: Kind, told: str, hint: str = "", *, wait: float | None = None, cause: str = "", lives: bool = False
    ) -> None:
        super().__init__(told)
        self.lives, self.status, self.is_unpaid = lives, 0, kind in UNPAID
        self.kind, self.hint, self.wait, self.cause = kind, hint, wait, cause or told
        self.is_long = False
        self.cost: Reply | None = None


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says.

    Attributes:
        reason: its message on one line of at most 200 characters.
        codes: its codes and types, in lower case.
        status: the status that it names, where it is inside another one; else 0.
        wait: seconds that its words ask to wait.
    """

    reason: str
    codes: frozenset[str]
    status: int = 0
    wait: float | None = None


def read_number(value: object) -> float | None:
    """A number as endpoints write it, in digits or as a string of them; None for what is none, or is beyond all bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    with suppress(ValueError, OverflowError):
        number = float(value)
        return number if abs(number) <= MOST else None
    return None


def _error_in(body: object) -> object:
    """The error in a body: in its `error`, in the only item of a list, or the body itself."""
    body = body[0] if isinstance(body, list) and len(body) == 1 else body
    error = body.get("error", body) if isinstance(body, Mapping) else body
    return error[0] if isinstance(error, list) and len(error) == 1 else error


def read_error(body: object) -> ErrorBody:
    """What an error body says, whatever its form."""
    error = _error_in(body)
    status, codes = 0, set[str]()
    if isinstance(error, Mapping):
        text = error.get("message") or error.get("detail") or error.get("msg") or ""
        inner = error.get("innererror")
        found = [
            error.get("code"),
            error.get("type"),
            error.get("status"),
            inner.get("code") if isinstance(inner, Mapping) else None,
        ]
        codes = {str(code).lower() for code in found if isinstance(code, str | int) and not isinstance(code, bool)}
        status = max((int(code) for code in codes if code.isdecimal() and len(code) == 3), default=0)
        meta = error.get("metadata")
        if isinstance(meta, Mapping) and ("flagged_input" in meta or "reasons" in meta):
            codes.add("moderation")
    else:
        text = error or ""
    text = text if isinstance(text, str) else json.dumps(text)
    if text.lstrip().lower().startswith(("<!doctype", "<html")):
        text = "a web page instead of an answer"
    line = " ".join(text.split())
    if MODERATED.search(line):
        codes.add("moderation")
    wait = WAIT.search(line)
    reason = line if len(line) <= 200 else line[:197] + "..."
    return ErrorBody(reason, frozenset(codes), status, _span(wait[1]) if wait else None)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """How an endpoint is spoken of: its address, its model's name, and the key it was given, in words."""

    address: str
    model: str
    key: str
    key_name: str

    def fault(self, status: int, said: ErrorBody, wait: float | None, location: str = "") -> Fault:
        """What an error status means. `wait` is what was asked for, in seconds."""
        fault = self._fault(status, said, wait, location)
        fault.status, fault.is_unpaid = status, status not in GONE_ON
        fault.is_long = fault.kind == "request" and bool(status == 413 or said.codes & LONG_CODES or LONG.search(said.reason))
        return fault

    def _fault(self, status: int, said: ErrorBody, wait: float | None, location: str) -> Fault:
        cause = f"{status}{' ' + said.reason if said.reason else ''}"
        told = f" ({status}{': ' + said.reason if said.reason else ''})"
        if 300 <= status < 400:
            text = f"{self.address} redirects to {location or 'elsewhere'}, which is not followed"
            return Fault("fatal", text, "Give the final address as `base_url`.", cause=cause)
        if status in (400, 403, 422, 451) and said.codes & MODERATED_CODES:
            return Fault("moderated", f"{self.address} will not answer this{told}", cause=cause)
        if status == 402 or said.codes & NO_MONEY:
            text = f"{self.address} has no money left for this key{told}"
            return Fault("fatal", text, "Check the account's plan and limits.", cause=cause)
        if status in (401, 403) and not said.codes & SLOWER:
            text, hint = f"{self.address} refused {self.key}{told}", f"Check {self.key_name}, or name another as `api_key_env`."
            return Fault("fatal" if status == 401 else "request", text, hint, cause=cause)
        if status in (404, 405) or said.codes & GONE:
            text = f"{self.address} does not serve a model named {self.model}{told}"
            hint = "Check `name`, and that `base_url` is the address before /chat/completions."
            return Fault("fatal" if said.codes & GONE else "request", text, hint, cause=cause)
        if status in (429, 529) or (status == 503 and wait is not None) or said.codes & SLOWER:
            return Fault("busy", f"{self.address} failed{told}", wait=wait, cause=cause)
        is_failure = status in (408, 409, 424, 425, 499) or status >= 500
        if is_failure and not (status == 500 and NOT_TAKEN.search(said.reason)):
            return Fault("passing", f"{self.address} failed{told}", wait=wait, cause=cause)
        return Fault("request", f"{self.address} refused the request{told}", cause=cause)

    def inside(self, said: ErrorBody) -> Fault:
        """What an error inside an answer with a good status means."""
        if said.codes & MODERATED_CODES:
            return Fault("moderated", f"{self.address} will not answer this ({said.reason})", cause=said.reason)
        if said.status >= 400 or said.codes & (NO_MONEY | GONE):
            return self.fault(said.status or 400, said, said.wait)
        return Fault("odd", f"{self.address} sent an error instead of an answer: {said.reason}", cause=said.reason)


def told_wait(headers: Mapping[str, str], body: object, said: ErrorBody) -> float | None:
    """Seconds to wait that an endpoint asks for, by whatever means: a header, a field of the body, or its words."""
    found = retry_after(headers, datetime.now(UTC))
    if found is None:
        found = _in_body(body)
    return said.wait if found is None else found


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait that the headers ask for: retry-after-ms, or Retry-After in seconds or as a date (RFC 9110, 10.2.3).

    A date is counted from the endpoint's own time, where its `Date` header tells it: the clock here may be wrong, or be put right.

    Args:
        headers: of the answer.
        now: the time here.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds <= MOST:
            return max(0.0, seconds)
    date = _date(headers.get("retry-after", ""))
    return None if date is None else max(0.0, (date - (_date(headers.get("date", "")) or now)).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def used_up(headers: Mapping[str, str]) -> float | None:
    """Seconds until an allowance that the headers call used up is filled again; None when none is."""
    waits = []
    for what in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0":
            waits.append(_span(headers.get(f"x-ratelimit-reset-{what}", "")))
    known = [wait for wait in waits if wait is not None]
    return max(known, default=None)


def _in_body(body: object) -> float | None:
    """A field such as `retry_after`, or Google's RetryInfo."""
    error = _error_in(body)
    if not isinstance(error, Mapping):
        return None
    for name in ("retry_after", "retry_after_seconds", "retryAfter"):
        if (seconds := read_number(error.get(name))) is not None:
            return max(0.0, seconds)
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and isinstance(delay := detail.get("retryDelay"), str):
            return _span(delay)
    return None


def _span(text: str) -> float | None:
    """Seconds in a text such as "1m30.5s"; a bare number is seconds."""
    pieces = SPAN.findall(text)
    seconds = sum(float(number) * SECONDS[unit.lower()] for number, unit in pieces) if pieces else text
    return None if (number := read_number(seconds)) is None else max(0.0, number)
