"""Search by meaning in PostgreSQL with the extension pgvector: the passages of an index in a table of a database of yours.

Where the database is, libpq's own settings say: the environment variables PGHOST, PGDATABASE, PGUSER and the like, a service file,
a password file. Tailor keeps none of them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tailor.errors import ConfigError, StoreError
from tailor.models.base import Array
from tailor.retrieval.fusion import ranked
from tailor.retrieval.passage import Passage
from tailor.retrieval.snapshot import SCORE_DIGITS

if TYPE_CHECKING:
    from tailor.retrieval.index import Index

_SCHEMA = "tailor"
_INLINE = 1_500
"""Dimensions up to which a vector lies in its row. PostgreSQL moves elsewhere what makes a row longer than 2 kB, and each vector
would be fetched from there by itself; no row may be longer than 8 kB."""
_COLUMNS = ("revision", "allowed", "document", "title", "first", "last", "text", "vector")
_FIND = (
    "SELECT document, title, first, last, text, vector <#> %(vector)s::vector AS distance FROM {table} "
    "WHERE %(allowed)s::text[] IS NULL OR allowed = ANY(%(allowed)s::text[]) ORDER BY distance, document, first LIMIT %(limit)s"
)


@dataclass(frozen=True)
class Pgvector:
    """Exact search by meaning in a table with one row for each passage.

    A table belongs to an embedder and a way to cut documents, as an index does, and is brought up to date before the first search:
    rows of new documents are copied, those of changed and gone ones deleted, in one transaction, and the table's comment says what
    it holds. Conditions on who may read what are part of the query and come before anything is compared; values are bound, and
    never part of its text.
    """

    says: str = "by meaning, in PostgreSQL"

    def digest(self, index: Index) -> str:
        """Another than that of the index, since other passages may come first where scores are nearly equal."""
        return hashlib.sha256(f"pgvector {index.digest}".encode()).hexdigest()

    def search(self, index: Index, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """For each query the k passages with the highest cosine similarities that may be read.

        Raises:
            ConfigError: psycopg is not installed, there is no database, it has no pgvector, or the index has no embedder.
            StoreError: the database failed.
        """
        asked = {place: text for place, query in enumerate(queries) if (text := query.encode("utf-8", "replace").decode()).strip()}
        found: list[list[Passage]] = [[] for _ in queries]
        if asked and (index.allowed is None or index.allowed):
            vectors = index.vectors_of(list(asked.values()))
            for place, passages in zip(asked, _searched(index, vectors, k), strict=True):
                found[place] = passages
        return found


PGVECTOR = Pgvector()


def _searched(index: Index, vectors: Array, k: int) -> list[list[Passage]]:
    """The nearest passages of each vector, in a table that holds exactly what the index holds."""
    table, held = f"passages_{index.name}", index.digest
    with _connected() as connection:
        from psycopg import IsolationLevel

        # What the table says that it holds is read from the same snapshot as its rows, so nobody has to wait for anybody.
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        if _held(connection, table) == held:
            return [_nearest(connection, table, vector, index.allowed, k) for vector in vectors]
    with _connected() as connection:
        _bring_up_to_date(connection, table, held, index)
        return [_nearest(connection, table, vector, index.allowed, k) for vector in vectors]


@contextmanager
def _connected() -> Iterator[Any]:
    """A connection whose work counts as a whole or not at all; what goes wrong in the database is a StoreError."""
    try:
        import psycopg
    except ImportError as error:
        raise ConfigError("search in PostgreSQL needs the package psycopg", "pip install 'tailor[postgres]'") from error
    try:
        connection = psycopg.connect(connect_timeout=10)
    except psycopg.OperationalError as error:
        raise ConfigError(
            f"there is no PostgreSQL to search in: {str(error).strip()}", "Set PGHOST, PGDATABASE and PGUSER, as for psql."
        ) from error
    try:
        with connection:
            yield connection
    except psycopg.Error as error:
        raise StoreError(
            f"PostgreSQL failed: {str(error).strip()}", "check the database, then run the same command again"
        ) from error


def _held(connection: Any, table: str) -> str | None:
    """The digest of the index whose rows a table holds, as its comment says; None where there is no such table."""
    row = connection.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", (f"{_SCHEMA}.{table}",)).fetchone()
    found: str | None = row[0]
    return found


def _bring_up_to_date(connection: Any, name: str, held: str, index: Index) -> None:
    """Make the table hold what the index holds; nobody else changes it until the transaction ends."""
    from psycopg import errors, sql

    table = sql.Identifier(_SCHEMA, name)
    # One process at a time makes or changes a table; others wait, and then find it done.
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (name,))
    if _held(connection, name) == held:
        return
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except (errors.FeatureNotSupported, errors.UndefinedFile, errors.InsufficientPrivilege) as error:
        raise ConfigError(
            f"the database has no pgvector: {str(error).strip()}", "Install it, then run `CREATE EXTENSION vector` there."
        ) from error
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(_SCHEMA)))
    connection.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (revision text NOT NULL, allowed text NOT NULL, document text NOT NULL, "
            "title text NOT NULL, first bigint NOT NULL, last bigint NOT NULL, text text NOT NULL, vector vector NOT NULL)"
        ).format(table)
    )
    if index.dimensions <= _INLINE:
        connection.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN vector SET STORAGE PLAIN").format(table))
    there = {row[0] for row in connection.execute(sql.SQL("SELECT DISTINCT revision FROM {}").format(table))}
    wanted = index.revisions
    if gone := sorted(there - wanted):
        connection.execute(sql.SQL("DELETE FROM {} WHERE revision = ANY(%s)").format(table), (gone,))
    if wanted - there:
        _copy(connection, table, index, there)
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(held)))


def _copy(connection: Any, table: Any, index: Index, there: set[str]) -> None:
    from psycopg import sql

    columns = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    types = [*(["text"] * 4), "int8", "int8", "text", _vectors_as_bytes(connection)]
    with connection.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, columns)) as copy:
        copy.set_types(types)
        for rows, vectors in index.rows(but=there):
            for row, vector in zip(rows, vectors.astype(">f4"), strict=True):
                passage = row.passage
                texts = (text.replace("\0", "\ufffd") for text in (passage.document, passage.title))  # no text of theirs holds it
                place = (passage.start, passage.end, passage.text.replace("\0", "\ufffd"))
                copy.write_row((row.revision, row.allowed, *texts, *place, vector))


def _vectors_as_bytes(connection: Any) -> int:
    """Have arrays of big-endian float32 written as vectors in pgvector's binary form; the number of that type in this database."""
    from psycopg.adapt import Dumper
    from psycopg.pq import Format
    from psycopg.types import TypeInfo

    number = int(TypeInfo.fetch(connection, "vector").oid)

    class VectorDumper(Dumper):  # type: ignore[misc]
        """Dimensions, two unused bytes, and the numbers."""

        format = Format.BINARY
        oid = number

        def dump(self, obj: Any) -> bytes:
            """The bytes of one vector."""
            return struct.pack(">HH", len(obj), 0) + bytes(obj.tobytes())

    connection.adapters.register_dumper(np.ndarray, VectorDumper)
    return number


def _nearest(connection: Any, name: str, vector: Array, allowed: frozenset[str] | None, k: int) -> list[Passage]:
    from psycopg import sql

    table = sql.Identifier(_SCHEMA, name)
    values = {"vector": _text(vector), "allowed": None if allowed is None else sorted(allowed), "limit": k}
    rows = connection.execute(sql.SQL(_FIND).format(table=table), values).fetchall()
    passages = (Passage(*row[:5]) for row in rows)
    scores = (round(-row[5], SCORE_DIGITS) for row in rows)
    return ranked([replace(passage, score=score) for passage, score in zip(passages, scores, strict=True)])


def _text(vector: Array) -> str:
    return f"[{','.join(map(repr, np.asarray(vector, dtype=np.float32).astype(float).tolist()))}]"
