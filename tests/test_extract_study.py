"""Extraction from the data to the report: forced and free answers race, and another price decides anew without a call."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from data_helpers import sentence, write_yaml
from flow import climb, statuses

from tailor.models.base import Request
from tailor.models.fake import FakeModel
from tailor.report.html import render_report

TOKENS = {"input_per_million": 0.1, "output_per_million": 0.1}
ORDERS: dict[str, Any] = {
    "name": "orders",
    "kind": "extract",
    "instruction": "Take the order out of the mail.",
    "input": "{{mail}}",
    "output": "order",
    "fields": {"customer": "text", "total": "number"},
    "data": "orders.jsonl",
    "model": "fake",
    "embedder": "fake",
    "target": 0.4,
    "ask_again": False,
    "prices": TOKENS | {"error": 1},
}


def write_orders(folder: Path, **changes: object) -> Path:
    """A project of 120 mails, a tenth of which names no total."""
    rows = []
    for number in range(120):
        total = None if number % 10 == 0 else 100 + number
        mail = f"{sentence(number)} from Firm {number}" + (f" for {total}.00 euros" if total else "")
        rows.append({"mail": mail, "order": {"customer": f"Firm {number}", "total": total}})
    (folder / "orders.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    write_yaml(folder, ORDERS | changes)
    return folder


def read_mail(request: Request) -> str:
    """What it finds: held to a form it gets a firm in four wrong, and set free it makes up the totals that are not there."""
    mail = request.messages[-1].text
    (firm,) = re.findall(r"Firm (\d+)", mail)
    total = re.findall(r"(\d+)\.00", mail)
    if not request.json_schema:
        return f"Here it is: {json.dumps({'customer': f'Firm {firm}', 'total': f'{total[0] if total else 7} EUR'})}"
    customer = "Firm" if int(firm) % 4 == 1 else f"firm {firm}"
    return json.dumps({"customer": customer, "total": int(total[0]) if total else None})


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
