"""A run against an endpoint that is killed with many calls under way."""

from __future__ import annotations

import pytest

from benchmarks.endpoint_kills import killed


@pytest.mark.slow
def test_a_killed_run_loses_no_answer_and_pays_for_none_twice() -> None:
    found = killed(6, seed=3)
    assert (found["repeated"], found["lost"], found["whole"]) == (0, 0, 1)
    assert found["unknown_beyond_places"] <= 0, "only what was under way is unknown"
