"""Serving goes on as if nothing were watched, whatever becomes of the record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving_helpers import Client, serving
from watched import decided

from tailor.errors import StoreError
from tailor.project import load_project
from tailor.store.traffic import Traffic
from tailor.watching import recorder
from tailor.watching.page import render_page
from tailor.watching.watch import watch


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return decided(tmp_path / "desk", traffic={"audit": 1.0})


@pytest.fixture
def client(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(recorder, "PAUSE", 0.01)
    monkeypatch.setattr(recorder, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(recorder, "QUEUE", 5)
    with serving(desk, records=True) as client:
        yield client


def answered(client: Client, start: int, n: int) -> list[Any]:
    found = [client.post("/answer", {"text": f"where is my delivery number {start + i}"}) for i in range(n)]
    assert [one.status for one in found] == [200] * n
    return [one.body for one in found]


def recording(client: Client) -> recorder.Recorder:
    assert client.endpoint.recorder is not None
    return client.endpoint.recorder


def test_requests_are_recorded_with_who_answered(client: Client, desk: Path) -> None:
    answered(client, 0, 3)
    assert recording(client).flush()
    quality = watch(load_project(desk)).quality
    assert quality.drawn == 3
    assert [request.label for request in quality.waiting] == ["delivery"] * 3


def test_a_full_disk_harms_no_answer_and_the_gap_is_on_the_page(
    client: Client, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(client, 0, 3)
    assert recording(client).flush()
    add = Traffic.add

    def full(self: Traffic, *given: Any) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Traffic, "add", full)
    said = answered(client, 100, 30)
    assert len(said) == 30
    assert recording(client).lost >= 20
    monkeypatch.setattr(Traffic, "add", add)
    assert recording(client).flush()
    found = watch(load_project(desk))
    assert sum(gap.lost for gap in found.gaps) + sum(found.days.values()) == 33
    page = render_page(found)
    assert "were not recorded" in page
    assert "the disk is full" in page


@pytest.mark.slow
def test_a_slow_disk_slows_no_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.perf_counter()
    answered(client, 0, 20)
    usual = time.perf_counter() - began
    add = Traffic.add

    def slow(self: Traffic, *given: Any) -> None:
        time.sleep(2)
        add(self, *given)

    monkeypatch.setattr(Traffic, "add", slow)
    began = time.perf_counter()
    answered(client, 100, 20)
    assert time.perf_counter() - began < usual + 1.5  # one write alone takes two seconds
