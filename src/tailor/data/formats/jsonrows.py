"""JSON in the shapes in which tables are kept: lines, a list, a list inside an object, columns, and nested questions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from tailor.data.finding import Finding
from tailor.data.formats.classes import with_class_names
from tailor.data.formats.header import column_names, has_common_name, looks_like_data
from tailor.data.formats.promptfoo import config_rows, is_config
from tailor.data.formats.spacy import annotated_pairs, is_annotated
from tailor.data.jsontext import Number, parse, parse_several, to_text, written_by_python
from tailor.data.roles import ROLE_OF
from tailor.errors import DataError, quoted

LINES_NAMED = 5
LEAST_LABELS = 4
LEAST_KEY_WORDS = 3  # on average, of keys that are texts and no names
WRAPPERS = ("data", "rows", "records", "items", "examples", "results", "questions", "train")
TURN_KEYS = ({"role"}, {"from", "value"}, {"from", "content"})  # a list of objects with these is a conversation, and no table

_LAST_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])')
"""A comma in front of a closing bracket; texts in quotes are passed over."""

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]


def read_json(name: str, text: str, *, columns: Sequence[str] = ()) -> Read:
    """The rows of a JSON file, and what was assumed to find them.

    Args:
        name: the file's name, for messages.
        text: what it holds.
        columns: names of the columns where the rows are lists without a row of names.

    Raises:
        DataError: it is not JSON, or no table can be found in it.
    """
    text = text.strip()
    try:
        value = parse(text)
    except ValueError as error:
        repaired = _without_last_commas(text)
        if repaired is not None:
            note = Finding("note", f"{name} has a comma in front of a closing bracket; it is skipped.")
            objects, more = read_json(name, repaired, columns=columns)
            return objects, (note, *more)
        if text.startswith("[") and "\n{" not in text and "\n[" not in text:
            raise DataError(
                f"{name} is not a JSON list of objects: {error}", "One JSON object per line is accepted too."
            ) from error
        return _lines(name, text, columns)
    if isinstance(value, list):
        return _list(name, value, columns)
    if isinstance(value, dict):
        return _object(name, value, columns)
    raise _odd(name, [f"line 1 (not an object, but {quoted(to_text(value), 30)})"])


def _without_last_commas(text: str) -> str | None:
    """The text without commas in front of closing brackets, if it is JSON then."""
    repaired = _LAST_COMMA.sub(lambda match: match[1] or "", text)
    try:
        parse(repaired)
    except ValueError:
        return None
    return repaired


# Rows below each other


def _lines(name: str, text: str, columns: Sequence[str]) -> Read:
    """One value per line; where that fails, values that run over lines, one behind the other."""
    lines = ["" if _is_comment(line) else line.strip() for line in text.split("\n")]  # splitlines would split at U+2028 too
    values: list[tuple[int, object]] = []
    bad = []
    python = 0
    for number, line in enumerate(lines, start=1):
        try:
            values += [(number, parse(line.removesuffix(",")))] if line else []
        except ValueError as error:
            if len(lines) > 1 and (row := written_by_python(line.removesuffix(","))) is not None:
                values.append((number, row))
                python += 1
                continue
            bad.append(f"line {number} ({error})")
    findings = []
    if comments := sum(map(_is_comment, text.split("\n"))):
        findings.append(Finding("note", f"{name} has {_count(comments, 'line')} of comment; not read as rows."))
    if python:
        findings.append(Finding("note", f"{name}: {_count(python, 'row')} written as Python dictionaries, and read as such."))
    if bad:
        try:
            values = parse_several("\n".join(lines))
        except ValueError:
            raise _odd(name, bad) from None
        if len(values) == 1 and isinstance(values[0][1], list | dict):
            whole = values[0][1]
            objects, more = _list(name, whole, columns) if isinstance(whole, list) else _object(name, whole, columns)
            return objects, (*findings, *more)
        findings.append(Finding("note", f"{name} holds JSON values that run over several lines, one behind the other."))
    elif any(line.endswith(",") for line in lines):
        findings.append(Finding("note", f"{name} has commas between its rows; they are skipped."))
    if values and all(isinstance(value, list) for _, value in values):
        objects, more = _list(name, [value for _, value in values], columns)
        return objects, (*findings, *more)
    wrong = [f"line {number} (not an object)" for number, value in values if not isinstance(value, dict)]
    if wrong:
        raise _odd(name, wrong)
    return [value for _, value in values if isinstance(value, dict)], tuple(findings)


def _is_comment(line: str) -> bool:
    return line.strip().startswith(("//", "#"))


def _odd(name: str, bad: Sequence[str]) -> DataError:
    more = f" and {len(bad) - LINES_NAMED:,} more" if len(bad) > LINES_NAMED else ""
    return DataError(
        f"{name} must hold one JSON object per line, but does not on {', '.join(bad[:LINES_NAMED])}{more}",
        "Correct or delete these lines.",
    )


def _list(name: str, items: Sequence[object], columns: Sequence[str]) -> Read:
    if items and all(map(_has_turns, items)):
        return [{"messages": item} for item in items], (Finding("note", f"{name} holds lists of turns; each is a row."),)
    if items and all(isinstance(item, list) and len(item) == 2 and is_annotated(item[1]) for item in items):
        return annotated_pairs(name, cast("list[list[object]]", items))
    if items and all(isinstance(item, list) for item in items):
        return _arrays(name, cast("list[list[object]]", items), columns)
    if items and not any(isinstance(item, dict | list) for item in items):
        raise DataError(
            f"{name} is a list of plain values; a table is a list of objects",
            'Write each row as an object, such as {"text": "...", "label": "..."}.',
        )
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise DataError(
                f"{name} is not a JSON list of objects: item {number} is not an object", "One JSON object per line is accepted too."
            )
    objects = cast("Sequence[Object]", items)
    if items and all("paragraphs" in item for item in objects):
        return _nested_questions(name, objects)
    if items and all(set(item) >= {"row"} and isinstance(item["row"], dict) for item in objects):
        return [cast("Object", item["row"]) for item in objects], ()
    return objects, ()


def _arrays(name: str, items: Sequence[list[object]], columns: Sequence[str]) -> Read:
    header, body = (list(columns), items) if columns else ([to_text(cell) for cell in items[0]], items[1:])
    names = column_names(name, header)
    bad = [f"row {number} has {len(row)}" for number, row in enumerate(body, start=1) if len(row) != len(names)]
    if bad:
        more = f" and {len(bad) - LINES_NAMED:,} more" if len(bad) > LINES_NAMED else ""
        raise DataError(
            f"{name} has {len(names)} columns, but {', '.join(bad[:LINES_NAMED])}{more}",
            "Give every row as many values as the first, which names the columns.",
        )
    if not columns and looks_like_data(names, [[to_text(cell) for cell in row] for row in body]):
        first = ", ".join(quoted(cell, 40) for cell in names[:3])
        raise DataError(
            f"{name} holds lists, and seems to have no header: the first reads like data ({first})",
            "Put a list of column names first, or name the columns, as in --columns text,label (`columns` under `data`).",
        )
    note = (
        f"{name} holds lists; {'their columns are ' + ', '.join(map(quoted, names)) if columns else 'the first names the columns'}."
    )
    return [dict(zip(names, row, strict=True)) for row in body], (Finding("note", note),)


# A table inside an object


def _object(name: str, value: dict[str, object], columns: Sequence[str]) -> Read:
    if is_config(value):
        return config_rows(name, value)
    for shape in (_split, _in_splits, _wrapped, _by_label, _columnar, _by_key, _by_text):
        found = shape(name, value, columns)
        if found is not None:
            return found
    return [value], ()


def _split(name: str, value: dict[str, object], _columns: Sequence[str]) -> Read | None:
    """Names under `columns` and rows under `data`, as pandas writes them."""
    names, rows = value.get("columns"), value.get("data")
    if not (_is_list_of(names, str) and _is_list_of(rows, list) and set(value) <= {"columns", "data", "index"}):
        return None
    return _arrays(name, cast("list[list[object]]", rows), cast("list[str]", names))


def _in_splits(name: str, value: dict[str, object], columns: Sequence[str]) -> Read | None:
    """Lists of rows under the names of splits."""
    lists = {key: inner for key, inner in value.items() if _is_table(inner)}
    if not {"train", "test"} <= {ROLE_OF.get(key.casefold()) for key in lists} or not all(
        key.casefold() in ROLE_OF for key in lists
    ):
        return None
    parts = {key: _list(f"{name} {key}", cast("list[object]", rows), columns) for key, rows in lists.items()}
    if any("split" in row for rows, _ in parts.values() for row in rows):
        return None
    ignored = [key for key in value if key not in lists]
    unread = f" (not read: {', '.join(map(quoted, ignored[:LINES_NAMED]))})" if ignored else ""
    what = f"{name} holds a list of rows for each split: {', '.join(map(quoted, lists))}{unread}; `split` says which a row is in."
    findings = dict.fromkeys(finding for _, more in parts.values() for finding in more)
    return [{**row, "split": key} for key, (rows, _) in parts.items() for row in rows], (Finding("note", what), *findings)


def _by_label(name: str, value: dict[str, object], _columns: Sequence[str]) -> Read | None:
    """A list of texts under each label."""
    if len(value) < 2 or has_common_name(list(value)) or not all(_is_list_of(inner, str) for inner in value.values()):
        return None
    lists = cast("dict[str, list[str]]", value)
    texts = [text for inner in lists.values() for text in inner]
    if any(isinstance(text, Number) for text in texts) or any(len(set(inner)) <= len(inner) / 2 for inner in lists.values()):
        return None
    if len(set(map(len, lists.values()))) == 1 and len(lists) < LEAST_LABELS:  # as likely a list per column
        return None
    what = f"{name} holds a list of texts under each of {len(lists)} names; these are read as `text` and `label`."
    return [{"text": text, "label": label} for label, inner in lists.items() for text in inner], (Finding("note", what),)


def _wrapped(name: str, value: dict[str, object], columns: Sequence[str]) -> Read | None:
    """The one list of objects (or of lists) among the values, or the one under a usual name."""
    lists = [key for key, inner in value.items() if _is_table(inner)]
    if len(lists) > 1:
        usual = [key for key in lists if key in WRAPPERS[:-1]]
        if len(usual) != 1:
            raise DataError(
                f"{name} holds several lists of rows: {', '.join(map(quoted, lists))}",
                "Save each list as a file of its own; a training and a test file are named as `train` and `test` under `data`.",
            )
        lists = usual
    if not lists:
        turns = any(map(_has_turns, value.values()))
        inside = [inner for inner in value.values() if not turns and isinstance(inner, dict) and _holds_table(inner)]
        return _wrapped(name, inside[0], columns) if len(inside) == 1 else None
    rows = cast("list[object]", value[lists[0]])
    objects, findings = _list(name, rows, columns)
    if isinstance(value.get("features"), list):
        objects, more = with_class_names(name, objects, cast("list[object]", value["features"]))
        findings = (*findings, *more)
    ignored = [key for key in value if key != lists[0]]
    more_keys = f" (not read: {', '.join(map(quoted, ignored[:LINES_NAMED]))})" if ignored else ""
    return objects, (Finding("note", f"{name}: the rows are in the list {quoted(lists[0])}{more_keys}."), *findings)


def _holds_table(value: dict[str, object], depth: int = 4) -> bool:
    """Whether a list of rows is among the values of an object, or of objects inside it."""
    inner = value.values()
    return any(_is_table(v) and len(cast("list[object]", v)) > 1 for v in inner) or (
        depth > 0 and any(isinstance(v, dict) and _holds_table(v, depth - 1) for v in inner)
    )


def _is_table(value: object) -> bool:
    if not isinstance(value, list) or not value:
        return False
    if _is_list_of(value, dict):
        return not _has_turns(value) and "start" not in value[0]
    return len(value) > 1 and _is_list_of(value, list) and _is_list_of(value[0], str) and len({len(row) for row in value}) == 1


def _has_turns(value: object) -> bool:
    """Whether a list holds turns of a conversation."""
    return isinstance(value, list) and any(isinstance(item, dict) and keys <= set(item) for item in value for keys in TURN_KEYS)


def _columnar(name: str, value: dict[str, object], _columns: Sequence[str]) -> Read | None:
    """A list per column, or a value per row number for each column, as pandas writes them."""
    inner = list(value.values())
    if len(inner) > 1 and _is_list_of(inner, list) and not any(map(_has_turns, inner)):
        lengths = {key: len(cast("list[object]", cells)) for key, cells in value.items()}
        if len(set(lengths.values())) > 1:
            named = ", ".join(f"{quoted(key)} has {length:,}" for key, length in list(lengths.items())[:LINES_NAMED])
            raise DataError(
                f"{name} holds a list per column, but of different lengths: {named}", "Give every column as many values."
            )
        rows = [dict(zip(value, cells, strict=True)) for cells in zip(*cast("list[list[object]]", inner), strict=True)]
    elif len(inner) > 1 and _is_list_of(inner, dict) and all(key.isdecimal() for cells in inner for key in cast("Object", cells)):
        keys = list(dict.fromkeys(key for cells in inner for key in cast("Object", cells)))
        rows = [{column: cast("Object", cells).get(key) for column, cells in value.items()} for key in keys]
    else:
        return None
    return rows, (Finding("note", f"{name} holds its table column by column."),)


def _by_key(name: str, value: dict[str, object], _columns: Sequence[str]) -> Read | None:
    """An object per row, under the row's name."""
    inner = list(value.values())
    if len(inner) < 2 or not _is_list_of(inner, dict):
        return None
    keys = [set(cast("Object", row)) for row in inner]
    if not set.intersection(*keys):
        return None
    clash = any("id" in row for row in keys)
    rows = [row if clash else {"id": key, **row} for key, row in cast("dict[str, dict[str, object]]", value).items()]
    kept = "" if clash else ", which is read as the column `id`"
    return rows, (Finding("note", f"{name} holds each row under a name of its own{kept}."),)


def _by_text(name: str, value: dict[str, object], _columns: Sequence[str]) -> Read | None:
    """A label, or an answer, under each text."""
    keys, values = list(value), list(value.values())
    words = sum(len(key.split()) for key in keys) / max(1, len(keys))
    if len(keys) < LEAST_LABELS or words < LEAST_KEY_WORDS or not all(isinstance(inner, str) for inner in values):
        return None
    columns = ("text", "label") if len(set(map(str, values))) <= len(values) / 2 else ("question", "answer")
    what = f"{name} holds {len(keys):,} texts, each with a value; they are read as {' and '.join(map(quoted, columns))}."
    return [dict(zip(columns, pair, strict=True)) for pair in value.items()], (Finding("note", what),)


def _is_list_of(value: object, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, kind) for item in value)


# Questions inside paragraphs inside articles, as SQuAD has them


def _nested_questions(name: str, articles: Sequence[Object]) -> Read:
    rows: list[Object] = []
    for number, article in enumerate(articles, start=1):
        place = f"{name} item {number}"
        for paragraph in _objects_in(article, "paragraphs", place):
            for asked in _objects_in(paragraph, "qas", place):
                none = asked.get("is_impossible") is True
                row = {**asked, "context": paragraph.get("context"), "answers": [] if none else asked.get("answers")}
                rows.append({**row, "title": article["title"]} if "title" in article else row)
    what = f"{name} nests questions in paragraphs; each question is a row with its paragraph as `context`."
    return rows, (Finding("note", what),)


def _objects_in(holder: Object, key: str, place: str) -> Iterator[Object]:
    inner = holder.get(key)
    if not isinstance(inner, list) or not all(isinstance(item, dict) for item in inner):
        hint = "Questions are read from data, paragraphs and qas."
        raise DataError(f"{place} has no list of objects under {quoted(key)}", hint)
    yield from inner


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
