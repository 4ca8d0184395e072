"""How likely each label was, read off the log-probabilities that come with the one that a model wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailor.models.base import Request, message

MOST, FEWER = 20, 5
"""How many of the likeliest tokens are asked for at each place: the most that OpenAI gives, and what others give."""
AROUND = " \t\r\n\"'`*_([{<"
"""What may come before a label."""
BEHIND = " .!,;:\"'`*)]}>"
"""What may come after it."""
HALF = math.log(0.5)
"""A label that goes on where the written one ended has at most half of what both share, since the likeliest was written."""
LEAST = -100.0
"""Log-probability of what cannot be distinguished from impossible."""


@dataclass(frozen=True, slots=True)
class Place:
    """One token that was written.

    Attributes:
        token: its bytes.
        logprob: its log-probability.
        others: other tokens that might have been there, with theirs, as many as the endpoint tells.
    """

    token: bytes
    logprob: float
    others: tuple[tuple[bytes, float], ...]

    @property
    def bound(self) -> float:
        """Log-probability that no token exceeds which is not told of: neither the least one told nor what is left of 1."""
        told = [self.logprob, *(logprob for _, logprob in self.others)]
        left = 1 - sum(map(math.exp, told))
        return max(LEAST, min(*told, math.log(left) if left > 0 else LEAST, 0.0))


def probe() -> Request:
    """A request whose reply has `scores` where an endpoint tells log-probabilities, and none elsewhere."""
    return Request((message("user", "Is snow white? Answer yes or no."),), max_tokens=8, labels=("yes", "no"))


def read_places(logprobs: object) -> list[Place]:
    """The tokens of a completion, from `logprobs` of its choice; none where it has another form."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    places = []
    for entry in content if isinstance(content, list) else ():
        written = _token(entry)
        if written is None:
            return []
        told = entry.get("top_logprobs")
        others = [token for other in (told if isinstance(told, list) else ()) if (token := _token(other)) is not None]
        places.append(Place(*written, tuple(other for other in others if other[0] != written[0])))
    return places


def label_scores(places: Sequence[Place], labels: Sequence[str], text: str) -> tuple[float, ...]:
    """Log-probability of each label; none where what was written is no label.

    The written label has the probability of its tokens. Another one has that of the tokens up to where the two part, times that of
    the token with which it would go on; labels that would go on with the same token share it. For a label whose token is not told
    of, this is an upper limit, so the written one is never made out as surer than it was.

    Args:
        places: the tokens that were written, a thought in front included.
        labels: as they are in the prompt.
        text: the answer, without a thought.
    """
    forms = [_form(label.encode("utf-8", "replace")) for label in labels]
    found = [-math.inf] * len(labels)
    limits = [0.0] * len(labels)
    so_far, path = b"", 0.0
    for place in _answer(places, text):
        begun = [i for i, form in enumerate(forms) if form.startswith(_form(so_far))]
        if len(begun) == 1 and forms[begun[0]] == _form(so_far):
            break
        for token, logprob in place.others:
            meant = _meant(so_far, so_far + token, forms)
            for i in meant:
                found[i] = _sum(found[i], path + logprob - math.log(len(meant)))
        still = {i for i, form in enumerate(forms) if form.startswith(_form(so_far + place.token))}
        for i in begun:
            limits[i] = path + (place.logprob + HALF if i in still else place.bound)
        path += place.logprob
        if not still:  # this token ended the label, or it is none
            break
        so_far += place.token
    said = _form((text.splitlines() or [""])[0].encode("utf-8", "replace")).rstrip(BEHIND)
    written = [i for i, form in enumerate(forms) if form == _form(so_far) and form.rstrip(BEHIND) == said]
    if len(written) != 1:
        return ()
    found[written[0]] = _sum(found[written[0]], path)
    return tuple(min(0.0, limit if score == -math.inf else score) for score, limit in zip(found, limits, strict=True))


def _token(entry: object) -> tuple[bytes, float] | None:
    """Bytes and log-probability of a token as the API writes it."""
    if not isinstance(entry, Mapping) or not isinstance(logprob := entry.get("logprob"), int | float) or isinstance(logprob, bool):
        return None
    try:
        number = float(logprob)
    except OverflowError:
        return None
    if math.isnan(number) or number > 1e-3:
        return None
    raw: Any = entry.get("bytes")
    if isinstance(raw, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in raw):
        token = bytes(raw)
    elif isinstance(entry.get("token"), str):
        token = entry["token"].encode("utf-8", "replace")
    else:
        return None
    return token, max(LEAST, min(0.0, number))


def _answer(places: Sequence[Place], text: str) -> Sequence[Place]:
    """The tokens of the answer itself: the last that it begins with, or all where it cannot be found."""
    for start in range(len(places) - 1, -1, -1):
        rest = b"".join(place.token for place in places[start:]).decode("utf-8", "ignore")
        if rest.strip().startswith(text):
            return places[start:]
    return places


def _meant(before: bytes, after: bytes, forms: Sequence[str]) -> list[int]:
    """The labels that a text means once a token is added: those that go on with it, else the longest that it ends."""
    was, text = _form(before), _form(after)
    if text == was:  # nothing was added but space or the end of the answer
        return [i for i, form in enumerate(forms) if form and form == was]
    going_on = [i for i, form in enumerate(forms) if form.startswith(text)]
    if going_on:
        return going_on
    ended = [i for i, form in enumerate(forms) if form and text.startswith(form) and not text[len(form)].isalnum()]
    return sorted(ended, key=lambda i: len(forms[i]))[-1:]


def _form(text: bytes) -> str:
    """A text as labels are compared: whatever its case, underscores and what is around it."""
    return " ".join(text.decode("utf-8", "ignore").lstrip(AROUND).replace("_", " ").casefold().split())


def _sum(first: float, second: float) -> float:
    """Logarithm of the sum of two numbers given by their logarithms."""
    high, low = max(first, second), min(first, second)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
