"""Who may read which documents: conditions on the metadata of documents, filled from the columns of what is asked.

A document is known by a hash of the values that the conditions ask of it, and whoever asks by the hashes of what it may read.
Searches compare hashes alone, so that no value of anybody's ever becomes part of a query.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

MOST_KEYS = 64
"""Combinations of values that one question may read, at most: each is compared with."""

_VALUE = r'(?:\{\{\s*[^{}]+?\s*\}\}|"[^"]*")'
_CONDITION = re.compile(
    rf"\s*(?P<name>[^\W\d][\w.-]*)\s*(?:==\s*(?P<one>{_VALUE})|in\s*\[\s*(?P<several>{_VALUE}(?:\s*,\s*{_VALUE})*)\s*\])\s*"
)
_AND = re.compile(r"and\b")
_EACH = re.compile(_VALUE)


@dataclass(frozen=True)
class Condition:
    """A column of the documents, and what its value must be one of: texts, and columns of what is asked, in braces."""

    name: str
    values: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of what is asked."""
        return tuple(value[2:-2].strip() for value in self.values if value.startswith("{{"))

    def allowed(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """The values that a document may have; a column that is absent or empty allows none."""
        given = (fields.get(value[2:-2].strip(), "") if value.startswith("{{") else value[1:-1] for value in self.values)
        return tuple(dict.fromkeys(value for value in given if value.strip()))


@dataclass(frozen=True)
class Access:
    """Conditions that must all hold before a document may be read."""

    conditions: tuple[Condition, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of what is asked, in order of first use."""
        return tuple(dict.fromkeys(column for condition in self.conditions for column in condition.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of documents, in the order of the conditions."""
        return tuple(condition.name for condition in self.conditions)

    def key(self, metadata: Mapping[str, str]) -> str:
        """The hash of what a document has in these columns; empty, which nobody may read, where one is absent or empty."""
        values = [metadata.get(name, "") for name in self.names]
        return _hash(values) if all(value.strip() for value in values) else ""

    def keys(self, fields: Mapping[str, str]) -> frozenset[str]:
        """The hashes of what may be read by whoever asks with these columns; none where one that is needed is absent or empty."""
        return frozenset(_hash(list(values)) for values in product(*(condition.allowed(fields) for condition in self.conditions)))


@cache
def access(filter: str) -> Access | None:
    """The conditions that a filter names, such as ``tier in ["all", {{customer_tier}}] and region == {{region}}``.

    An empty filter is None: everything may be read.

    Raises:
        ValueError: it cannot be read, or allows too many combinations.
    """
    if not filter.strip():
        return None
    conditions, place = [], 0
    while True:
        found = _CONDITION.match(filter, place)
        if found is None:
            raise ValueError(
                f"the filter cannot be read from {filter[place:].strip()[:40]!r} on; write conditions such as "
                'tier == {{customer_tier}} or tier in ["all", {{customer_tier}}], joined by `and`'
            )
        conditions.append(Condition(found["name"], tuple(_EACH.findall(found["one"] or found["several"]))))
        place = found.end()
        if place == len(filter):
            break
        joined = _AND.match(filter, place)
        place = joined.end() if joined else place
        if joined is None:
            raise ValueError(f"conditions are joined by `and`, not by {filter[place:].strip()[:20]!r}")
    combinations = 1
    for condition in conditions:
        combinations *= len(condition.values)
    if combinations > MOST_KEYS:
        raise ValueError(f"the filter allows {combinations:,} combinations of values, and {MOST_KEYS} at most are compared")
    return Access(tuple(conditions))


def _hash(values: list[str]) -> str:
    return hashlib.sha256(json.dumps(["access", values]).encode()).hexdigest()
