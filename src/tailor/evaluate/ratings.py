"""What people say of a sample of answers: which ones they are asked for, the sheet they fill in, and reading it back."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tailor.data.spreadsheets import defused, read_sheet
from tailor.data.table import Table
from tailor.errors import ConfigError, DataError, StoreError, did_you_mean, quoted
from tailor.evaluate.judge import NO, YES, JudgedCase, judged_case
from tailor.evaluate.run import Run
from tailor.files import write_atomically
from tailor.task import Task

COLUMNS = ("id", "question", "reference", "answer", "rubric", "rating")
WORDS = {word: YES for word in ("yes", "y", "true", "1", "1.0")} | {word: NO for word in ("no", "n", "false", "0", "0.0")}

Used = Mapping[str, Sequence[tuple[str, str]]]
"""Ratings that a decision rested on: case id -> its raters and what each said."""


@dataclass(frozen=True)
class Sample:
    """The answers that people are asked to rate: all those of the finalists to some test rows, drawn by chance.

    Attributes:
        rows: numbers of the test rows; whole units (near-duplicates and rows of one group).
        cases: id -> case, answers alike once, in an order that says nothing of who gave them.
    """

    rows: tuple[int, ...]
    cases: Mapping[str, JudgedCase]


@dataclass(frozen=True)
class Ratings:
    """Case id -> rater -> yes or no; a rater without a name is the empty text."""

    by_case: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def share(self, case: str) -> float:
        """Share of its raters who say yes; two who differ make one half."""
        given = self.by_case[case].values()
        return sum(rating == YES for rating in given) / len(given)

    def as_used(self, used: Used) -> tuple[Ratings, int]:
        """The ratings with those that a decision rested on as they were then, and how many answers are rated otherwise since.

        Whoever has seen the decision knows which ratings would have to be others.
        """
        before = {case: dict(given) for case, given in used.items()}
        changed = sum(self.by_case.get(case) != given for case, given in before.items())
        return Ratings({**self.by_case, **before}), changed


def rating_sample(task: Task, runs: Sequence[Run]) -> Sample:
    """About `judge.sample` answers of the finalists, on as many rows as that makes.

    Rows and not answers are drawn, so that differences between finalists are rated on the same rows. How many follows from all
    answers and not from those drawn; which ones follows from the seed and the row alone, so that other finalists are rated on the
    same rows.
    """
    examples = runs[0].examples
    per_row: list[dict[str, JudgedCase]] = []
    for row, example in enumerate(examples):
        cases = [judged_case(task, example, run.scores[row]) for run in runs]
        per_row.append({case.id: case for case in cases if case is not None})
    units: dict[str, list[int]] = {}
    for row, example in enumerate(examples):
        units.setdefault(example.unit or example.key, []).append(row)
    total, wanted = len({name for cases in per_row for name in cases}), task.judge.sample if task.judge else 0
    count = min(len(units), max(2, round(wanted * len(units) / total))) if total else len(units)
    drawn = sorted(units, key=lambda unit: hashlib.sha256(f"{task.split.seed} {unit}".encode()).digest())[:count]
    rows = tuple(sorted(row for unit in drawn for row in units[unit]))
    chosen = {name: case for row in rows for name, case in per_row[row].items()}
    return Sample(rows, dict(sorted(chosen.items())))


def read_ratings(path: Path) -> Ratings:
    """The ratings in a sheet; none where there is no such file. Cells left empty and further columns do not matter.

    Raises:
        DataError: the file cannot be read as a table, lacks the column `id` or `rating`, a rating is no yes or no, one rater rates
            an answer in two ways, or there are more than two raters.
    """
    if not path.exists():
        return Ratings()
    table = read_sheet(path)
    names = _names(table)
    found: dict[str, dict[str, str]] = {}
    for index, row in enumerate(table.rows):
        said = str(row[names["rating"]]).strip()
        if not said:
            continue
        rating, case = WORDS.get(said.casefold()), str(row[names["id"]]).strip()
        if rating is None:
            raise DataError(f"{table.place(index)} is rated {quoted(said)}; yes and no are accepted (or y/n, true/false, 1/0)")
        rater = str(row[names["rater"]]).strip() if "rater" in names else ""
        if found.setdefault(case, {}).setdefault(rater, rating) != rating:
            raise DataError(
                f"{table.place(index)} rates {quoted(case)} otherwise than a row before",
                "Keep one of the two, or name two raters in a column `rater`.",
            )
    raters = sorted({rater for given in found.values() for rater in given})
    if len(raters) > 2:
        raise DataError(f"{path.name} has {len(raters)} raters ({', '.join(map(quoted, raters))}); two are understood")
    return Ratings(found)


def write_sheet(path: Path, task: Task, sample: Sample) -> int:
    """Put the sample's answers that are not yet in the sheet into it, made if absent; returns how many.

    What people filled in stays as it is, also ratings of answers that are not asked for any more. A sheet that holds all of them is
    not touched.

    Raises:
        DataError: there is a sheet that cannot be read.
        ConfigError: the sheet cannot be written.
    """
    table = read_sheet(path) if path.exists() else Table(path.name, COLUMNS, ())
    names = _names(table)
    there = {str(row[names["id"]]).strip() for row in table.rows}
    missing = [case for name, case in sample.cases.items() if name not in there]
    if not missing:
        return 0
    own = {name for column, name in names.items() if column in COLUMNS and column != "rating"}
    kept = [
        row
        for row in table.rows
        if str(row[names["id"]]).strip() in sample.cases or any(str(row[name]).strip() for name in table.columns if name not in own)
    ]
    rubric = task.judge.told if task.judge else ""
    names |= {column: column for column in COLUMNS if column not in names}
    made = [{names[column]: cell for column, cell in zip(COLUMNS, _cells(case, rubric), strict=True)} for case in missing]
    _write(path, tuple(dict.fromkeys((*table.columns, *names.values()))), [*kept, *made])
    return len(missing)


def fill_in(path: Path, case: str, column: str, said: str) -> None:
    """Write what someone says of an answer into its row of a sheet, which keeps everything else that it holds.

    Args:
        path: the sheet, of ratings or of comparisons.
        case: id of the answer or the pair.
        column: the column that people fill in.
        said: what they say, where nothing stands yet; empty to take it back.

    Raises:
        DataError: the sheet cannot be read.
        ConfigError: it cannot be written.
    """
    table = read_sheet(path)
    names = {name.strip().casefold(): name for name in table.columns}
    rows = [dict(row) for row in table.rows]
    own = [row for row in rows if str(row[names["id"]]).strip() == case and bool(str(row[names[column]]).strip()) != bool(said)]
    if own:  # of an answer that two people rate in rows of their own, one
        own[0][names[column]] = said
        _write(path, table.columns, rows)


def _cells(case: JudgedCase, rubric: str) -> tuple[str, ...]:
    return (case.id, case.question.strip(), case.reference, case.answer, rubric, "")


def _names(table: Table) -> dict[str, str]:
    """The columns that matter -> how the file spells them.

    Raises:
        DataError: one is missing.
    """
    names = {column.strip().casefold(): column for column in table.columns}
    for wanted in ("id", "rating"):
        if wanted not in names:
            raise DataError(
                f"{table.file} lacks the column {quoted(wanted)}{did_you_mean(wanted, table.columns)}",
                "Name it so, or move the file away and run `tailor judge` for a fresh one.",
            )
    return names


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows([{name: defused(str(cell)) for name, cell in row.items()} for row in rows])
    replace_sheet(path, text.getvalue())


def replace_sheet(path: Path, text: str) -> None:
    """Write the whole file or nothing. It starts with a byte order mark, so that spreadsheets read it as UTF-8."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode("utf-8-sig", "backslashreplace"))
    except (OSError, StoreError) as error:
        raise ConfigError(f"{quoted(path, 200)} cannot be written: {error}", "Close it elsewhere, or name another file.") from error
