"""CSV and its relatives: the delimiter, the quotes and the row of column names are found, and assumptions are reported.

A file is read in the first way in which every row has as many values as there are columns. Where there is none, it is refused
with the lines named.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tailor.data.finding import Finding
from tailor.data.formats.header import column_names, has_common_name, looks_like_data
from tailor.errors import DataError, quoted

MAX_FIELD = 1 << 30  # characters; the csv module's own limit of 131,072 is less than one long document
LINES_NAMED = 5
SNIFFED = 50  # records by which a delimiter is first judged
LINES_BEFORE = 20  # most lines before the row of column names

_DELIMITERS = ",;\t|^~\x1f\x01"
_SEP = re.compile(r'"?sep=(.)"?[ \t;,]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

STRAY_MOST = 2
"""Rows over several lines up to which a quotation mark may be a stray one where no column tells: each must happen to close where a
value ends."""
STRAY_LEAST = 0.75
"""Share of the lines of such rows that must read like rows of their own. Of a text over two lines, half are no ends of a row."""
_Quotes = Literal["doubled", "spaced", "escaped", "literal"]
_HOW = {
    "spaced": "Spaces stand between delimiters and quoted values here; they are skipped.",
    "escaped": 'Quotation marks inside values are written \\" here, and are read that way.',
    "literal": "Values are not quoted here: quotation marks are read as part of the text.",
}
_Record = tuple[int, list[str]]  # the line it starts on, counted from 1, and its values


@dataclass(frozen=True)
class Sheet:
    """What a delimited file holds.

    Attributes:
        columns: names of the columns.
        rows: the values of each row, one per column.
        numbers: which data row of the file each is, counted from 1.
        findings: what was assumed, skipped or left out.
        headerless: whether the row of column names reads like a row of data.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]
    findings: tuple[Finding, ...] = ()
    headerless: bool = False


class _Unfit(Exception):
    """This way of reading gives no table."""

    def __init__(self, error: DataError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class _Source:
    name: str
    text: str
    skipped: int  # lines taken off before the text
    columns: tuple[str, ...]  # names given by the user


def read_delimited(name: str, text: str, *, delimiter: str = "", columns: Sequence[str] = ()) -> Sheet:
    """The rows of a delimited file.

    Args:
        name: the file's name, for messages.
        text: what it holds.
        delimiter: what divides the values, by the file's name; found out unless given, or if the file does not hold it.
        columns: names of the columns of a file without a row of names.

    Raises:
        DataError: no way of reading it gives every row a value for each column.
    """
    findings: list[Finding] = []
    told = _SEP.match(text)
    if told:
        delimiter, text = told[1], text[told.end() :]
        line = told[0].strip().strip('"')
        findings.append(Finding("note", f"{name} begins with the line {quoted(line)}, which names its delimiter; not a row."))
    source = _Source(name, text, 1 if told else 0, tuple(columns))
    if not told and delimiter not in text and any(sign in text.partition("\n")[0] for sign in _DELIMITERS):
        delimiter = ""
    with _long_fields():
        sheet = _first_fit(source, delimiter)
        if len(sheet.columns) == 1 and not columns and not delimiter:
            sheet = _unwrapped(source, sheet)
    return Sheet(sheet.columns, sheet.rows, sheet.numbers, (*findings, *sheet.findings), sheet.headerless)


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lets fields be long for the time of reading; the limit belongs to the whole process."""
    before = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _first_fit(source: _Source, delimiter: str) -> Sheet:
    """The first way of reading that gives a table; the likeliest delimiter and ordinary quotes come first."""
    problems: list[DataError] = []
    for candidate in [delimiter] if delimiter else _likely(source.text):
        for quotes in _ways(source.text, candidate):
            try:
                return _read(source, candidate, quotes)
            except _Unfit as unfit:
                problems.append(unfit.error)
    raise problems[0]


def _unwrapped(source: _Source, sheet: Sheet) -> Sheet:
    """The table inside a table of one column, where every line is quoted as a whole; else the table as it is."""
    text = "\n".join((sheet.columns[0], *(row[0] for row in sheet.rows)))
    if not any(sign in sheet.columns[0] for sign in _DELIMITERS):
        return sheet
    try:
        inner = _first_fit(_Source(source.name, text, source.skipped, ()), "")
    except DataError:
        return sheet
    if len(inner.columns) < 2:
        return sheet
    found = Finding("note", f"{source.name}: every line is quoted as a whole; its contents are read as the row.")
    numbers = tuple(sheet.numbers[number - 1] for number in inner.numbers)
    return Sheet(inner.columns, inner.rows, numbers, (found, *inner.findings), inner.headerless)


def _ways(text: str, delimiter: str) -> list[_Quotes]:
    if '"' not in text:
        return ["doubled"]
    spaced = f'{delimiter} "' in text and any(cell.startswith(' "') for record in _lenient(text, delimiter) for cell in record)
    ways: list[_Quotes] = ["spaced", "doubled"] if spaced else ["doubled"]
    return [*ways, "escaped", "literal"] if '\\"' in text else [*ways, "literal"]


def _likely(text: str) -> list[str]:
    """Delimiters by how well they divide the first records: equal counts, then more columns. The first is a comma if none does."""
    scores = {}
    for delimiter in _DELIMITERS:
        widths = [len(record) for _, record in zip(range(SNIFFED), _lenient(text, delimiter), strict=False) if record]
        widest = Counter(widths).most_common(1)[0] if widths else (0, 0)
        if widest[0] > 1:
            scores[delimiter] = (widest[1] / len(widths), widths[0] == widest[0], widest[0])
    ranked = sorted(scores, key=lambda delimiter: scores[delimiter], reverse=True)
    return ranked or [","]


def _lenient(text: str, delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        try:
            yield next(reader)
        except (StopIteration, csv.Error):
            return


def _read(source: _Source, delimiter: str, quotes: _Quotes) -> Sheet:
    records, cut = _records(source, delimiter, quotes)
    findings = [] if quotes == "doubled" else [Finding("note", f"{source.name}: {_HOW[quotes]}")]
    if quotes != "literal" and cut and (literal := _read_literally(source, delimiter, len(records))):
        if _are_stray(records, cut, literal):
            raise _Unfit(DataError(f"{source.name} line {cut[0]}: a quotation mark swallows the lines that follow"))
        what = f"{source.name}: rows that begin in {_listed(cut)} run over several lines, between quotation marks."
        findings.append(Finding("note", what, advice="If these marks are part of the text, write each of them as two."))
    sheet = _table(source, records)
    return Sheet(sheet.columns, sheet.rows, sheet.numbers, (*findings, *sheet.findings), sheet.headerless)


def _records(source: _Source, delimiter: str, quotes: _Quotes) -> tuple[list[_Record], list[int]]:
    """Every record that is not blank, and the lines on which those begin that run over several lines."""
    text = source.text
    if quotes == "escaped":
        text = _ESCAPED.sub(lambda match: {'"': '""', "\\": "\\"}.get(match[1], match[0]), text)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        strict=True,
        skipinitialspace=quotes == "spaced",
        quoting=csv.QUOTE_NONE if quotes == "literal" else csv.QUOTE_MINIMAL,
    )
    records, cut = [], []
    line = 1
    try:
        for record in reader:
            if record:
                records.append((line + source.skipped, record))
                if reader.line_num > line:
                    cut.append(line + source.skipped)
            line = reader.line_num + 1
    except csv.Error as error:
        place = f"{source.name} line {line + source.skipped}"
        hint = 'Write a quote inside a value as "".'
        if "unexpected end" in str(error):
            raise _Unfit(DataError(f'{place}: a double quote (") is opened and never closed', hint)) from error
        raise _Unfit(DataError(f"{place} is not CSV: {error}", hint)) from error
    return records, cut


def _read_literally(source: _Source, delimiter: str, least: int) -> dict[int, list[str]]:
    """The row on each line if quotation marks are only text; none unless all have equally many values, and there are more."""
    try:
        records, _ = _records(source, delimiter, "literal")
        sheet = _table(source, records)
    except _Unfit:
        return {}
    return dict(records) if len(sheet.columns) > 1 and len(records) > least else {}


def _are_stray(records: Sequence[_Record], cut: Sequence[int], literal: Mapping[int, list[str]]) -> bool:
    """Whether the quotation marks that join lines are part of the text.

    They are where the joined lines hold what the other rows hold in columns of few values, such as a label. Without such a column
    few of them are taken for stray ones.
    """
    whole = {line for line, _ in records} - set(cut)
    starts = [line for line, _ in records] + [max(literal) + 1]
    joined = [literal[n] for start, end in pairwise(starts) if start in cut for n in range(start, end) if n in literal]
    others = [literal[line] for line in sorted(whole)[1:] if line in literal]
    shares = []
    for column in range(min(map(len, [*joined, *others]))):
        values = {row[column] for row in others} - {""}
        if 0 < len(values) <= len(others) / 2 and not any('"' in row[column] for row in joined):
            shares.append(sum(row[column] in values for row in joined) / len(joined))
    return min(shares) > STRAY_LEAST if shares else len(cut) <= STRAY_MOST


# From records to a table


def _table(source: _Source, records: Sequence[_Record]) -> Sheet:
    if not records:
        raise DataError(f"{source.name} has no row of column names")
    findings: list[Finding] = []
    width = _width([record for _, record in records])
    if source.columns:
        names, body = list(source.columns), list(records)
    else:
        lead = _lead(records, width)
        names, body = records[lead][1], list(records[lead + 1 :])
        if lead:
            lines = _listed([line for line, _ in records[:lead]])
            findings.append(Finding("note", f"{source.name} has lines before its column names: {lines}; not read as rows."))
    numbered = list(enumerate(body, start=1))
    kept = [(number, record) for number, record in numbered if record[1] != names and _says_something(record[1])]
    findings += _left_out(source, names, body)
    if _have_row_names(names, [record for _, (_, record) in kept]):
        names = ["", *names]
        findings.append(Finding("note", f"{source.name}: its rows begin with their number, for which there is no column name."))
    names, kept, trimmed = _trimmed(names, kept)
    if trimmed:
        findings.append(
            Finding("note", f"{source.name}: {trimmed} a delimiter with nothing behind it; that is not read as a column.")
        )
    columns = column_names(source.name, map(_seen, names))
    if not kept:
        raise DataError(f"{source.name} has column names but no rows")
    _refuse_ragged(source, columns, [record for _, record in kept])
    rows = tuple(tuple(cells) for _, (_, cells) in kept)
    headerless = not source.columns and looks_like_data(columns, rows)
    if headerless:
        first = ", ".join(quoted(name, 40) for name in columns[:3])
        what = f"{source.name} seems to have no header: its first line, taken for column names, reads like data ({first})."
        advice = "Put a line of column names first, or name them as `columns` under `data` in tailor.yaml."
        findings.append(Finding("warning", what, advice=advice))
    return Sheet(columns, rows, tuple(number for number, _ in kept), tuple(findings), headerless)


def _seen(name: str) -> str:
    """A name without characters that nobody sees around it."""
    ends = [place for place, sign in enumerate(name) if unicodedata.category(sign) != "Cf"]
    return name[ends[0] : ends[-1] + 1] if ends else ""


def _says_something(record: Sequence[str]) -> bool:
    """Whether a row is more than empty cells, or than the line under the names that Markdown has: dashes and colons."""
    return any(cell.strip(" \t-:") for cell in record) or any(len(cell.strip()) in (1, 2) for cell in record)


def _filled(record: Sequence[str]) -> int:
    """Cells up to the last that is not empty."""
    return next((place for place in range(len(record), 0, -1) if record[place - 1].strip()), 0)


def _width(records: Sequence[Sequence[str]]) -> int:
    """Columns in use: of the rows with the most common number of cells, those up to the last that is filled anywhere."""
    common = Counter(map(len, records)).most_common(1)[0][0]
    return max(_filled(record) for record in records if len(record) == common)


def _lead(records: Sequence[_Record], width: int) -> int:
    """How many records come before the row of column names: titles, comments, and lines with almost nothing filled in."""
    lead = 0
    for place, (_, record) in enumerate(records[: min(LINES_BEFORE, len(records) - 2)]):
        filled = sum(1 for cell in record if cell.strip())
        comment = record[0].startswith("#") and (filled != width or has_common_name(records[place + 1][1]))
        title = filled <= 1 and (len(record) == 1 or width > 2 or _names_follow(records[place + 1 : LINES_BEFORE]))
        grouped = filled < width and has_common_name(records[place + 1][1]) and not has_common_name(record)
        if width < 2 or not (comment or title or grouped):
            break
        lead += 1
    names = records[lead][1]
    fits = _filled(names) <= width and not looks_like_data(names, [record for _, record in records[lead + 1 :]])
    return lead if fits else 0


def _names_follow(records: Sequence[_Record]) -> bool:
    """Whether the next line that says something is one of column names."""
    told = next((record for _, record in records if _says_something(record)), [])
    return has_common_name(told)


def _left_out(source: _Source, names: Sequence[str], body: Sequence[_Record]) -> Iterator[Finding]:
    again = [line for line, record in body if record == names]
    if again:
        yield Finding(
            "warning", f"{source.name} repeats its column names in {_listed(again)}; left out.", advice="Delete these lines."
        )
    bare = [line for line, record in body if not _says_something(record)]
    if bare:
        yield Finding("note", f"{source.name} has nothing but delimiters or dashes in {_listed(bare)}; left out.")


def _have_row_names(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether every row has one value more than there are names, and begins with its number, as R writes."""
    longer = all(len(row) == len(names) + 1 for row in rows)
    return longer and len(rows) > 1 and [row[0] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]


def _trimmed(names: Sequence[str], body: Sequence[tuple[int, _Record]]) -> tuple[list[str], list[tuple[int, _Record]], str]:
    """Names and rows without cells at the end for which there is neither a name nor a value, and who had them."""
    named = _filled(names)
    beyond = any(_filled(cells) > named for _, (_, cells) in body)
    width = len(names) if beyond else named
    longer = [line for _, (line, cells) in body if len(cells) > width >= _filled(cells)]
    kept = [(number, (line, cells[:width] if _filled(cells) <= width else cells)) for number, (line, cells) in body]
    rows = "every row ends in" if len(longer) == len(body) else f"{_listed(longer)} end in"
    trimmed = rows if longer else "the column names end in" if len(names) > width else ""
    return list(names[:width]), kept, trimmed


def _refuse_ragged(source: _Source, columns: Sequence[str], body: Sequence[_Record]) -> None:
    bad = [(line, len(record)) for line, record in body if len(record) != len(columns)]
    if not bad:
        return
    if len(bad) == len(body) and len({width for _, width in bad}) == 1:
        named = f"{len(columns)} column{'' if len(columns) == 1 else 's'}"
        problem = f"{source.name} names {named}, but all its rows have {bad[0][1]} values"
        hint = "Give every column a name, and no more names than there are columns."
    else:
        named = ", ".join(f"line {line} has {width}" for line, width in bad[:LINES_NAMED])
        more = f" and {len(bad) - LINES_NAMED:,} more" if len(bad) > LINES_NAMED else ""
        problem = f"{source.name} has {len(columns)} columns, but {named}{more}"
        hint = "Put values that hold the delimiter or line breaks between double quotes."
        if all(width < len(columns) for _, width in bad):
            hint = "Write every delimiter, also where a value is empty; put values with line breaks between double quotes."
    raise _Unfit(DataError(problem, hint))


def _listed(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - LINES_NAMED:,} more" if len(lines) > LINES_NAMED else ""
    return f"{'line' if len(lines) == 1 else 'lines'} {', '.join(map(str, lines[:LINES_NAMED]))}{more}"
