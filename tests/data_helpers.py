"""Small tasks, examples and files for the tests of projects and data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tailor.data.example import Example
from tailor.task import Task

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

SETTINGS: dict[str, Any] = {
    "name": "sample",
    "kind": "classify",
    "instruction": "Name the colour.",
    "input": "{{text}}",
    "output": "label",
    "data": {"file": "data.csv"},
}

WORDS = (
    "amber basil cedar delta ember fjord grove heron inlet jetty kelp larch maple noble ochre pearl quartz raven "
    "sable tidal umber vivid willow xenon yarrow zephyr anchor beacon canyon dune"
).split()


def make_task(**changes: object) -> Task:
    return Task.model_validate({**SETTINGS, **changes})


def sentence(number: int) -> str:
    """A text that is no near-duplicate of another number's: of seven words, five or more differ.

    The words are the values of a polynomial with the number's digits to base 29, at square numbers and modulo 29 (a Reed-Solomon
    code). There are 24,389 texts.
    """
    digits = number % 29, number // 29 % 29, number // 841
    order = [WORDS[sum(digit * place ** (2 * power) for power, digit in enumerate(digits)) % 29] for place in range(7)]
    return f"{' '.join(order)} {number:05d}"


def make_example(number: int, label: str, *, text: str | None = None, group: str = "", source: str = "") -> Example:
    fields = {"text": sentence(number) if text is None else text}
    return Example(str(number), fields, (label,) if label else (), source=source, group=group, row=number, file="data.csv")


def make_examples(n: int, labels: Sequence[str] = ("red", "green")) -> list[Example]:
    return [make_example(number, labels[number % len(labels)]) for number in range(n)]


def write_yaml(folder: Path, settings: Mapping[str, object]) -> Path:
    path = folder / "tailor.yaml"
    path.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    return path


def write_csv(path: Path, rows: Sequence[tuple[str, str]], header: str = "text,label") -> Path:
    lines = [header, *(f'"{text}","{label}"' for text, label in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(n: int, labels: Sequence[str] = ("red", "green")) -> list[tuple[str, str]]:
    return [(sentence(number), labels[number % len(labels)]) for number in range(n)]
