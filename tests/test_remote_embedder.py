"""Vectors from an endpoint: asked for in batches, once each, and only where the user allowed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_helpers import SETTINGS, rows, write_csv, write_yaml
from endpoint import Answer, Endpoint, refusal

from tailor.errors import ConfigError, EndpointError
from tailor.ledger import Ledger
from tailor.models.catalogue import open_embedder
from tailor.models.fake import FakeEmbedder, FakeModel
from tailor.models.remote_embedder import BATCH, RemoteEmbedder, embedder_settings
from tailor.open_engine import open_engine
from tailor.project import load_project
from tailor.task import ModelSettings
from tailor.trust import not_allowed


def vectors(payload: Mapping[str, Any]) -> Answer:
    """Three times the fake's vectors, in the opposite order."""
    made = 3 * FakeEmbedder().embed(payload["input"])
    data = [{"object": "embedding", "index": place, "embedding": vector.tolist()} for place, vector in enumerate(made)]
    return Answer({"object": "list", "data": data[::-1], "model": "e", "usage": {"prompt_tokens": 5, "total_tokens": 5}})


def embedder(endpoint: Endpoint) -> RemoteEmbedder:
    settings = ModelSettings(name="e", base_url=endpoint.url, context_tokens=None, patience_minutes=0.02)
    return RemoteEmbedder(settings, backoff_seconds=0.001)


def test_texts_are_asked_for_in_batches_and_equal_ones_once() -> None:
    texts = [f"text {number % 100}" for number in range(150)]
    with Endpoint(vectors) as endpoint:
        found = embedder(endpoint).embed(texts)
    np.testing.assert_allclose(found, FakeEmbedder().embed(texts), atol=1e-6)
    assert found.dtype == np.float32 and sorted(len(payload["input"]) for payload in endpoint.payloads) == [100 - BATCH, BATCH]
    assert set(endpoint.paths) == {"/v1/embeddings"} and endpoint.payloads[0]["model"] == "e"


def test_it_says_how_long_its_vectors_are() -> None:
    with Endpoint(vectors) as endpoint:
        model = embedder(endpoint)
        assert (model.dimensions, model.dimensions) == (256, 256) and endpoint.calls == 1
        assert model.embed([]).shape == (0, 256)


def test_a_busy_endpoint_is_waited_for_and_a_refusal_ends_in_its_words() -> None:
    answers: Sequence[Answer] = [refusal(429, "slow down"), vectors({"input": ["a"]})]
    with Endpoint(answers) as endpoint:
        assert embedder(endpoint).embed(["a"]).shape == (1, 256)
    with Endpoint([refusal(401, "who are you")]) as endpoint, pytest.raises(EndpointError, match="who are you"):
        embedder(endpoint).embed(["a"])
    filtered = refusal(400, "The prompt triggers our content management policy", "content_filter")
    with Endpoint([filtered]) as endpoint, pytest.raises(EndpointError, match="will not answer this .*content management"):
        embedder(endpoint).embed(["a"])
    with Endpoint([Answer({"data": [{"index": 1e999, "embedding": [1.0]}]})]) as endpoint:
        with pytest.raises(EndpointError, match="holds no vectors"):
            embedder(endpoint).embed(["a"])


@pytest.mark.parametrize(
    "body", [{}, {"data": []}, {"data": [{"embedding": "x"}]}, {"data": [{"embedding": [0.0, 0.0]}]}, b"<html>", {"data": [None]}]
)
def test_what_holds_no_vectors_is_told(body: object) -> None:
    with Endpoint([Answer(body)]) as endpoint, pytest.raises(EndpointError, match="holds no vectors"):
        embedder(endpoint).embed(["a"])


def test_names_of_embedders_behind_endpoints() -> None:
    for name in ("minilm-l6", "fake", "org/name", "./folder", "a@b"):
        assert embedder_settings(name) is None
    door = embedder_settings("openai/text-embedding-3-small")
    assert door is not None and (door.name, door.base_url) == ("text-embedding-3-small", "https://api.openai.com/v1")
    given = embedder_settings("nomic@http://localhost:9000/v1")
    assert given is not None and (given.name, given.base_url) == ("nomic", "http://localhost:9000/v1")
    assert isinstance(open_embedder("nomic@http://localhost:9000/v1"), RemoteEmbedder)


def project(folder: Path, **changes: object) -> Path:
    write_csv(folder / "data.csv", rows(40))
    write_yaml(folder, SETTINGS | {"model": "fake"} | changes)
    return folder


def test_nothing_is_sent_to_an_embedder_that_was_not_allowed(tmp_path: Path) -> None:
    wanted = load_project(project(tmp_path, embedder="openai/text-embedding-3-small"))
    (sending,) = not_allowed(wanted)
    assert (sending.role, sending.model, sending.address) == ("embedder", "text-embedding-3-small", "https://api.openai.com/v1")
    with Ledger(tmp_path / ".tailor") as ledger, pytest.raises(ConfigError, match="you have not allowed that"):
        open_engine(wanted, ledger, FakeModel())


def test_a_project_asks_for_each_vector_once_in_all_its_runs(tmp_path: Path) -> None:
    with Endpoint(vectors) as endpoint:
        opened = load_project(project(tmp_path, embedder=f"e@{endpoint.url}"))
        for _ in range(2):
            with Ledger(tmp_path / ".tailor") as ledger:
                open_engine(opened, ledger, FakeModel()).embed(opened.task.embedder, ["one", "two", "one"])
    asked = [text for payload in endpoint.payloads for text in payload["input"]]
    assert sorted(asked) == ["dimensions", "dimensions", "one", "two"]


def test_a_budget_is_refused_where_vectors_would_not_be_counted(tmp_path: Path) -> None:
    opened = load_project(project(tmp_path, embedder="e@http://localhost:9/v1", budget=1.0))
    with Ledger(tmp_path / ".tailor") as ledger, pytest.raises(ConfigError, match="budget cannot be kept with the embedder"):
        open_engine(opened, ledger, FakeModel())
