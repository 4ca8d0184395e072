"""CoNLL: a token with its tag on each line, an empty line between sentences.

Tags are read in IOB1, IOB2, BIOES and BILOU, and written in IOB2 where the file had none. Other columns, comments and beginnings of
documents are kept. It holds one annotator, and neither white space between tokens nor spans that overlap.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tailor.data.formats.tags import TAG, is_conll, spans_of_tags
from tailor.errors import DataError
from tailor.labelling.formats.base import NOTES, Files, Format, Losses, Source, text_field
from tailor.labelling.marks import Item, Labels, Layer, Region, Span

NAME = "conll"
FILE = "labels.conll"
TEXT = "text"
_ENDINGS = (".conll", ".bio", ".iob", ".iob2", ".bioes", ".bilou", ".txt", ".tsv")
_TOKEN = re.compile(r"\w+|[^\w\s]")


def _knows(source: Source) -> bool:
    names = source.ending(*_ENDINGS)
    return len(source.names) == 1 and bool(names) and is_conll(source.text(names[0]))


def _read(source: Source) -> Labels:
    (name,) = source.names
    items: list[Item] = []
    rows: list[list[str]] = []
    before: list[str] = []
    text = source.text(name)
    tab = "\t" in text
    for number, line in enumerate([*text.replace("\r\n", "\n").split("\n"), ""], start=1):
        parts = line.split("\t") if tab else line.split()
        if not line.strip():
            if rows:
                items.append(_sentence(rows, before, len(items) + 1, name))
                rows, before = [], []
        elif parts[0] == "-DOCSTART-" or (line.startswith("#") and not TAG.fullmatch(parts[-1].strip())):
            before.append(line)
        elif len(parts) < 2 or not TAG.fullmatch(parts[-1].strip()):
            raise DataError(
                f"{name} line {number} is no token with a tag behind it: {line.strip()[:60]!r}",
                "Each line holds a token and, as its last column, O or a tag such as B-person; an empty line ends a sentence.",
            )
        else:
            rows.append([part.strip() for part in parts])
    return Labels(tuple(items), (), NAME, (), {NOTES: {"tab": tab}})


def _sentence(rows: Sequence[list[str]], before: Sequence[str], number: int, name: str) -> Item:
    tokens, tags = [row[0] for row in rows], [row[-1] for row in rows]
    try:
        text, marks = spans_of_tags(tokens, tags)
    except ValueError as error:
        raise DataError(f"{name} sentence {number}: {error}") from error
    regions = tuple(
        Region(str(place), Span(start, end, text[start:end]), (str(mark["label"]),), TEXT)
        for place, mark in enumerate(marks, start=1)
        for start, end in [(int(str(mark["start"])), int(str(mark["end"])))]
    )
    notes = {"tokens": tokens, "tags": tags, **({"before": list(before)} if before else {})}
    columns = [row[1:-1] for row in rows]
    extra = {"columns": columns} if any(columns) else {}
    return Item(str(number), {TEXT: text}, (Layer(marks=regions),), None, {**extra, NOTES: notes})


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    between = "\t" if not own or labels.extra[NOTES]["tab"] else " "
    parts: list[str] = []
    for item in labels.items:
        field = text_field(item.fields)
        text = item.fields.get(field)
        if not isinstance(text, str) or not text.strip():
            losses.add("items without a text")
            continue
        for key in item.fields:
            losses.add(f"fields `{key}` of items", key != field)
        layers = [layer for layer in item.layers if layer.role != "prediction"]
        losses.add("predictions", len(item.layers) - len(layers))
        for layer in layers:
            losses.layer(layer)
        regions = [region for layer in layers for region in layer.regions]
        spans = _apart(regions, losses)
        tokens, tags = _tagged(item, text, spans, losses, own=own)
        columns = item.extra.get("columns") if own else None
        lines = [
            between.join([token, *(columns[place] if columns else ()), tag])
            for place, (token, tag) in enumerate(zip(tokens, tags, strict=True))
        ]
        before = item.extra[NOTES].get("before", []) if own else []
        parts.append("".join(f"{line}\n" for line in [*_headed(before), *lines]))
    return {FILE: "\n".join(parts).encode("utf-8", "backslashreplace")}


def _headed(before: Sequence[str]) -> list[str]:
    """Lines in front of a sentence; the beginning of a document stands alone."""
    return [line for given in before for line in ([given, ""] if given.startswith("-DOCSTART-") else [given])]


def _apart(regions: Sequence[Region], losses: Losses) -> list[tuple[int, int, str]]:
    """Spans that do not overlap, in order; of two that do, the longer one stays, and the other is counted."""
    spans = []
    for region in regions:
        if isinstance(region.shape, Span):
            losses.add("regions without a label", not region.labels)
            losses.add("scores", region.score is not None)
            spans += [(region.shape.start, region.shape.end, label) for label in region.labels]
        else:
            losses.region(region)
    kept: list[tuple[int, int, str]] = []
    for start, end, label in sorted(spans, key=lambda span: (span[0] - span[1], span)):
        if any(start < last and first < end for first, last, _ in kept):
            losses.add("spans that overlap a longer one, or carry a second label")
        else:
            kept.append((start, end, label))
    return sorted(kept)


def _tagged(
    item: Item, text: str, spans: Sequence[tuple[int, int, str]], losses: Losses, *, own: bool
) -> tuple[list[str], list[str]]:
    """Tokens and their tags: those of the file where they still say the same, else a token for each word and sign."""
    notes = item.extra.get(NOTES, {}) if own else {}
    if notes:
        tokens = list(map(str, notes["tokens"]))
        was = [(mark["start"], mark["end"], mark["label"]) for mark in spans_of_tags(tokens, notes["tags"])[1]]
        if was == list(spans):
            return tokens, list(notes["tags"])
    edges = sorted({0, len(text), *(place for start, end, _ in spans for place in (start, end))})
    places = [
        (first + match.start(), first + match.end())
        for first, last in zip(edges, edges[1:], strict=False)
        for match in _TOKEN.finditer(text[first:last])
    ]
    if not notes and " ".join(text[start:end] for start, end in places) != text:
        losses.add("texts whose white space between tokens is not kept")
    tags = [_tag(start, places[at - 1][0] if at else -1, spans) for at, (start, _) in enumerate(places)]
    return [text[start:end] for start, end in places], tags


def _tag(start: int, before: int, spans: Sequence[tuple[int, int, str]]) -> str:
    for first, last, label in spans:
        if first <= start < last:
            return f"{'I' if before >= first else 'B'}-{'_'.join(label.split())}"
    return "O"


CONLL = Format(NAME, _knows, _read, _write)
