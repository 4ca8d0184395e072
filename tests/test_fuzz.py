"""A small part of the mutations of `fuzz.py`; `python tests/fuzz.py --count 2000` runs all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz import KINDS, fuzz


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_mutated_ends_in_a_sentence(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILOR_OFFLINE", "1")
    told, _, failures = fuzz(kind, 60, 2, tmp_path)
    assert not failures
    assert told["accepted"] + told["refused"] == 60 and (told["refused"] or kind == "documents")
