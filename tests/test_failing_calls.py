"""Studies at an endpoint that fails one call in ten: the same decisions, and nothing opened before all answers have come."""

from __future__ import annotations

import pytest

from benchmarks.failing_calls import WAYS, figures, studied


@pytest.mark.slow
def test_failing_calls_neither_open_a_test_set_nor_change_a_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAILOR_STATE")  # set again for every study, as for a user of its own
    monkeypatch.setenv("TAILOR_STATE", "")
    found = [studied(number) for number in range(len(WAYS))]
    told = figures(found)
    assert (told["opened_on_failed_calls"], told["other_decision_than_without_failures"]) == (0, 0)
    assert told["share_of_calls_failed"] > 0.09 and sum(runs > 1 for *_, runs, _, _ in found) >= 2
