"""From bytes to text: byte order marks, UTF-16 without one, and files that are not text at all."""

from __future__ import annotations

import codecs

from tailor.data.finding import Finding
from tailor.data.formats.codepages import likely_codecs, seven_bit_codec
from tailor.errors import DataError, quoted

ACCEPTED = "CSV, TSV, JSONL, JSON, Parquet and CoNLL files are accepted"

_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TABLE = "save its table as CSV"
_UNPACK = "unpack it, and name the file inside"
_FOREIGN = {
    b"PK\x03\x04": ("a spreadsheet or a zip archive", f"{_TABLE}, or {_UNPACK}"),
    b"\xd0\xcf\x11\xe0": ("an old Office file", _TABLE),
    b"%PDF": ("a PDF", _TABLE),
    b"\x1f\x8b": ("compressed with gzip", _UNPACK),
    b"BZh": ("compressed with bzip2", _UNPACK),
    b"\xfd7zXZ": ("compressed with xz", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", _UNPACK),
    b"7z\xbc\xaf": ("a 7z archive", _UNPACK),
    b"\x89PNG": ("an image", _TABLE),
    b"\xff\xd8\xff": ("an image", _TABLE),
    b"SQLite format 3": ("a database", _TABLE),
    b"PAR1": ("a Parquet file", "let its name end in .parquet"),
    b"ARROW1": ("an Arrow file", "save its table as Parquet"),
    b"\xff\xff\xff\xff": ("an Arrow stream", "save its table as Parquet"),
    b"\x80\x04\x95": ("a Python pickle", _TABLE),
    b"\x80\x05\x95": ("a Python pickle", _TABLE),
    b"version https://git-lfs": ("a pointer of Git LFS, and not the file itself", "fetch the file with `git lfs pull`"),
    b"<!DOCTYPE": ("a web page", "download the file itself"),
    b"<!doctype": ("a web page", "download the file itself"),
    b"<html": ("a web page", "download the file itself"),
    b"{\\rtf": ("a text document with formatting", _TABLE),
}
_FEW = 0.1  # of the bytes that are not ASCII: so few may be damage in a file of UTF-8
_WIDE = 0.25  # share of NUL bytes from which bytes that are also UTF-8 are taken for UTF-16


def foreign_hint(data: bytes) -> str:
    """What to do with bytes that are no table of text."""
    kind, todo = next((found for magic, found in _FOREIGN.items() if data.startswith(magic)), ("", ""))
    return f"It is {kind}; {todo}." if kind else "Save the table as CSV."


def decode(name: str, data: bytes, encoding: str = "") -> tuple[str, tuple[Finding, ...]]:
    """The text of a file, and what was assumed to read it.

    Args:
        name: the file's name, for messages.
        data: its bytes.
        encoding: how it is encoded, as Python names it; found out unless given.

    Raises:
        DataError: the bytes are not text, or not in the encoding given.
    """
    if any(data.startswith(magic) for magic in _FOREIGN):
        raise DataError(f"{name} is not text; {ACCEPTED}", foreign_hint(data))
    if encoding:
        return _as_told(name, data, encoding), ()
    if codec := seven_bit_codec(data):
        raise _seven_bits(name, data, codec)
    marked = next((codec for mark, codec in _MARKS if data.startswith(mark)), "")
    wide = "" if marked else _wide(data)
    candidates = (
        [marked] if marked else [wide] if data.count(0) > _WIDE * len(data) and wide else list(filter(None, ["utf-8", wide]))
    )
    failed: UnicodeDecodeError | None = None
    for codec in candidates:
        try:
            return data.decode(codec).lstrip("\ufeff"), _assumed(name, codec, wide)
        except UnicodeDecodeError as error:
            failed = failed or error
    assert failed is not None
    if marked:
        where = f"{name} starts as {marked.upper()} but is damaged at byte {failed.start + 1:,}"
        raise DataError(where, "Save the file as UTF-8.") from failed
    raise _not_utf8(name, data, failed.start) from failed


def _assumed(name: str, codec: str, wide: str) -> tuple[Finding, ...]:
    if codec != wide:
        return ()
    what = f"{name} looks like UTF-16 without its byte order mark, and is read as such."
    return (Finding("note", what, advice="If letters look wrong, save the file as UTF-8."),)


def _as_told(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except LookupError:
        raise DataError(
            f"there is no encoding {quoted(encoding)}", "Names that Python knows are accepted, such as cp1252 or utf-16."
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} is not {quoted(encoding)} text: byte {error.start + 1:,} is 0x{data[error.start]:02X}",
            "Name another encoding, or save the file as UTF-8.",
        ) from error


def _wide(data: bytes) -> str:
    """The codec if NUL bytes stand almost only at even or only at odd places, as they do in UTF-16."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if even + odd < len(data) / 100 or min(even, odd) * 10 > even + odd:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _not_utf8(name: str, data: bytes, start: int) -> DataError:
    hint = "Save the file as UTF-8 (in a spreadsheet: `CSV UTF-8`)."
    if _wide(data):
        hint = "It looks like UTF-16 without its byte order mark, but is damaged. " + hint
    elif (damaged := _damaged(data)) and damaged < _FEW * sum(byte > 127 for byte in data):
        hint = f"All but {damaged:,} such bytes of the file are UTF-8: correct these, which may come from another file."
    elif codecs := likely_codecs(data):
        read = ", ".join(f"with `encoding: {codec}` the place would read {quoted(_word(data, start, codec))}" for codec in codecs)
        hint += f" Or name its encoding, under `data` (or as `--encoding` for `tailor init`): {read}."
    else:
        hint += " Or name its encoding, as `encoding` under `data` or `--encoding` for `tailor init`."
    line = data.count(b"\n", 0, start) + 1
    return DataError(f"{name} line {line} holds byte 0x{data[start]:02X}, which is not UTF-8 text", hint)


def _damaged(data: bytes) -> int:
    """Places that are not UTF-8."""
    return data.decode("utf-8", "replace").count("\ufffd") - data.count("\ufffd".encode())


def _seven_bits(name: str, data: bytes, codec: str) -> DataError:
    """What to do with a file that is ASCII by its bytes and another encoding by what they say."""
    shown = data.decode(codec, "replace")
    word = next((word for word in shown.split() if not word.isascii()), "")
    where = f"`encoding: {codec}` under `data` (`--encoding {codec}` for `tailor init`)"
    return DataError(
        f"{name} looks like {codec.upper().replace('_', '-')}, in which letters that are not ASCII are written with others",
        f"Save the file as UTF-8, or name its encoding: with {where}, a word of it would read {quoted(word, 60)}.",
    )


def _word(data: bytes, start: int, codec: str) -> str:
    """The word around a byte as a codec has it."""
    line = data.rfind(b"\n", 0, start) + 1
    before, behind = data[line:start], data[start:].partition(b"\n")[0]
    front = before.decode(codec, "replace")
    whole = (before + behind).decode(codec, "replace")
    return front.split(" ")[-1] + whole[len(front) :].split(" ")[0]
