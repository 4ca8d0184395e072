"""Several labels written into one cell with a sign between them, as spreadsheets and survey tools export them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

SIGNS = ";|,"

_NUMBER = re.compile(r"[-+]?[\d.,;]+")


def joined_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """The labels that seem to be several, with `;`, `|` or a comma between them, in their order.

    So a label seems if a part of it is a label too, or, where the sign is not a comma, a part of another label as well.
    """
    labels = tuple(dict.fromkeys(labels))
    found: set[str] = set()
    for sign in SIGNS:
        parts = {label: _parts(label, sign) for label in labels}
        together = {label: given for label, given in parts.items() if len(given) > 1}
        counts = Counter(part for given in together.values() for part in given)
        for label, given in together.items():
            shared = sign != "," and any(counts[part] > 1 for part in given)
            if shared or any(part in parts for part in given):
                found.add(label)
    return tuple(label for label in labels if label in found)


def split_joined(cell: str) -> tuple[str, ...]:
    """The texts that a cell joins by the first of the signs `;`, `|` and comma that it holds; the cell itself if by none."""
    sign = next((sign for sign in SIGNS if sign in cell), "\n")
    return tuple(dict.fromkeys(part for part in map(str.strip, cell.split(sign)) if part))


def _parts(label: str, sign: str) -> frozenset[str]:
    """What is between the signs; none of a number."""
    parts = [part.strip() for part in label.strip().strip(sign).split(sign)]
    return frozenset(parts) if all(parts) and not _NUMBER.fullmatch(label.strip()) else frozenset()
