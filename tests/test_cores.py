"""Sharing the cores: threads wait asleep while other programs are busy, and spin again afterwards."""

from __future__ import annotations

import time

import psutil
import pytest

from tailor.models.cores import LOOK_SECONDS, USERS_OWN, Cores, Gnu, _cores, _runtimes, share_cores


class Told:
    """A runtime that notes what it was told."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def sleep_when_waiting(self, on: bool) -> None:
        self.told.append(on)


class Machine:
    """A machine whose clock and processor times are set by hand."""

    def __init__(self) -> None:
        self.now = self.everything = self.own = 0.0

    def passes(self, seconds: float, own: float, others: float) -> None:
        self.now += seconds
        self.own += own * seconds
        self.everything += (own + others) * seconds


def watched() -> tuple[Machine, Told, Cores]:
    machine, told = Machine(), Told()
    return machine, told, Cores((told,), lambda: (machine.everything, machine.own), lambda: machine.now)


def test_threads_sleep_while_others_are_busy_and_spin_again_when_they_are_done() -> None:
    machine, told, cores = watched()
    cores.look()
    for others, expected in ((0.0, []), (1.0, [True]), (1.0, [True]), (0.02, [True, False])):
        machine.passes(1.0, own=1.9, others=others)
        cores.look()
        assert told.told == expected


def test_own_threads_do_not_count_as_others() -> None:
    machine, told, cores = watched()
    for _ in range(5):
        cores.look()
        machine.passes(1.0, own=2.0, others=0.1)
    assert not told.told


def test_looks_are_rare() -> None:
    machine, told, cores = watched()
    cores.look()
    machine.passes(LOOK_SECONDS / 2, own=0.0, others=2.0)
    cores.look()
    assert not told.told
    machine.passes(LOOK_SECONDS / 2, own=0.0, others=2.0)
    cores.look()
    assert told.told == [True]


@pytest.mark.parametrize("name", USERS_OWN)
def test_what_users_set_themselves_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    _cores.cache_clear()
    try:
        assert _cores() is None
        share_cores()
    finally:
        _cores.cache_clear()


def test_gnu_holds_an_idle_team_and_lets_go_of_it() -> None:
    pytest.importorskip("torch")
    gnu = next((runtime for runtime in _runtimes() if isinstance(runtime, Gnu)), None)
    if gnu is None:
        pytest.skip("torch was not built with GNU OpenMP here")
    process = psutil.Process()
    before = process.num_threads()
    gnu.sleep_when_waiting(True)
    gnu.sleep_when_waiting(True)
    held = process.num_threads()
    assert held > before + 1
    gnu.sleep_when_waiting(False)
    end = time.monotonic() + 10
    while process.num_threads() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert process.num_threads() == before
