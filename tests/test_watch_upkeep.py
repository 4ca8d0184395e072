"""What changes around a served system without anybody asking."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from flow import tailor
from test_docs import edit
from watched import decided, serve, usual

from tailor.project import load_project
from tailor.saved import load_study
from tailor.watching import upkeep as module
from tailor.watching.upkeep import retiring, upkeep

PRICES = {"input_per_million": 1.0, "output_per_million": 2.0}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return decided(tmp_path / "desk", prices=PRICES)


def test_prices_as_they_were_are_no_news(desk: Path) -> None:
    assert upkeep(load_project(desk), load_study(desk)) == ()


def test_a_price_that_has_changed_is_said_of_the_chosen_system_first(desk: Path) -> None:
    serve(desk, usual(1000, 20))
    edit(desk / "tailor.yaml", {"prices": {name: 3 * price for name, price in PRICES.items()}})
    first, second = upkeep(load_project(desk), load_study(desk))
    assert (first.chosen, second.chosen) == (True, False)
    assert "at today's prices (as given in `prices`); the study counted" in first.says
    assert first.says in " ".join(tailor("watch", desk).output.split())


def test_a_model_that_is_shut_down_soon_is_said_of_all_who_ask_it(desk: Path) -> None:
    edit(desk / "tailor.yaml", {"model": {"name": "fake", "retires": "2027-03-01"}})
    project, study = load_project(desk), load_study(desk)
    assert retiring(project, study, date(2026, 11, 30)) == ()
    first, *others = retiring(project, study, date(2027, 2, 27))
    assert first.chosen
    assert first.says.startswith(f"fake, which {first.about} asks, is shut down on 2027-03-01, in 2 days.")
    assert not any(notice.chosen for notice in others)
    assert "was shut down on 2027-03-01" in retiring(project, study, date(2027, 3, 1))[0].says
    edit(desk / "tailor.yaml", {"model": {"name": "fake", "retires": "2026-01-01"}})
    assert "was shut down on 2026-01-01" in " ".join(tailor("show", desk).output.split())


def test_a_model_that_its_provider_takes_away_is_said(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = load_project(desk)
    remote = project.task.model.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    going = SimpleNamespace(model=SimpleNamespace(deprecated=True))
    monkeypatch.setattr(module, "listed", lambda name, address: going)
    monkeypatch.setattr(module, "_prices", lambda project, study: iter(()))
    asked = project.task.model_copy(update={"model": remote})
    found = upkeep(type(project)(project.folder, asked), load_study(desk))
    assert [notice.chosen for notice in found] == [True, False]
    assert "is marked as deprecated" in found[0].says
