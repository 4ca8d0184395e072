"""Train, dev, test and reserve: stratified, seeded, with everything that belongs together in one split.

Where a row goes follows from its content and the seed, not from its place in the file.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from tailor.data.example import Example, SplitName, Splits
from tailor.data.near import near_groups, normalise
from tailor.data.readers import asked, check_unique, to_examples
from tailor.data.table import Table, read_table
from tailor.data.union import UnionFind
from tailor.errors import ConfigError, DataError, quoted
from tailor.project import Project
from tailor.task import Task

MIN_ROWS = 20
MIN_DEV = 20  # with fewer rows, two variants can hardly be told apart
DEV_SHARE, DEV_MOST = 0.2, 200  # of the training rows, where dev is cut from them
SHARES: Mapping[SplitName, float] = {"train": 0.5, "dev": 0.15, "test": 0.25, "reserve": 0.1}
LEAST: Mapping[SplitName, tuple[int, float]] = {"dev": (20, 0.2), "test": (30, 0.3)}  # rows, but at most this share
TEMPLATE_SHARE = 0.2  # a larger group of near-duplicates is a template that most rows fill in

_SPLITS: tuple[SplitName, ...] = get_args(SplitName)


def load_splits(project: Project) -> Splits:
    """The project's examples in their splits.

    Raises:
        ConfigError: `split` gives sizes that cannot be had.
        DataError: the data cannot be read, or are too few to split.
    """
    return make_splits(project.task, read_tables(project))


def read_tables(project: Project) -> dict[str, Table]:
    """The project's data files by the setting that names them: `file`, or `train`, `dev` and `test`."""
    settings = project.task.data
    named = {name: getattr(settings, name) for name in ("file", "train", "dev", "test")}
    return {
        name: read_table(project.path(path), columns=settings.columns, encoding=settings.encoding)
        for name, path in named.items()
        if path
    }


def make_splits(task: Task, tables: Mapping[str, Table]) -> Splits:
    """The examples of the tables in their splits; given splits are respected."""
    if "file" in tables:
        return split_examples(to_examples(task, tables["file"]), task)
    parts = {name: to_examples(task, table, f"{name}-") for name, table in tables.items()}
    return _given_splits(parts, task)


def split_examples(examples: Sequence[Example], task: Task) -> Splits:
    """The examples in four splits, stratified by label (classify) or by answerability and source (answer).

    Rows of one group and near-duplicates stay together. The same content and seed give the same splits, whatever the order of
    the rows; row numbers used as ids do follow the order.

    Raises:
        ConfigError: `task.split` asks for more rows than there are, or for a fraction of a row.
        DataError: there are fewer than 20 examples, ids repeat, all have one label, or a group is so large that a split stays
            empty.
    """
    _refuse_unusable(examples, task)
    sizes = _sizes(task, len(examples))
    units, together = _units(examples, task)
    parts = _deal(units, sizes, len(examples))
    if task.kind == "classify":
        _show_every_label(parts)
    return _splits(parts, sizes, task, together)


def _given_splits(parts: Mapping[str, Sequence[Example]], task: Task) -> Splits:
    """Given train and test (and dev) as they are; without dev, it is cut from train."""
    given = [name for name in ("train", "test") if getattr(task.split, name) is not None]
    if given or ("dev" in parts and task.split.dev is not None):
        raise ConfigError(
            f"`split.{given[0] if given else 'dev'}` has no effect, because the splits are given as files",
            "Take it out of tailor.yaml, or give one `file` and let Tailor split it.",
        )
    _refuse_unusable([example for part in parts.values() for example in part], task)
    for name, part in parts.items():
        if not part:
            raise DataError(f"`data.{name}` has no usable rows: the right answer is empty in all of them")
    if "dev" in parts:
        train, dev, how = parts["train"], parts["dev"], "splits as given"
    else:
        _refuse_unusable(parts["train"], task)
        rows = min(DEV_MOST, round(DEV_SHARE * len(parts["train"])))
        if task.split.dev is not None:
            rows = _rows("dev", task.split.dev, len(parts["train"]))
        sizes: dict[SplitName, int] = {"train": len(parts["train"]) - rows, "dev": rows, "test": 0, "reserve": 0}
        if sizes["train"] < 1:
            raise ConfigError(f"`split.dev` asks for {rows:,} rows, but train has only {len(parts['train']):,}")
        dealt = _deal(_units(parts["train"], task)[0], sizes, len(parts["train"]))
        _refuse_empty(dealt, sizes)
        train, dev = _examples(dealt["train"]), _examples(dealt["dev"])
        how = f"train and test as given, dev cut from train with seed {task.split.seed}"
    return Splits(
        train=_in_order(train, task),
        dev=_in_order(dev, task),
        test=_in_order(parts["test"], task),
        seed=task.split.seed,
        how=f"{_counts([('train', train), ('dev', dev), ('test', parts['test'])])}; {how}{_small_dev(dev)}.",
    )


def _refuse_unusable(examples: Sequence[Example], task: Task) -> None:
    check_unique(examples)
    if not examples:
        raise DataError("there are no usable examples", f"Give at least {MIN_ROWS} rows with an answer; some hundreds are better.")
    if len(examples) < MIN_ROWS:
        count = "is 1 example" if len(examples) == 1 else f"are {len(examples)} examples"
        raise DataError(f"there {count}, but at least {MIN_ROWS} are needed to split", "Some hundreds make the measurement useful.")
    labels = {example.label for example in examples}
    if task.kind == "classify" and len(labels) == 1:
        raise DataError(
            f"every row has the label {quoted(labels.pop())} in {quoted(task.output)}, so there is nothing to tell apart",
            "Name the column with the labels as `output`.",
        )


# Sizes


def _sizes(task: Task, n: int) -> dict[SplitName, int]:
    """Rows per split: those asked for, and the rest in the default proportions."""
    wanted = {name: getattr(task.split, name) for name in ("train", "dev", "test")}
    asked_for: dict[SplitName, int] = {}
    for name in _SPLITS:
        value = wanted.get(name)
        if value is not None:
            asked_for[name] = _rows(name, value, n)
    left = n - sum(asked_for.values())
    if left < 0:
        parts = " + ".join(f"{rows:,} {name}" for name, rows in asked_for.items())
        raise ConfigError(f"`split` asks for {parts} rows, but there are only {n:,}", "Ask for fewer, or for shares such as 0.5.")
    open_share = sum(share for name, share in SHARES.items() if name not in asked_for)
    sizes = dict(asked_for)
    for name in ("test", "dev", "train"):  # train takes the loss where rows are few
        if name not in asked_for:
            share = SHARES[name] / open_share
            least, most = LEAST.get(name, (0, 0.0))
            rows = max(round(share * left), min(least, round(most * left)))
            sizes[name] = min(rows, n - sum(sizes.values()))
    sizes["reserve"] = n - sum(sizes.values())
    empty = [name for name in _SPLITS[:3] if sizes[name] < 1]
    if empty:
        raise ConfigError(
            f"`split` leaves no rows for {' and '.join(empty)}: there are {n:,} in all", "Ask for fewer rows in the others."
        )
    return {name: sizes[name] for name in _SPLITS}


def _rows(name: str, value: float, n: int) -> int:
    if value < 1:
        return round(value * n)
    if value != int(value):
        raise ConfigError(f"`split.{name}` is {value}, but whole numbers (rows) or numbers below 1 (shares) are accepted")
    return int(value)


# Units


@dataclass(frozen=True)
class _Unit:
    """Examples that stay together; `key` orders units as the seed has it."""

    examples: tuple[Example, ...]
    strata: tuple[str, ...]
    key: str


def _units(examples: Sequence[Example], task: Task) -> tuple[list[_Unit], str]:
    """The examples in units, and a clause on what was kept together."""
    texts = [asked(task, example) for example in examples]
    near = near_groups(texts)
    template = {group for group, count in Counter(near).items() if count > max(MIN_ROWS, TEMPLATE_SHARE * len(texts))}
    links: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        links[f"text {normalise(texts[index])}" if near[index] in template else f"near {near[index]}"].append(index)
        if example.group:
            links[f"group {example.group}"].append(index)
    members = _components(len(examples), links.values())
    units = [_unit([examples[index] for index in indices], task) for indices in members]
    rows = sum(len(unit.examples) for unit in units if len(unit.examples) > 1)
    together = f"; {rows:,} rows stay with their near-duplicates or group" if rows else ""
    if template:
        together += "; most rows fill in one template, so of those only exact repeats were kept together"
    return units, together


def kept_together(examples: Sequence[Example], task: Task) -> list[tuple[Example, ...]]:
    """The examples in units that no split cuts: rows of one group, and near-duplicates."""
    return [unit.examples for unit in _units(examples, task)[0]]


def _components(n: int, links: Iterable[Sequence[int]]) -> list[list[int]]:
    groups = UnionFind(n)
    for first, *others in links:
        for other in others:
            groups.join(first, other)
    members: dict[int, list[int]] = defaultdict(list)
    for index in range(n):
        members[groups.find(index)].append(index)
    return list(members.values())


def _unit(examples: Sequence[Example], task: Task) -> _Unit:
    ordered = _in_order(examples, task)
    return _Unit(ordered, tuple(_stratum(example, task) for example in ordered), _key(ordered[0], task))


def _stratum(example: Example, task: Task) -> str:
    if task.kind == "classify":
        return example.label
    return f"answered by {example.source}" if example.answers else "not answered"


def _key(example: Example, task: Task) -> str:
    """A hash of the seed and of what the row asks: no other column, and no mended answer, deals it anew.

    The id counts only where it is a column; elsewhere it is a row number.
    """
    record = [task.split.seed, example.key if example.content else [sorted(example.fields.items()), example.answers, example.group]]
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()


def _in_order(examples: Iterable[Example], task: Task) -> tuple[Example, ...]:
    """The examples shuffled by the seed, so that any first part of a split is a fair sample of it."""
    return tuple(sorted(examples, key=lambda example: (_key(example, task), example.id)))


# Dealing

_Parts = dict[SplitName, list[_Unit]]


def _deal(units: Sequence[_Unit], sizes: Mapping[SplitName, int], n: int) -> _Parts:
    """Every unit in one split: large units first, as evenly over the strata as they allow, then single examples."""
    open_splits = [name for name in _SPLITS if sizes[name]]
    parts: _Parts = {name: [] for name in _SPLITS}
    left = dict(sizes)
    total = Counter(stratum for unit in units for stratum in unit.strata)
    have: Counter[tuple[SplitName, str]] = Counter()

    def fill(name: SplitName, unit: _Unit) -> float:
        """How full the split would be with the unit: the mean over its rows of their stratum's share, plus that of all rows."""
        strata = sum((have[name, stratum] + 0.5) * n / (sizes[name] * total[stratum]) for stratum in unit.strata)
        return strata / len(unit.strata) + 1 - (left[name] - len(unit.strata) / 2) / sizes[name]

    large = [unit for unit in units if len(unit.examples) > 1]
    for unit in sorted(large, key=lambda unit: (-len(unit.examples) if len(unit.examples) > n / 50 else 0, unit.key)):
        fits = [name for name in open_splits if left[name] >= len(unit.examples)]
        name = min(fits, key=lambda name: fill(name, unit)) if fits else max(open_splits, key=lambda name: left[name])
        parts[name].append(unit)
        left[name] -= len(unit.examples)
        have.update((name, stratum) for stratum in unit.strata)

    single = [unit for unit in units if len(unit.examples) == 1]
    dealt: Counter[SplitName] = Counter()
    for unit in sorted(single, key=lambda unit: (unit.strata, unit.key)):
        # in proportion to the room left (Sainte-Lague), so that neighbours in this order, a stratum, spread over the splits
        room = [name for name in open_splits if dealt[name] < left[name]]
        name = min(room, key=lambda name: (dealt[name] + 0.5) / left[name])
        parts[name].append(unit)
        dealt[name] += 1
    return parts


def _show_every_label(parts: _Parts) -> None:
    """Brings a row of each label into train where it can be exchanged for one whose label train has several times."""
    seen = Counter(label for unit in parts["train"] for label in unit.strata)
    for name in ("reserve", "dev", "test"):
        for place, unit in enumerate(parts[name]):
            if len(unit.strata) > 1 or seen[unit.strata[0]]:
                continue
            spare = max(
                (index for index, other in enumerate(parts["train"]) if len(other.strata) == 1),
                key=lambda index: (seen[parts["train"][index].strata[0]], parts["train"][index].key),
                default=None,
            )
            if spare is not None and seen[parts["train"][spare].strata[0]] > 1:
                seen.subtract(parts["train"][spare].strata)
                seen.update(unit.strata)
                parts[name][place], parts["train"][spare] = parts["train"][spare], unit


def _examples(units: Iterable[_Unit]) -> list[Example]:
    return [example for unit in units for example in unit.examples]


def _splits(parts: _Parts, sizes: Mapping[SplitName, int], task: Task, together: str) -> Splits:
    _refuse_empty(parts, sizes)
    rows = {name: _in_order(_examples(units), task) for name, units in parts.items()}
    by = "label" if task.kind == "classify" else "answerability and source"
    how = f"{_counts(rows.items())}; stratified by {by}, seed {task.split.seed}{together}{_small_dev(rows['dev'])}."
    return Splits(rows["train"], rows["dev"], rows["test"], rows["reserve"], seed=task.split.seed, how=how)


def _refuse_empty(parts: _Parts, sizes: Mapping[SplitName, int]) -> None:
    empty = [name for name in _SPLITS if sizes[name] and not parts[name] and name != "reserve"]
    if empty:
        largest = max(len(unit.examples) for units in parts.values() for unit in units)
        raise DataError(
            f"{' and '.join(empty)} would be empty, because {largest:,} rows must stay together",
            "Take `data.group_by` out of tailor.yaml or name a finer column, and remove near-duplicate rows.",
        )


def _counts(parts: Iterable[tuple[str, Sequence[Example]]]) -> str:
    return ", ".join(f"{len(rows):,} {name}" for name, rows in parts) + " rows"


def _small_dev(dev: Sequence[Example]) -> str:
    return f"; dev is too small to tell variants apart reliably ({len(dev)} rows)" if len(dev) < MIN_DEV else ""
