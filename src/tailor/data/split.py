"""Train, dev, test and reserve: stratified, seeded, with everything that belongs together in one split.

Where a row goes follows from its content and the seed, not from its place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from tailor.data.deal import Dealt, deal, place_key
from tailor.data.example import Example, SplitName, Splits
from tailor.data.given import split_by_column
from tailor.data.images import with_images
from tailor.data.readers import check_unique, to_examples
from tailor.data.table import Table, read_table, with_record
from tailor.data.turns import with_all_turns
from tailor.data.units import FoundUnits, find_units, kept_together
from tailor.data.unseen import unseen_clause
from tailor.errors import ConfigError, DataError, quoted
from tailor.kinds.base import kind_of
from tailor.project import Project
from tailor.task import DataFiles, Task

MIN_ROWS = 20
MIN_DEV = 20  # with fewer rows, two variants can hardly be told apart
DEV_SHARE, DEV_MOST = 0.2, 200  # of the training rows, where dev is cut from them
SHARES: Mapping[SplitName, float] = {"train": 0.5, "dev": 0.15, "test": 0.25, "reserve": 0.1}
LEAST: Mapping[SplitName, tuple[int, float]] = {"dev": (20, 0.2), "test": (30, 0.3)}  # rows, but at most this share

_SPLITS: tuple[SplitName, ...] = get_args(SplitName)


def load_splits(project: Project) -> Splits:
    """The project's examples in their splits.

    Raises:
        ConfigError: `split` gives sizes that cannot be had.
        DataError: the data or an image that they name cannot be read, or they are too few to split.
    """
    return make_splits(project.task, read_tables(project))


def read_tables(project: Project) -> dict[str, Table]:
    """The project's data by the setting that names them: `file`, or `train`, `dev` and `test`, as files or by a column."""
    settings = project.task.data
    named = {name: getattr(settings, name) for name in ("file", "train", "dev", "test")}
    as_set = kind_of(project.task).several
    tables = {
        name: with_images(
            with_record(_read(project.path(path), settings), project.task.output, as_set=as_set), settings.images, project.folder
        )
        for name, path in named.items()
        if path
    }
    return split_by_column(tables["file"], settings.split_by) if settings.split_by else tables


def _read(path: Path, settings: DataFiles) -> Table:
    table = read_table(path, columns=settings.columns, encoding=settings.encoding)
    return with_all_turns(table, settings) if settings.turns == "all" else table


def make_splits(task: Task, tables: Mapping[str, Table]) -> Splits:
    """The examples of the tables in their splits; given splits are respected."""
    parts = {name: to_examples(task, table, "" if name == "file" else f"{name}-") for name, table in tables.items()}
    splits = split_examples(parts["file"], task) if "file" in parts else _given_splits(parts, task)
    return replace(splits, unlabelled=sum(len(table.rows) - len(parts[name]) for name, table in tables.items()))


def split_examples(examples: Sequence[Example], task: Task) -> Splits:
    """The examples in four splits, stratified as the kind of task asks for: by label, say.

    Rows of one group and near-duplicates stay together, as units (`tailor.data.units`). The same content and seed give the same
    splits, whatever the order of the rows; row numbers used as ids do follow the order. Nothing is exchanged afterwards: the test
    set stays a random draw of what will be asked, labels that train lacks included.

    Raises:
        ConfigError: `task.split` asks for more rows than there are, or for a fraction of a row.
        DataError: there are fewer than 20 examples, ids repeat, all have one label, or a group is so large that a split stays
            empty.
    """
    _refuse_unusable(examples, task)
    sizes = _sizes(task, len(examples))
    found = find_units(examples, task)
    dealt = deal(kept_together(found.examples), _strata(found.examples, task), sizes, task.split.seed)
    _refuse_empty(dealt, sizes)
    parts = {name: _in_order(rows, task) for name, rows in dealt.parts.items()}
    by = kind_of(task).stratified_by
    splits = Splits(parts["train"], parts["dev"], parts["test"], parts["reserve"], seed=task.split.seed)
    said = f"stratified by {by}, seed {task.split.seed}{_together(found)}{_too_large(dealt)}{_small_dev(splits.dev)}"
    return replace(splits, how=f"{_counts(parts.items())}; {said}{unseen_clause(task, splits)}.")


def _given_splits(parts: Mapping[str, Sequence[Example]], task: Task) -> Splits:
    """Given train and test (and dev) as they are; without dev, it is cut from train."""
    given = [name for name in ("train", "test") if getattr(task.split, name) is not None]
    if given or ("dev" in parts and task.split.dev is not None):
        raise ConfigError(
            f"`split.{given[0] if given else 'dev'}` has no effect, because the splits are given",
            "Take it out of tailor.yaml, or give one `file` without `split_by` and let Tailor split it.",
        )
    _refuse_unusable([example for part in parts.values() for example in part], task)
    for name, part in parts.items():
        if not part:
            raise DataError(f"`data.{name}` has no usable rows: the right answer is empty in all of them")
    found = find_units([example for part in parts.values() for example in part], task)
    known = {example.id: example for example in found.examples}
    parts = {name: tuple(known[example.id] for example in part) for name, part in parts.items()}
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
        dealt = deal(kept_together(parts["train"]), _strata(parts["train"], task), sizes, task.split.seed)
        _refuse_empty(dealt, sizes)
        train, dev = dealt.parts["train"], dealt.parts["dev"]
        how = f"train and test as given, dev cut from train with seed {task.split.seed}"
    splits = Splits(_in_order(train, task), _in_order(dev, task), _in_order(parts["test"], task), seed=task.split.seed)
    counts = _counts([("train", train), ("dev", dev), ("test", splits.test)])
    return replace(splits, how=f"{counts}; {how}{_together(found)}{_small_dev(dev)}{unseen_clause(task, splits)}.")


def _refuse_unusable(examples: Sequence[Example], task: Task) -> None:
    check_unique(examples)
    if not examples:
        raise DataError("there are no usable examples", f"Give at least {MIN_ROWS} rows with an answer; some hundreds are better.")
    if len(examples) < MIN_ROWS:
        count = "is 1 example" if len(examples) == 1 else f"are {len(examples)} examples"
        raise DataError(f"there {count}, but at least {MIN_ROWS} are needed to split", "Some hundreds make the measurement useful.")
    labels = {example.label for example in examples}
    if kind_of(task).closed and len(labels) == 1:
        which = f"the {kind_of(task).noun} {quoted(kind_of(task).shown(labels.pop()))} in {quoted(task.output)}"
        raise DataError(
            f"every row has {which}, so there is nothing to tell apart",
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


# Strata


def _strata(examples: Iterable[Example], task: Task) -> dict[str, str]:
    stratum = kind_of(task).stratum
    return {example.id: stratum(example) for example in examples}


def _in_order(examples: Iterable[Example], task: Task) -> tuple[Example, ...]:
    """The examples shuffled by the seed, so that any first part of a split is a fair sample of it."""
    return tuple(sorted(examples, key=lambda example: (place_key(example, task.split.seed), example.id)))


# Sentences


def _together(found: FoundUnits) -> str:
    """What was kept together."""
    rows = sum(len(unit) for unit in kept_together(found.examples) if len(unit) > 1)
    together = f"; {rows:,} rows stay with their near-duplicates or group" if rows else ""
    if found.in_template:
        together += f"; {found.in_template:,} rows fill in a template, so of those only exact repeats were kept together"
    return together


def _too_large(dealt: Dealt) -> str:
    """What the test set cannot speak for."""
    if not dealt.too_large:
        return ""
    rows, units = sum(map(len, dealt.too_large)), len(dealt.too_large)
    which = "1 group" if units == 1 else f"{units} groups"
    return f"; {rows:,} rows of {which} too large for the test set are in train, so the results say nothing about them"


def _refuse_empty(dealt: Dealt, sizes: Mapping[SplitName, int]) -> None:
    empty = [name for name in _SPLITS if sizes[name] and not dealt.parts[name] and name != "reserve"]
    if empty:
        largest = max(len(unit) for rows in dealt.parts.values() for unit in kept_together(rows))
        grouped = any(row.group for rows in dealt.parts.values() for row in rows)
        alike = "Remove rows that say nearly the same as others, or add rows that say something else."
        finer = "Take `data.group_by` out of tailor.yaml or name a finer column, and remove near-duplicate rows."
        raise DataError(
            f"{' and '.join(empty)} would be empty, because {largest:,} rows must stay together", finer if grouped else alike
        )


def _counts(parts: Iterable[tuple[str, Sequence[Example]]]) -> str:
    return ", ".join(f"{len(rows):,} {name}" for name, rows in parts) + " rows"


def _small_dev(dev: Sequence[Example]) -> str:
    return f"; dev is too small to tell variants apart reliably ({len(dev)} rows)" if len(dev) < MIN_DEV else ""
