"""Marks of stretches of a text as annotation tools write them, in one form: a list of `{start, end, label}` per row.

Read are doccano's lines (triples under `label`, objects with `start_offset` under `entities`), spaCy's and Prodigy's (`entities`,
`spans`), Label Studio's short form, and tokens with a tag each, as Hugging Face keeps the sets of CoNLL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tailor.data.finding import Finding
from tailor.data.formats.tags import TAG, spans_of_tags
from tailor.errors import DataError, quoted

ROWS_NAMED = 5
TEXTS = ("text", "data", "content", "sentence")
SPANS = ("entities", "spans", "label", "labels", "ents", "annotations", "ner")
NAMED_TAGS = ("ner_tags", "ner", "bio_tags")
TAGS = (*NAMED_TAGS, "tags", "labels", "tag")
_STARTS, _ENDS = ("start", "start_offset", "start_char"), ("end", "end_offset", "end_char")
_LABELS = ("label", "labels", "type", "entity", "tag")

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]


def flatten_spans(name: str, rows: Sequence[Object]) -> Read:
    """The rows with every mark as `{start, end, label}`, in characters of the text; rows without marks as they are.

    Raises:
        DataError: a mark lies outside its text, or tags do not fit the tokens; the rows are named.
    """
    if tagged := _tagged(rows):
        return _from_tokens(name, rows, tagged)
    text = next((key for key in TEXTS if rows and all(isinstance(row.get(key), str) for row in rows)), "")
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if text and key != text and _marks(rows, key)]
    if not columns:
        return rows, ()
    made, bad = [dict(row) for row in rows], []
    shifted, changed = 0, False
    for number, row in enumerate(made, start=1):
        said = str(row[text])
        for column in columns:
            try:
                marks, moved = placed(said, row.get(column))
            except ValueError as error:
                bad.append(f"row {number} ({error})")
                continue
            changed |= row.get(column) != marks
            row[column] = marks
            shifted += moved
    if bad:
        more = f" and {len(bad) - ROWS_NAMED:,} more" if len(bad) > ROWS_NAMED else ""
        raise DataError(
            f"{name} marks stretches of {quoted(text)} that are not there: {', '.join(bad[:ROWS_NAMED])}{more}",
            "A mark gives the first character and the one behind the last, counted from 0; correct these rows.",
        )
    return (made, tuple(_told(name, text, columns, shifted, rows))) if changed else (rows, ())


def _told(name: str, text: str, columns: Sequence[str], shifted: int, rows: Sequence[Object]) -> Iterator[Finding]:
    listed = ", ".join(map(quoted, columns))
    yield Finding("note", f"{name} marks stretches of {quoted(text)} in {listed}; each is read as its start, end and label.")
    if shifted:
        what = f"{name}: in {shifted:,} rows marks count signs such as emoji twice, as browsers do; they are moved to their words."
        yield Finding("note", what)
    if related := sum(1 for row in rows if row.get("relations")):
        yield Finding("warning", f"{name}: {related:,} rows have relations between marks, which are not used.")


def _marks(rows: Sequence[Object], key: str) -> bool:
    """Whether a column holds lists of marks, at least one of them, and nothing else."""
    cells = [row.get(key) for row in rows]
    lists = [cell for cell in cells if isinstance(cell, list)]
    items = [item for cell in lists for item in cell]
    named = key in SPANS or any(isinstance(item, Mapping) for item in items)
    return named and bool(items) and all(cell is None or isinstance(cell, list) for cell in cells) and all(map(_is_mark, items))


def _is_mark(item: object) -> bool:
    if isinstance(item, list):
        return len(item) == 3 and _is_place(item[0]) and _is_place(item[1]) and isinstance(item[2], str)
    return (
        isinstance(item, Mapping)
        and _is_place(_first(item, _STARTS))
        and _is_place(_first(item, _ENDS))
        and isinstance(_first(item, _LABELS), str | list)
    )


def _is_place(value: object) -> bool:
    return str(value).isdecimal() and not isinstance(value, bool)


def _first(item: Mapping[str, object], names: Sequence[str]) -> object:
    return next((item[name] for name in names if name in item), None)


def placed(text: str, cell: object) -> tuple[list[dict[str, object]], bool]:
    """The marks in a cell as `{start, end, label}` in order, one for each label, and whether some had to be moved to their words.

    Raises:
        ValueError: one is not inside the text.
    """
    marks: list[dict[str, object]] = []
    moved = False
    for item in cell if isinstance(cell, list) else []:
        start, end, label = item if isinstance(item, list) else (_first(item, names) for names in (_STARTS, _ENDS, _LABELS))
        words = item.get("text") if isinstance(item, Mapping) else None
        first, last = int(str(start)), int(str(end))
        if isinstance(words, str) and text[first:last] != words and (found := _in_units(text, first, last)) is not None:
            if text[found[0] : found[1]] == words:
                (first, last), moved = found, True
        if not first < last <= len(text):
            raise ValueError(f"{first} to {last} of {len(text):,} characters")
        for each in label if isinstance(label, list) else [label]:
            mark: dict[str, object] = {"start": first, "end": last, "label": str(each)}
            marks.append(mark if words is None else {**mark, "text": words})
    return sorted(marks, key=lambda mark: (int(str(mark["start"])), int(str(mark["end"])))), moved


def _in_units(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Places that count UTF-16 units, as browsers do, as places that count characters."""
    units = text.encode("utf-16-le", "surrogatepass")
    try:
        return tuple(len(units[: 2 * place].decode("utf-16-le", "surrogatepass")) for place in (start, end))  # type: ignore[return-value]
    except UnicodeDecodeError:
        return None


# Tokens with a tag each


def _tagged(rows: Sequence[Object]) -> str:
    """The column with a tag for each token; none where the text is there, too."""
    if not rows or any("text" in row for row in rows) or not all(_is_texts(row.get("tokens")) for row in rows):
        return ""
    lists = [key for key in TAGS if all(isinstance(row.get(key), list) for row in rows)]
    return next((key for key in lists if key in NAMED_TAGS or all(_fit(row["tokens"], row[key]) for row in rows)), "")


def _fit(tokens: object, tags: object) -> bool:
    """Whether there is a tag, or the number of one, for each token."""
    if not (isinstance(tokens, list) and isinstance(tags, list)) or len(tokens) != len(tags):
        return False
    return all(str(tag).isdecimal() or TAG.fullmatch(str(tag)) for tag in tags)


def _is_texts(cell: object) -> bool:
    return isinstance(cell, list) and all(isinstance(item, str) for item in cell)


def _from_tokens(name: str, rows: Sequence[Object], column: str) -> Read:
    made: list[Object] = []
    for number, row in enumerate(rows, start=1):
        tokens, tags = row["tokens"], row[column]
        assert isinstance(tokens, list) and isinstance(tags, list)
        if any(str(tag).isdecimal() for tag in tags):
            raise DataError(
                f"{name} row {number} has numbers for tags in {quoted(column)}, and the file does not say which tags they are",
                "Save the tags by their names, or give the Parquet file or the folder of `datasets`, which keep them.",
            )
        try:
            text, marks = spans_of_tags(tokens, list(map(str, tags)))
        except ValueError as error:
            raise DataError(
                f"{name} row {number}: {error}", "Tags are O, and B- or I- (also E-, L-, S-, U-) with a type."
            ) from None
        others = {key: value for key, value in row.items() if key not in ("tokens", column)}
        made.append({**others, "text": text, "entities": marks})
    what = f"{name} has tokens with a tag each in {quoted(column)}: `text` is the tokens with spaces, `entities` the marks."
    return made, (Finding("note", what),)
