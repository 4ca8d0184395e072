"""A server that others wrote answers as the local engine does; skipped where none is available."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.real_servers import NEEDED, compared, llama_server, server_python, unpacked


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        server_python()
    except FileNotFoundError:
        pytest.skip(NEEDED)
    return tmp_path_factory.mktemp("weights") / "model.gguf"


@pytest.mark.model
def test_the_server_of_llama_cpp_answers_and_counts_as_the_local_engine_does(weights: Path, tmp_path: Path) -> None:
    with llama_server(unpacked(weights)) as url:
        found = compared(url, 4, tmp_path)
    assert found["classify_same_answer"] == found["answer_same_answer"] == 1
    assert all(share == 1 for name, share in found.items() if name.endswith("_tokens"))
    assert found["classify_has_scores"] == found["classify_same_likeliest"] == 1
    assert found["json_schema_is_json"] == 1
