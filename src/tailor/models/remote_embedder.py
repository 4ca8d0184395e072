"""An embedder behind an OpenAI-compatible endpoint (/v1/embeddings)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tailor.doors import door_at, through
from tailor.errors import EndpointError
from tailor.models.base import Array, Reply, Request, message
from tailor.models.endpoint.crew import Crew
from tailor.models.endpoint.faults import Fault
from tailor.models.endpoint.line import Line, canonical
from tailor.models.endpoint.rows import Rules
from tailor.task import ModelSettings

BATCH = 64
"""Texts of one call."""


def embedder_settings(name: str) -> ModelSettings | None:
    """The endpoint that the name of an embedder stands for: through a door, or NAME@ADDRESS; None for other names.

    Raises:
        ValueError: the door's address is in an environment variable that is not set.
    """
    model, at, address = name.partition("@http")
    if at:
        door = door_at(f"http{address}")
        found = {"name": model, "base_url": f"http{address}"} | ({"api_key_env": door.key} if door else {})
    else:
        found = through(name)
    return ModelSettings.model_validate(found) if found else None


class RemoteEmbedder:
    """Vectors that an endpoint makes, scaled to length 1.

    Args:
        settings: address, name, the variable that holds the key, timeout, concurrency and patience.
        backoff_seconds: the first wait between attempts.

    Raises:
        ConfigError: the address is no http(s) address, or holds a password.
        EndpointError: the key cannot be sent.
    """

    is_remote = True

    def __init__(self, settings: ModelSettings, *, backoff_seconds: float = 0.5) -> None:
        self.name = settings.name
        self.digest = hashlib.sha256(f"embedder\n{canonical(settings.base_url)}\n{settings.name}".encode()).hexdigest()
        self._line = Line(settings)
        self._made: dict[Request, Array] = {}
        rules = Rules(
            places=settings.concurrency,
            backoff=backoff_seconds,
            patience=60 * settings.patience_minutes,
            timeout=settings.timeout_seconds,
        )
        self._crew = Crew(self._ask, rules)

    @cached_property
    def dimensions(self) -> int:
        """Length of the vectors; a short text is asked for, to find it out.

        Raises:
            EndpointError: the endpoint makes none.
        """
        return int(self.embed(["dimensions"]).shape[1])

    def embed(self, texts: Sequence[str]) -> Array:
        """Array of shape (len(texts), dimensions), float32, rows of length 1; equal texts are asked for once.

        Raises:
            EndpointError: the endpoint makes none, or of different lengths.
        """
        distinct = list(dict.fromkeys(texts))
        parts = [distinct[start : start + BATCH] for start in range(0, len(distinct), BATCH)]
        requests = [Request(tuple(message("user", text) for text in part)) for part in parts]
        self._crew.run(requests, self._check)
        vectors = [vector for request in requests for vector in self._made.pop(request)]
        if not vectors:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        if len({len(vector) for vector in vectors}) > 1:
            raise EndpointError(f"{self._line.address} sent vectors of different lengths", fatal=True)
        where = {text: place for place, text in enumerate(distinct)}
        return np.stack(vectors)[[where[text] for text in texts]]

    def _check(self, replies: dict[int, Reply]) -> None:
        """A text without a vector cannot be searched for: there is nothing to go on with."""
        for reply in replies.values():
            if reply.error:
                raise EndpointError(reply.error, "Run again; vectors are kept.", retryable=True, fatal=True)

    def _ask(self, request: Request) -> Reply:
        texts = [turn.text.encode("utf-8", "replace").decode("utf-8") or " " for turn in request.messages]
        answered = self._line.post({"model": self.name, "input": texts, "encoding_format": "float"}, "embeddings")
        if not answered.is_good:
            raise self._line.fault(answered)
        try:
            self._made[request] = _vectors(json.loads(answered.body), len(texts))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            raise Fault("odd", f"{self._line.address}: the answer holds no vectors", cause="no vectors") from error
        return Reply("")


def _vectors(data: Any, count: int) -> Array:
    """The vectors in the order of their texts, scaled to length 1.

    Raises:
        ValueError: they are not as many as there were texts, or no vectors.
    """
    found = {int(item.get("index", place)): item["embedding"] for place, item in enumerate(data["data"])}
    if sorted(found) != list(range(count)):
        raise ValueError(f"{len(found)} vectors for {count} texts")
    vectors = np.array([found[place] for place in range(count)], dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if vectors.ndim != 2 or not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise ValueError("no vectors")
    unit: Array = vectors / lengths
    return unit
