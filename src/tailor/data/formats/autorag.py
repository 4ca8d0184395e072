"""AutoRAG's questions and answers, and its corpus: the passages become a folder of documents."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tailor.data.finding import Finding
from tailor.errors import DataError, quoted
from tailor.files import real_path

CORPUS_FILE, CORPUS_FOLDER = "corpus.parquet", "corpus"
QA, CORPUS = {"qid", "query", "retrieval_gt", "generation_gt"}, {"doc_id", "contents"}
SOURCE = "source"

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]


def flatten_autorag(name: str, rows: Sequence[Object]) -> Read:
    """The questions with `answers` and the document that answers as `source`; other rows as they are.

    Raises:
        DataError: the rows are a corpus, which holds no questions.
    """
    if rows and all(CORPUS <= set(row) and "query" not in row for row in rows):
        raise DataError(
            f"{name} is a corpus of passages, and holds no questions",
            f"Start from the file with questions, and give --documents {name}.",
        )
    if not rows or not all(QA <= set(row) for row in rows):
        return rows, ()
    made, several = [], 0
    for row in rows:
        ids = list(_flat(row["retrieval_gt"]))
        several += len(set(ids)) > 1
        others = {key: value for key, value in row.items() if key not in QA}
        names = list(dict.fromkeys(map(document_name, ids)))
        source = "".join(names) if len(names) < 2 else json.dumps(names)
        made.append({"qid": row["qid"], "query": row["query"], "answers": row["generation_gt"], SOURCE: source, **others})
    return made, tuple(_told(name, len(rows), several))


def _told(name: str, rows: int, several: int) -> Iterator[Finding]:
    yield Finding("note", f"{name} holds questions of AutoRAG: `generation_gt` is read as `answers`, `retrieval_gt` as `source`.")
    if several:
        yield Finding("note", f"{name}: {several:,} of {rows:,} questions name several passages; each of them counts as a source.")


def _flat(value: object) -> Iterator[str]:
    """The names of passages in lists of lists."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif value not in (None, ""):
        yield str(value)


def document_name(doc_id: str) -> str:
    """The name of the file that a passage becomes; one that no file should have is replaced by its hash."""
    plain = re.fullmatch(r"[A-Za-z0-9][\w.-]{0,99}", doc_id, re.ASCII)
    return f"{doc_id if plain else hashlib.sha256(doc_id.encode('utf-8', 'replace')).hexdigest()[:16]}.md"


def corpus_documents(name: str, rows: Sequence[Object]) -> dict[str, str]:
    """The passages of a corpus by the names of the files that they become.

    Raises:
        DataError: these are no passages, or two have one name.
    """
    if not rows or not all(CORPUS <= set(row) for row in rows):
        has = ", ".join(map(quoted, rows[0])) if rows else "no rows"
        raise DataError(f"{name} has {has}; a corpus has `doc_id` and `contents`", "Name a folder of documents or such a file.")
    found: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        document = document_name(str(row["doc_id"]))
        if document in found:
            raise DataError(
                f"{name} row {number} has a `doc_id` that another row has: {quoted(str(row['doc_id']))}", "Give each its own."
            )
        found[document] = str(row["contents"] or "")
    return found


def corpus_next_to(path: Path) -> Path | None:
    """The corpus that lies next to a file with questions of AutoRAG."""
    found = real_path(path).parent / CORPUS_FILE
    return found if found.is_file() and found != real_path(path) else None
