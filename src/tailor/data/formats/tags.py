"""Tokens with a tag each, in the way of CoNLL: IOB1, IOB2, BIOES and BILOU, as a text with marked stretches."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tailor.data.finding import Finding
from tailor.errors import DataError

TAG = re.compile(r"O|[BIESLU]-\S+")
LEAST_LINES = 0.98  # of the lines of a file without a telling name, so many must be a token with a tag
_START, _INSIDE, _LAST, _ALONE = "B", "I", "EL", "SU"


def spans_of_tags(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[dict[str, object]]]:
    """The tokens with a space between each two, and the stretches that are tagged in it as `{start, end, label}`.

    An inner tag without a beginning begins a stretch itself, as IOB1 has it.

    Raises:
        ValueError: there are not as many tags as tokens, or one is no such tag.
    """
    if len(tokens) != len(tags):
        raise ValueError(f"it has {len(tokens):,} tokens and {len(tags):,} tags")
    marks: list[dict[str, object]] = []
    place, goes_on = 0, ""
    for token, tag in zip(tokens, tags, strict=True):
        if not TAG.fullmatch(tag):
            raise ValueError(f"{tag!r} is no tag")
        part, _, label = tag.partition("-")
        end = place + len(token)
        if part != "O" and label == goes_on and part in (_INSIDE, *_LAST):
            marks[-1]["end"] = end
        elif part != "O":
            marks.append({"start": place, "end": end, "label": label})
        goes_on = label if part in (_START, _INSIDE) else ""
        place = end + 1
    return " ".join(tokens), marks


def is_conll(text: str) -> bool:
    """Whether a text is tokens with tags: a token a line, the same number of columns, tags in the last, and empty lines between."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith(("-DOCSTART-", "# "))]
    if len(lines) < 2 or not re.search(r"\n\s*\n", text.strip()):
        return False
    fitting = sum(len(parts) == len(lines[0]) >= 2 and bool(TAG.fullmatch(parts[-1])) for parts in lines)
    return fitting >= LEAST_LINES * len(lines) and any(parts[-1] != "O" for parts in lines)


def read_conll(name: str, text: str) -> tuple[list[dict[str, object]], tuple[Finding, ...]]:
    """A row for each sentence, with `text` and `entities`.

    The first column holds the token, the last one its tag; others, such as parts of speech, are left out and named.

    Raises:
        DataError: a line has no tag.
    """
    rows: list[dict[str, object]] = []
    tokens: list[str] = []
    tags: list[str] = []
    columns = comments = documents = 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        parts = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or parts[0] == "-DOCSTART-":
            documents += bool(line.strip())
            if tokens:
                said, marks = spans_of_tags(tokens, tags)
                rows.append({"text": said, "entities": marks})
                tokens, tags = [], []
            continue
        if line.startswith("#") and not TAG.fullmatch(parts[-1].strip()):
            comments += 1
            continue
        if len(parts) < 2 or not TAG.fullmatch(parts[-1].strip()):
            raise DataError(
                f"{name} line {number} is no token with a tag behind it: {line.strip()[:60]!r}",
                "Each line holds a token and, as its last column, O or a tag such as B-person; an empty line ends a sentence.",
            )
        columns = max(columns, len(parts))
        tokens.append(parts[0].strip())
        tags.append(parts[-1].strip())
    if not rows:
        raise DataError(f"{name} has no rows")
    between = f"; {columns - 2} columns between them are not used" if columns > 2 else ""
    skipped = f"; {comments + documents:,} lines of comment or of documents' beginnings are skipped" if comments + documents else ""
    made = "`text` is the tokens with spaces between them, `entities` the marks"
    return rows, (Finding("note", f"{name} has a token and its tag on each line{between}{skipped}: {made}."),)
