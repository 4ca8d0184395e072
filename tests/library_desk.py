"""The rows and the task that a notebook brings."""

from __future__ import annotations

from typing import Any

from data_helpers import sentence
from flow import LABELS

import tailor

ROWS: list[dict[str, object]] = [
    {"text": f"{sentence(i)} {LABELS[i % 3] if i % 5 else ''}".strip(), "label": LABELS[i % 3], "number": i} for i in range(120)
]


def desk(**changes: Any) -> tailor.Task:
    base = {"name": "desk", "kind": "classify", "instruction": "Sort the message.", "input": "{{text}}", "output": "label"}
    return tailor.Task(**{**base, "model": "fake", "embedder": "fake", "target": 0.8, "ask_again": False, **changes})
