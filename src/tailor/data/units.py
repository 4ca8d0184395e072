"""What counts once: rows that stay together in one split, and that every limit takes for one observation.

Rows of one `data.group_by` value and near-duplicates are one unit. A text that is in the data five times says no more than one
that is there once; otherwise 25 texts would be certified as 125 observations.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tailor.data.example import Example
from tailor.data.near import near_groups, normalise
from tailor.data.readers import asked
from tailor.data.telling import telling
from tailor.data.union import UnionFind
from tailor.task import Task

Unit = tuple[Example, ...]
TEMPLATE_SHARE, TEMPLATE_ROWS = 0.2, 20
"""A group of near-duplicates larger than both may be a template that rows fill in."""
COPIES_AGREE = 0.9
"""Share of such a group with one answer from which it is copies of one text, and no template."""


@dataclass(frozen=True)
class FoundUnits:
    """Examples that know their units.

    Attributes:
        examples: in the order given, each with its `unit`.
        in_template: rows that fill in a template, of which only exact repeats are one unit.
    """

    examples: tuple[Example, ...]
    in_template: int


def find_units(examples: Sequence[Example], task: Task) -> FoundUnits:
    """The examples with the unit that each belongs to; the same units whatever the order of the rows.

    Near-duplicates are one unit, and so are rows of one group; links chain. Where a large part of the data are near-duplicates of
    one another with different answers, they fill in a template: what differs is then what is asked, so that only exact repeats
    are one unit.
    """
    texts = [asked(task, example) for example in examples]
    near = near_groups(texts)
    template = _templates(near, [example.label for example in examples])
    links: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        links[f"text {normalise(texts[index])}" if near[index] in template else f"near {near[index]}"].append(index)
        if example.group:
            links[f"group {example.group}"].append(index)
    names = [""] * len(examples)
    for members in _components(len(examples), links.values()):
        if len(members) > 1:
            name = _name([examples[index] for index in members])
            for index in members:
                names[index] = name
    keys = _keys(examples, names)
    found = [
        replace(example, unit=name, dealt_by=key, telling=None) for example, name, key in zip(examples, names, keys, strict=True)
    ]
    return FoundUnits(tuple(found), sum(template.values()))


def kept_together(examples: Iterable[Example]) -> list[Unit]:
    """The examples by unit, in the order of their first rows."""
    units: dict[str | int, list[Example]] = {}
    for place, example in enumerate(examples):
        units.setdefault(example.unit or place, []).append(example)
    return [tuple(members) for members in units.values()]


def _templates(near: Sequence[int], labels: Sequence[str]) -> dict[int, int]:
    """The groups of near-duplicates that are templates, and their rows.

    A template's rows differ in what is asked, so that their answers differ; edits of one text keep its answer, but for some errors.
    Of more than half of all rows no error is allowed for: there, answers are nearly the same where the data's are.
    """
    answers: dict[int, Counter[str]] = defaultdict(Counter)
    for group, label in zip(near, labels, strict=True):
        answers[group][label] += 1
    rows = {group: found.total() for group, found in answers.items()}
    large = {group: count for group, count in rows.items() if count > max(TEMPLATE_ROWS, TEMPLATE_SHARE * len(near))}
    return {
        group: count
        for group, count in large.items()
        if max(answers[group].values()) < (COPIES_AGREE if 2 * count <= len(near) else 1) * count
    }


def _keys(examples: Sequence[Example], units: Sequence[str]) -> list[str]:
    """For each row a hash, by which it is dealt to a split: of its longest text.

    A text that several units share, such as a passage that many questions are about, tells no row from others; there all texts
    count, so that such rows are dealt one by one.
    """
    rows = [example.telling or telling(example.fields.values()) for example in examples]
    holders: dict[str, set[str | int]] = defaultdict(set)
    for place, (longest, _) in enumerate(rows):
        holders[longest].add(units[place] or place)
    return [longest if len(holders[longest]) == 1 else together for longest, together in rows]


def _name(examples: Iterable[Example]) -> str:
    """A name for a unit, which other units do not have."""
    records = sorted(json.dumps([sorted(example.fields.items()), example.group]) for example in examples)
    return hashlib.sha256(records[0].encode()).hexdigest()[:16]


def _components(n: int, links: Iterable[Sequence[int]]) -> list[list[int]]:
    groups = UnionFind(n)
    for first, *others in links:
        for other in others:
            groups.join(first, other)
    members: dict[int, list[int]] = defaultdict(list)
    for index in range(n):
        members[groups.find(index)].append(index)
    return list(members.values())
