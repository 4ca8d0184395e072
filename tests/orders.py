"""A project of orders by mail, for extraction, and a fake that reads them in two ways."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from data_helpers import sentence, write_yaml

from tailor.models.base import Request

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
