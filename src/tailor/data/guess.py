"""A first look at someone's data: which column is asked, which is the answer, and what else the columns may be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tailor.data.asked import LEAST_WORDS, AskedTemplate, compose, with_images
from tailor.data.cells import answers_in
from tailor.data.columns import (
    ABOUT_NAMES,
    CONTEXT_NAMES,
    ID_NAMES,
    INPUT_NAMES,
    LABEL_NAMES,
    NEVER_ASKED,
    OUTPUT_NAMES,
    QUOTE_NAMES,
    SOURCE_NAMES,
    Column,
    Columns,
    columns_of,
    first,
    is_facet,
    is_group,
    is_id,
    is_yes_or_no,
    listed,
    named,
    why_none,
)
from tailor.data.files import files_of, unused_splits
from tailor.data.finding import Finding
from tailor.data.given import role_of
from tailor.data.jsontext import as_text
from tailor.data.noticed import instructed, noticed, other_answers
from tailor.data.roles import COLUMN_NAMES
from tailor.data.table import Table, read_table, with_record
from tailor.documents.places import PAGES, found_files
from tailor.errors import ConfigError, DataError, DocumentsError, did_you_mean, quoted
from tailor.files import real_path
from tailor.kinds.base import ColumnProfile, Kind
from tailor.plugins import KINDS

LABELS_LISTED = 80
SHORT_ANSWER = 25  # words; the longest answer that counts as short unless the data's own are longer
DOCUMENT_FOLDERS = ("docs", "documents", "handbook", "knowledge", "pages", "kb")


@dataclass(frozen=True)
class GivenOptions:
    """What the user says about the data; what is empty is guessed.

    Attributes:
        documents: folder of documents.
        input: column with what is asked.
        output: column with the right answer, or several with commas between them, whose values are fields of one.
        kind: name of the kind of task.
        columns: names of the columns, for files without a header.
        encoding: how files of text are encoded.
    """

    documents: Path | None = None
    input: str = ""
    output: str = ""
    kind: str = ""
    columns: tuple[str, ...] = ()
    encoding: str = ""


@dataclass(frozen=True)
class GuessedTask:
    """What a task seems to be.

    Attributes:
        name: a name for the task.
        kind: the kind of task.
        input: column with what is asked.
        asked: the template of what is asked, and what all rows have in common.
        output: column with the right answer.
        labels: the different right answers of a closed set, sorted; empty when there are too many to list.
        n_labels: how many there are.
        max_words: words of the longest answer that counts as short.
        longest: words of the longest right answer.
        columns: every column.
        files: data files by setting: `file`, or `train` and `test` and perhaps `dev`.
        split_by: column of the one file that names the split of each row, or empty.
        images: columns that name image files.
        id: column with a unique name per row, or empty.
        group_by: column whose values seem to name a person, account or conversation, or empty.
        report_by: columns with two to eight different values.
        quote: column with the sentence that answers, or empty.
        source: column with the document that answers, or empty.
        documents: folder of documents, or None.
        answers: the cells with right answers, as text.
        findings: what was assumed or left out when the files were read.
        options: what the user said about the data.
    """

    name: str
    kind: Kind
    input: str
    asked: AskedTemplate
    output: str
    labels: tuple[str, ...]
    n_labels: int
    max_words: int
    longest: int
    columns: tuple[str, ...]
    files: Mapping[str, Path]
    split_by: str
    images: tuple[str, ...]
    id: str
    group_by: str
    report_by: tuple[str, ...]
    quote: str
    source: str
    documents: Path | None
    answers: tuple[str, ...]
    findings: tuple[Finding, ...]
    options: GivenOptions


def guess_task(path: Path, options: GivenOptions = GivenOptions()) -> GuessedTask:
    """What the task behind a data file seems to be; what the options say is taken as it is.

    Raises:
        DataError: the file cannot be read, or seems to have no header.
        ConfigError: no column fits as input or as right answer, a column given does not exist, or the documents are no folder.
    """
    _refuse_no_documents(options)
    files, tables, notes = _tables(path, options)
    table, columns = next(iter(tables.values())), columns_of(tuple(tables.values()))
    _refuse_unknown(path, columns, options)
    if table.headerless and not (options.input and options.output):
        _refuse_headerless(table)
    output = options.output or _guess_output(path, columns, options.input)
    if output not in columns:
        tables, notes = _as_sets(tables, output), (*notes, _a_label_each(output))
        table, columns = next(iter(tables.values())), columns_of(tuple(tables.values()))
    input = options.input or _guess_input(path, columns, output)
    documents = options.documents
    images = tuple(name for name, column in columns.items() if column.is_image and name != output)
    asked = with_images(compose(columns, input, output, from_documents=documents is not None), images)
    kind: Kind = KINDS.load(options.kind) if options.kind else _guess_kind(columns[output], documents, asked)
    if kind.reads and documents is None and not asked.context:
        documents = _documents_next_to(path)
    files, tables, unused = _with_answers(files, tables, output)
    columns = columns_of(tuple(tables.values()))
    n_rows = sum(len(part.rows) for part in tables.values())
    labels = columns[output].labels(several=kind.several) if kind.closed else []
    split_by, said = _split_column(tables, output) if "file" in tables else ("", ())
    others = [column for name, column in columns.items() if name not in (output, split_by, *asked.columns)]
    others_said = () if options.output else tuple(other_answers(columns, output, others))
    quote, source = (named(names, others) if kind.sourced else "" for names in (QUOTE_NAMES, SOURCE_NAMES))
    others = [column for column in others if column.name not in (quote, source)]
    identity = first(others, lambda column: is_id(column, n_rows))
    others = [column for column in others if column.name != identity]
    return GuessedTask(
        name=named_after(path),
        kind=kind,
        input=input,
        asked=asked,
        output=output,
        labels=tuple(labels) if len(labels) <= LABELS_LISTED else (),
        n_labels=len(labels),
        max_words=_max_words(columns[output]),
        longest=max(columns[output].lengths, default=0),
        columns=table.columns,
        files=files,
        split_by=split_by,
        images=images,
        id=identity,
        group_by=first(others, lambda column: is_group(column, n_rows)),
        report_by=tuple(column.name for column in others if is_facet(column, n_rows))[:3],
        quote=quote,
        source=source,
        documents=documents,
        answers=tuple(map(as_text, columns[output].cells)),
        findings=(*notes, *unused, *said, *noticed(tables, columns, output, kind, documents), *instructed(asked), *others_said),
        options=options,
    )


# Files


def _tables(path: Path, options: GivenOptions) -> tuple[dict[str, Path], dict[str, Table], tuple[Finding, ...]]:
    """The data files and their tables by the setting that names them, and what was found when they were read."""
    files = files_of(path)
    read = {name: read_table(file, columns=options.columns, encoding=options.encoding) for name, file in files.items()}
    names = [name.strip() for name in options.output.split(",")]
    marks = _are_marks(columns_of(tuple(read.values())), names)
    as_set = KINDS.load(options.kind).several if options.kind else marks
    tables = {name: with_record(table, options.output, as_set=as_set) for name, table in read.items()}
    findings = [finding for table in tables.values() for finding in table.findings]
    if "file" in files and (unused := unused_splits(path)):
        what = f"{listed(unused)} seem to be other splits of the same data; they are not used, and {quoted(path.name)} is split."
        findings.append(Finding("warning", what, advice="To use them, start from the training file, with a test file next to it."))
    for name, file in files.items():
        if "*" in file.name:
            parts = {table_file for table_file, _ in tables[name].places}
            findings.append(Finding("note", f"{quoted(file.name)} names {len(parts)} files, which are read as one table."))
    return files, tables, tuple(findings)


def _with_answers(
    files: Mapping[str, Path], tables: Mapping[str, Table], output: str
) -> tuple[dict[str, Path], dict[str, Table], tuple[Finding, ...]]:
    """The files that have right answers; without a test file that has some, the training file is split."""
    bare = [name for name, table in tables.items() if name in ("dev", "test") and not _has_answers(table, output)]
    lacks = {name: "right answers in" if output in tables[name].columns else "column" for name in bare}
    findings = tuple(
        Finding("warning", f"{tables[name].file} has no {lacks[name]} {quoted(output)}, so it is not used.") for name in bare
    )
    kept = {name: file for name, file in files.items() if name not in bare}
    if "train" in kept and "test" not in kept:
        kept = {"file": kept["train"]}
        return kept, {"file": tables["train"]}, findings
    return kept, {name: tables[name] for name in kept}, findings


def _split_column(tables: Mapping[str, Table], output: str) -> tuple[str, tuple[Finding, ...]]:
    """The column that names the split of each row, and a finding on one that cannot be used."""
    table = tables["file"]
    for column in (name for name in table.columns if name.casefold() in COLUMN_NAMES and name != output):
        roles = {role_of(row[column]) for row in table.rows}
        if len(roles - {""}) < 2:
            continue
        bare = [
            role for role in roles - {""} if not any(answers_in(row[output]) for row in table.rows if role_of(row[column]) == role)
        ]
        if "" not in roles and {"train", "test"} <= roles and not bare:
            return column, (Finding("note", f"{quoted(column)} names the split of each row; the rows are split so."),)
        why = f"its rows of {bare[0]} have no right answers" if bare else "not every row is train, dev or test"
        why = why if bare or "" in roles else f"it names no row of {'train' if 'train' not in roles else 'test'}"
        what = f"{quoted(column)} names splits, but {why}; so it is not used, and the rows are split again."
        return "", (
            Finding(
                "warning", what, advice="Rows of the training set may end up in the test set; keep this in mind when you compare."
            ),
        )
    return "", ()


def _has_answers(table: Table, output: str) -> bool:
    return output in table.columns and any(answers_in(row[output]) for row in table.rows)


def _refuse_no_documents(options: GivenOptions) -> None:
    if options.documents is not None:
        try:
            found_files(options.documents)
        except DocumentsError as error:
            raise ConfigError(f"--documents names {quoted(options.documents, 200)}, which is not a folder", error.hint) from error


def _refuse_unknown(path: Path, columns: Columns, options: GivenOptions) -> None:
    for option, given in (("--input", options.input), ("--output", options.output)):
        if given and given not in columns:
            raise ConfigError(
                f"{option} names {quoted(given)}{did_you_mean(given, columns)}", f"{path.name} has the columns {listed(columns)}."
            )


def _refuse_headerless(table: Table) -> None:
    first_line = ", ".join(quoted(name, 40) for name in table.columns[:3])
    raise DataError(
        f"{table.file} seems to have no header: its first line reads like data ({first_line})",
        "Put a line of column names first, or name the columns, as in --columns text,label. "
        "If these are names after all, say which columns are meant with --input and --output.",
    )


# Columns


def _guess_output(path: Path, columns: Columns, input: str) -> str:
    candidates = [column for name, column in columns.items() if name != input and column.is_answer and _likelihood(column)]
    if name := named(OUTPUT_NAMES, candidates):
        return name
    asked = [column for column in candidates if column.is_text or column.is_image]
    few = [column for column in candidates if column.has_few_values and not (column.is_number or column.is_list)]
    few = [column for column in few if column.name.casefold() not in ABOUT_NAMES] or few
    few = few or [column for column in candidates if is_yes_or_no(column)]
    several = [column for column in candidates if column.holds_several and _likelihood(column) > 0.5]
    few = several or few  # several values in a row are no detail about it, as one of a few may be
    if len(few) == 1 and (asked or input):
        return few[0].name
    hint = f"Say which with --output{'' if input else ' (and --input)'}; the columns are {listed(columns)}."
    marks = [column.name for column in few if is_yes_or_no(column)]
    if len(marks) > 1 and not any("," in name for name in marks):
        return ", ".join(marks)
    if few:
        raise ConfigError(f"The right answer in {path.name} could be {listed(column.name for column in few)}", hint)
    claimed = [column for column in candidates if not column.is_text and _likelihood(column) > 0.5]
    if len(claimed) == 1 and (asked or input):
        return claimed[0].name
    if claimed:
        raise ConfigError(f"The right answer in {path.name} could be {listed(column.name for column in claimed)}", hint)
    texts = [column for column in columns.values() if column.words >= LEAST_WORDS and not column.is_list]
    if len(columns) == len(texts) == 2 and texts[1] in candidates:
        return texts[1].name  # two columns of texts: what is asked is written first
    raise ConfigError(f"No column of {path.name} looks like the right answer{why_none(columns, input)}", hint)


def _are_marks(columns: Columns, names: Sequence[str]) -> bool:
    """Whether these columns hold 0 and 1, as those of a label each do."""
    return len(names) > 1 and all(name in columns and is_yes_or_no(columns[name]) for name in names)


def _as_sets(tables: Mapping[str, Table], output: str) -> dict[str, Table]:
    return {name: with_record(table, output, as_set=True) for name, table in tables.items()}


def _a_label_each(output: str) -> Finding:
    what = f"{listed(output.split(', '))} hold 0 and 1: each is taken for a label, of which a row may have several."
    return Finding("note", what, advice="If one of them alone is the right answer, name it with --output.")


def _guess_input(path: Path, columns: Columns, output: str) -> str:
    skipped = {output.casefold(), *QUOTE_NAMES, *SOURCE_NAMES, *CONTEXT_NAMES, *ID_NAMES, *NEVER_ASKED}
    filled = [column for name, column in columns.items() if column.filled and name != output]
    candidates = [column for column in filled if column.name.casefold() not in skipped and not column.is_image]
    varied = [column for column in candidates if not column.has_few_values]
    if name := named(INPUT_NAMES, varied) or named(INPUT_NAMES, candidates):
        return name
    texts = [column for column in candidates if column.is_text]
    longest = max(texts or candidates, key=lambda column: column.words, default=None)
    alone = len(candidates) == 1 and longest is not None and longest.words >= LEAST_WORDS
    if longest is None or not (longest.is_text or alone):
        if image := first(filled, lambda column: column.is_image):
            return image
        raise ConfigError(
            f"No column of {path.name} looks like the text that is asked about",
            f"Say which with --input; the columns are {listed(columns)}.",
        )
    return longest.name


def _profile(column: Column, documents: Path | None = None, *, choices: bool = False) -> ColumnProfile:
    """What is seen of a column that may hold the right answers."""
    name = column.name.casefold()
    return ColumnProfile(
        name=name,
        is_label=name in LABEL_NAMES,
        few_values=column.has_few_values,
        several=column.is_list or bool(column.several),
        choices=choices,
        documents=documents is not None,
        few_parts=column.has_few_parts or column.is_joined,
        spans=column.marks_spans,
        records=column.has_records,
        words=column.words,
    )


def _likelihood(column: Column) -> float:
    """How likely such a column is of the kind that it is likeliest of; 0 where no kind takes it."""
    profile = _profile(column)
    kinds: list[Kind] = list(KINDS.usable().values())
    return max(kind.likelihood(profile) for kind in kinds)


def _guess_kind(output: Column, documents: Path | None, asked: AskedTemplate) -> Kind:
    """The kind that such a column is likeliest of."""
    profile = _profile(output, documents, choices=asked.choices)
    kinds: list[Kind] = list(KINDS.usable().values())
    return max(kinds, key=lambda kind: kind.likelihood(profile))


def _max_words(output: Column) -> int:
    """Twenty-five, or what nineteen of twenty right answers keep to where that is more."""
    lengths = output.lengths
    return max(SHORT_ANSWER, lengths[int(0.95 * (len(lengths) - 1))]) if lengths else SHORT_ANSWER


# Names and documents


def named_after(path: Path) -> str:
    """A name from that of the file, or of its folder where the file's says nothing."""
    generic = {"train", "test", "data", "dataset", "examples", "questions", "rows", "all"}
    stem = re.sub(r"-\d+-of-\d+$", "", path.stem)
    stem = stem if stem.casefold() not in generic else real_path(path).parent.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "task"


def _documents_next_to(path: Path) -> Path | None:
    for name in DOCUMENT_FOLDERS:
        folder = real_path(path).parent / name
        if folder.is_dir() and any(inner.suffix.lower() in PAGES for inner in folder.rglob("*")):
            return folder
    return None
