"""Recorded outcomes: which prompt variant answered which row rightly. Own measurements; no text of a data set is in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Outcomes:
    """What every variant made of every row.

    Attributes:
        name: the data set's.
        right: booleans, shape (variants, rows).
        tokens: mean tokens of an answer, prompt included, of each variant.
        variants: their names.
        rows: number of each row in its file, from 0.
        groups: rows with the same one are about the same text, such as a paragraph; empty where rows are alone.
        how: model, settings and date.
    """

    name: str
    right: NDArray[np.bool_]
    tokens: tuple[float, ...]
    variants: tuple[str, ...]
    rows: tuple[int, ...]
    groups: tuple[str, ...]
    how: dict[str, str]

    def save(self, folder: Path = FOLDER) -> None:
        """Write NAME.json; the bits of each variant are packed, eight rows a byte, and written in hexadecimal."""
        record = {
            "how": self.how,
            "rows": list(self.rows),
            "groups": list(self.groups) if any(self.groups) else [],
            "variants": [
                {"name": name, "tokens": round(tokens, 1), "right": np.packbits(bits).tobytes().hex()}
                for name, tokens, bits in zip(self.variants, self.tokens, self.right, strict=True)
            ],
        }
        folder.mkdir(exist_ok=True)
        lines = json.dumps(record, ensure_ascii=False).replace('{"name"', '\n{"name"')
        (folder / f"{self.name}.json").write_text(lines + "\n", encoding="utf-8")


def load_outcomes(name: str, folder: Path = FOLDER) -> Outcomes:
    """What was recorded on a data set.

    Raises:
        FileNotFoundError: nothing was.
    """
    record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    rows, variants = record["rows"], record["variants"]
    packed = np.array([list(bytes.fromhex(variant["right"])) for variant in variants], dtype=np.uint8)
    right = np.unpackbits(packed, axis=1, count=len(rows)).astype(bool)
    tokens, names = (tuple(variant[key] for variant in variants) for key in ("tokens", "name"))
    return Outcomes(name, right, tokens, names, tuple(rows), tuple(record["groups"]) or ("",) * len(rows), record["how"])
