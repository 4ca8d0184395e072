"""R21 at a size for every day: what people were told is kept is kept, once, whatever happens to the server and the network."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelling_crowd import simulate


@pytest.mark.slow
def test_nothing_is_lost_or_kept_twice_when_the_server_is_killed_and_the_network_breaks(tmp_path: Path) -> None:
    found = simulate(tmp_path / "project", people=4, labels=120, kills=2, cut_seconds=0.5)
    assert found.kills == 2 and found.repeated and found.acknowledged >= 100
    assert (found.lost, found.twice, found.unknown, found.hidden, found.refused) == (0, 0, 0, 0, 0)
