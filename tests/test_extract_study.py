"""Extraction from the data to the report: forced and free answers race, and another price decides again without a call."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flow import climb, statuses
from orders import TOKENS, read_mail, write_orders

from tailor.models.fake import FakeModel
from tailor.report.html import render_report


def test_forced_and_free_answers_race_and_prices_of_fields_decide_which_wins(tmp_path: Path) -> None:
    study = climb(write_orders(tmp_path), FakeModel(read_mail), everything=True)
    assert study.decision is not None and statuses(study)["free-form"] == "measured" and study.diagnosis is None
    assert (study.decision.verdict, study.decision.chosen) == ("target met", "free-form")
    again = FakeModel(read_mail)
    priced = climb(
        write_orders(tmp_path, prices=TOKENS | {"error": 1, "fields": {"customer": 0, "total": 50}}), again, everything=True
    )
    assert priced.decision is not None and again.calls == 0, "all that is asked is known"
    assert (priced.decision.verdict, priced.decision.chosen) == ("target met", "zero-shot")
    page = render_report(priced)
    assert "Field by field" in page and "wrong fields at 0 USD for customer, 50 USD for total and 1 USD for each other" in page
    assert re.search(r"✗ invented</span> <span[^>]*>7 EUR", page), "what was made up stands next to the right value"


@pytest.mark.parametrize("kind", ["json_schema", "fields"])
def test_a_schema_and_a_list_of_fields_lead_to_the_same_scores(tmp_path: Path, kind: str) -> None:
    types = {"customer": {"type": "string"}, "total": {"type": ["number", "null"]}}
    described = {"json_schema": {"type": "object", "properties": types}, "fields": {}} if kind == "json_schema" else {}
    study = climb(write_orders(tmp_path, **described), FakeModel(read_mail))
    assert study.decision is not None
    assert {f.name: round(f.score.mean, 3) for f in study.decision.finalists if f.name == "zero-shot"} == {"zero-shot": 0.8}
