"""Promises on endpoints of docs/reliability.md, tried less often than for the page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from endpoint_trials import hidden_limits, moved_clocks, resumed, told_to_wait


@pytest.mark.slow
def test_a_killed_run_ends_as_one_that_was_left_alone_and_its_bill_holds_every_attempt() -> None:
    found = resumed((0, 2))
    assert found.pop("cut_off") >= 1  # a run may be done before it is killed
    assert found == {"runs": 2, "other": 0, "unbilled": 0}


@pytest.mark.slow
def test_nobody_asks_earlier_than_told_nor_without_end() -> None:
    assert told_to_wait(("milliseconds", "less than none", "garbage", "an hour")) == {"ways": 4, "early": 0, "endless": 0}


@pytest.mark.slow
def test_hidden_limits_are_kept_to_also_when_they_change() -> None:
    found = hidden_limits(seeds=(3,))
    assert found["used_least"] >= 90 and found["refused_most"] <= 20, found


def test_a_moved_clock_changes_nothing() -> None:
    assert moved_clocks((timedelta(hours=-1),)) == {"jumps": 1, "early": 0, "negative": 0, "other": 0}
