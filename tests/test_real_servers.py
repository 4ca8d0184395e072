"""A server that others wrote answers as the local engine does; skipped where none is available."""

from __future__ import annotations

from pathlib import Path

import pytest
from serving_helpers import certify, serve_measured

from benchmarks.real_servers import NEEDED, compared, llama_server, opened, server_python, unpacked
from tailor.approaches.retrieval import Retrieve
from tailor.models.cache import SMOLLM2
from tailor.models.catalogue import fetch
from tailor.models.local import LocalModel
from tailor.serving.elsewhere import Runtime, check


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        server_python()
    except FileNotFoundError:
        pytest.skip(NEEDED)
    return tmp_path_factory.mktemp("weights") / "model.gguf"


def made(weights: Path) -> Path:
    return weights if weights.exists() else unpacked(weights)


@pytest.mark.model
def test_the_server_of_llama_cpp_answers_and_counts_as_the_local_engine_does(weights: Path, tmp_path: Path) -> None:
    with llama_server(made(weights)) as url:
        found = compared(url, 4, tmp_path)
    assert found["classify_same_answer"] == found["answer_same_answer"] == 1
    assert all(share == 1 for name, share in found.items() if name.endswith("_tokens"))
    assert found["classify_has_scores"] == found["classify_same_likeliest"] == 1
    assert found["json_schema_is_json"] == 1


@pytest.mark.model
def test_the_server_of_llama_cpp_is_held_to_measured_rows(weights: Path, tmp_path: Path) -> None:
    local = LocalModel(fetch(SMOLLM2), SMOLLM2.name, SMOLLM2.digest, SMOLLM2.precision, dtype="float32")
    with opened("handbook", local, tmp_path) as (engine, start, data):
        system = Retrieve("bm25").fit(start, data, engine)
        found = certify(data.task, system, data.dev[:4], engine)
        documents, store = engine.documents, engine.store
    served = serve_measured(found, local, store, documents)
    with llama_server(made(weights)) as url:
        same = check(served, Runtime(url), rows=4, agreement=1.0)
    assert "compared one by one" in same.told
    assert same.found.holds, list(same.sentences())
