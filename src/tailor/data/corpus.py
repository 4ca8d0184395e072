"""A corpus of passages in a file, as AutoRAG keeps it, made a folder of documents."""

from __future__ import annotations

import io
from pathlib import Path

from tailor.data.formats.autorag import CORPUS_FOLDER, SOURCE, corpus_documents, corpus_next_to
from tailor.data.table import read_table
from tailor.errors import DataError, quoted
from tailor.files import write_atomically
from tailor.limits import DATA_BYTES
from tailor.outside import read_file


def documents_of(data: Path, documents: Path | None, folder: Path) -> Path | None:
    """The folder of documents for a data file: the one named, or one that is made of a corpus.

    A corpus is the file that `documents` names, or `corpus.parquet` next to a file with questions of AutoRAG.

    Args:
        data: the data file.
        documents: what the user named.
        folder: where the project will be; the documents are written into a folder there.

    Raises:
        DataError: the corpus cannot be read, or other files lie where its documents would go.
    """
    if documents is None and (corpus := corpus_next_to(data)) is not None and {"qid", SOURCE} <= set(read_table(data).columns):
        documents = corpus
    return (
        documents
        if documents is None or documents.suffix != ".parquet" or not documents.is_file()
        else unpack(documents, folder / CORPUS_FOLDER)
    )


def unpack(corpus: Path, folder: Path) -> Path:
    """The passages of a corpus as files of a folder, which is made; the same passages are written once.

    Raises:
        DataError: the corpus cannot be read, or the folder holds other files.
    """
    found = corpus_documents(corpus.name, _rows(corpus))
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if there and (there != set(found) or any((folder / name).read_text(encoding="utf-8") != text for name, text in found.items())):
        raise DataError(f"{quoted(folder, 200)} is there, and holds other files than {corpus.name}", "Remove it, or name --folder.")
    if not there:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            write_atomically(folder / name, text)
    return folder


def _rows(corpus: Path) -> list[dict[str, object]]:
    import pyarrow
    from pyarrow import parquet

    try:
        rows: list[dict[str, object]] = parquet.read_table(io.BytesIO(read_file(corpus, DATA_BYTES))).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{corpus.name} is not a Parquet file: {str(error).splitlines()[0]}", "Name a folder of documents."
        ) from error
    return rows
