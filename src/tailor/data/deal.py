"""Dealing units to splits: by a hash of what they ask, so that rows keep their split when the data change.

Test and reserve are cut out of the order of the hashes alone: whatever train holds, they are a simple random draw of what will be
asked. Were labels dealt out in proportion, a label with two rows would always have one in train when it has one in test, and the
share of rows whose label train lacks would look smaller than it is. Only what is left is dealt to train and dev with labels in
proportion. A changed label moves nothing into or out of the test set, and one row more a row or two at the cuts.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailor.data.example import Example, SplitName
from tailor.data.units import Unit

LARGEST = 0.5
"""Share of a split's rows that a unit may make up; a larger one would be most of what the split can say."""
RARE = 10
"""Units that a stratum has at least; those of smaller ones are dealt by chance, so that dev has labels that train lacks, too."""

_Line = list[tuple[str, Unit]]
"""Units, each behind the hash that it is dealt by."""


@dataclass(frozen=True)
class Dealt:
    """Every example in one split.

    Attributes:
        parts: the examples of each split.
        too_large: units in train because they are too large for the test set.
    """

    parts: Mapping[SplitName, list[Example]]
    too_large: tuple[Unit, ...]


def deal(units: Sequence[Unit], strata: Mapping[str, str], sizes: Mapping[SplitName, int], seed: int) -> Dealt:
    """Every unit in one split, of the sizes wanted as nearly as units allow: exactly where enough rows are units by themselves.

    In the order of their hashes, test takes the first units and reserve the last ones. Of the others, each stratum's are at equal
    distances on a line, from a start that a hash chooses (systematic sampling: Cochran, *Sampling Techniques*, chapter 8); dev is
    its beginning. Train takes the rest, and what is too large for another split.

    Args:
        units: examples that stay together.
        strata: example id -> its stratum; a unit is of the stratum that most of its rows have.
        sizes: rows wanted.
        seed: another one gives another deal.
    """
    line = sorted(((min(place_key(example, seed) for example in unit), unit) for unit in units), key=_by_key)
    cut = {name: sizes[name] for name in ("test", "reserve", "dev") if sizes[name]}
    most = max(1, LARGEST * max(cut.values(), default=0))
    fit = sum(len(unit) for unit in units if len(unit) <= most)
    if fit < sum(cut.values()):  # huge units leave fewer rows than wanted: all splits get less
        cut = {name: max(1, round(size * fit / sum(cut.values()))) for name, size in cut.items()}
    test, line = _beginning(line, cut.get("test", 0))
    reserve, line = _beginning(line[::-1], cut.get("reserve", 0), needed=False)
    dev, train = _beginning(_spread(line[::-1], strata), cut.get("dev", 0))
    parts: dict[SplitName, _Line] = {"train": train, "dev": dev, "test": test, "reserve": reserve}
    most = max(1, LARGEST * sizes["test"])
    return Dealt(
        {name: [example for _, unit in part for example in unit] for name, part in parts.items()},
        tuple(unit for _, unit in train if sizes["test"] and len(unit) > most),
    )


def place_key(example: Example, seed: int) -> str:
    """A hash of the seed and of what the row asks."""
    return hashlib.sha256(f"{seed} {example.key}".encode()).hexdigest()


def _by_key(keyed: tuple[str, Unit]) -> str:
    return keyed[0]


def _spread(line: _Line, strata: Mapping[str, str]) -> _Line:
    """The units so that every beginning has its share of every stratum, to within a unit; those of rare strata as they are."""
    by_stratum: dict[str, _Line] = defaultdict(list)
    for key, unit in line:
        counts = Counter(strata[example.id] for example in unit)
        by_stratum[min(counts, key=lambda name: (-counts[name], name))].append((key, unit))
    rare = [keyed for same in by_stratum.values() if len(same) < RARE for keyed in same]
    placed: list[tuple[float, tuple[str, Unit]]] = []
    for same in (sorted(rare, key=_by_key), *(same for same in by_stratum.values() if len(same) >= RARE)):
        placed += [((rank + _start(same)) / len(same), keyed) for rank, keyed in enumerate(same)]
    return [keyed for _, keyed in sorted(placed, key=lambda pair: (pair[0], pair[1][0]))]


def _start(line: _Line) -> float:
    """A number in [0, 1) from the end of the first hash, whose beginning is the smallest of many."""
    return int(line[0][0][-13:], 16) / 16**13


def _beginning(line: _Line, size: int, needed: bool = True) -> tuple[_Line, _Line]:
    """The first units of so many rows, and the others. Where a large unit is at the cut, the next small ones make up for it.

    A unit of more than half of the rows wanted is passed over, unless there is no other.
    """
    if not size:
        return [], line
    limits = [limit for limit in (LARGEST * size, size) if any(len(unit) <= max(1, limit) for _, unit in line)]
    if not limits:
        smallest = min(range(len(line)), key=lambda place: len(line[place][1])) if needed and len(line) > 1 else len(line)
        return line[smallest : smallest + 1], line[:smallest] + line[smallest + 1 :]
    chosen, later, rows = list[int](), list[int](), 0
    for place, (_, unit) in enumerate(line):
        if len(unit) > max(1, limits[0]):
            continue
        if not later and rows + len(unit) / 2 < size:
            chosen.append(place)
            rows += len(unit)
        else:
            later.append(place)
    kept = set(chosen)
    for place in later:
        if len(line[place][1]) <= size - rows:
            kept.add(place)
            rows += len(line[place][1])
    for place in reversed(chosen):
        if len(line[place][1]) <= rows - size:
            kept.remove(place)
            rows -= len(line[place][1])
    return [line[place] for place in sorted(kept)], [keyed for place, keyed in enumerate(line) if place not in kept]
