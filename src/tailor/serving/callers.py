"""Who may call, and how often: bearer tokens, each with a number of requests a minute."""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable, Sequence

from tailor.decide.formats import counted
from tailor.serving.refused import Refused


class Callers:
    """Those who may call. Each has its own share, which fills up evenly and holds a minute's worth (a token bucket).

    Args:
        tokens: what callers show, a token for each; none where nobody has to show one, and then all callers are one.
        per_minute: requests that each may make a minute; 0 for any number.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, tokens: Sequence[str] = (), per_minute: int = 0, now: Callable[[], float] = time.monotonic) -> None:
        self._tokens = [token.encode() for token in tokens]
        self._per_minute, self._now = per_minute, now
        self._left = [(float(per_minute), now())] * max(1, len(tokens))

    def who(self, given: Sequence[bytes]) -> int:
        """The place of whoever shows these `Authorization` headers.

        Raises:
            Refused: it is nobody who may call.
        """
        if not self._tokens:
            return 0
        scheme, _, shown = (given[0] if len(given) == 1 else b"").partition(b" ")
        found = [hmac.compare_digest(shown.strip(), token) for token in self._tokens]  # all of them, so that time tells nothing
        if scheme.lower() != b"bearer" or not any(found):
            raise Refused(
                "A token is needed: send it as `Authorization: Bearer TOKEN`.",
                401,
                kind="authentication_error",
                code="invalid_api_key",
                headers={"www-authenticate": "Bearer"},
            )
        return found.index(True)

    def take(self, who: int) -> None:
        """Count a request.

        Raises:
            Refused: this caller has made as many as it may.
        """
        if not self._per_minute:
            return
        each, now = 60 / self._per_minute, self._now()
        left, since = self._left[who]
        left = min(float(self._per_minute), left + (now - since) / each)
        self._left[who] = (left - 1 if left >= 1 else left), now
        if left < 1:
            wait = math.ceil((1 - left) * each)
            raise Refused(
                f"Each caller may make {counted(self._per_minute, 'request')} a minute. Try again in {wait} s.",
                429,
                kind="rate_limit_error",
                code="rate_limit_exceeded",
                headers={"retry-after": str(wait)},
            )
