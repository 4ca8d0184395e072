"""Figures of a server in Prometheus' text format (exposition format 0.0.4)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the times that are counted, in seconds."""


class Metrics:
    """Counts of requests, their times, tokens and price since the start; safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._times: Counter[float] = Counter()
        self._seconds = 0.0
        self._answers = 0
        self._tokens: Counter[str] = Counter()
        self._price = 0.0
        self._told: Counter[str] = Counter()

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request: its route, the status of its response and how long it took."""
        with self._lock:
            self._requests[path, status] += 1

            if status == 200 and path in ("/answer", "/v1/chat/completions"):
                self._seconds += seconds
                self._answers += 1
                self._times[next((bound for bound in BOUNDS if seconds <= bound), float("inf"))] += 1

    def answer(self, tokens_in: int, tokens_out: int, price: float | None, *, hands_over: bool, unparsed: bool) -> None:
        """Count an answer: what it took, and what was special about it."""
        with self._lock:
            self._tokens["prompt"] += tokens_in
            self._tokens["completion"] += tokens_out
            self._price += price or 0.0
            self._told["handed over"] += hands_over
            self._told["unparsed"] += unparsed

    def text(self, gauges: Mapping[str, float], config: str) -> str:
        """All figures.

        Args:
            gauges: further figures of now by name.
            config: the configuration that answers.
        """
        with self._lock:
            return "\n".join(self._lines(gauges, config)) + "\n"

    def _lines(self, gauges: Mapping[str, float], config: str) -> Iterator[str]:
        yield "# TYPE tailor_requests_total counter"
        for (path, status), count in sorted(self._requests.items()):
            yield f'tailor_requests_total{{path="{path}",status="{status}"}} {count}'
        yield "# TYPE tailor_answer_seconds histogram"
        below = 0
        for bound in (*BOUNDS, float("inf")):
            below += self._times[bound]
            yield f'tailor_answer_seconds_bucket{{le="{"+Inf" if bound == float("inf") else f"{bound:g}"}"}} {below}'
        yield f"tailor_answer_seconds_sum {self._seconds:.6f}"
        yield f"tailor_answer_seconds_count {self._answers}"
        yield "# TYPE tailor_tokens_total counter"
        for kind in ("prompt", "completion"):
            yield f'tailor_tokens_total{{kind="{kind}"}} {self._tokens[kind]}'
        yield "# TYPE tailor_price_total counter"
        yield f"tailor_price_total {self._price:.9f}"
        yield "# TYPE tailor_answers_total counter"
        for kind in ("handed over", "unparsed"):
            yield f'tailor_answers_total{{kind="{kind}"}} {self._told[kind]}'
        yield "# TYPE tailor_config gauge"
        yield f'tailor_config{{config="{config}"}} 1'
        for name, value in gauges.items():
            yield f"# TYPE tailor_{name} gauge"
            yield f"tailor_{name} {value:g}"
