"""What comes from outside: files opened only if they are files, YAML read within limits, references of HTML."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Hashable
from html import unescape
from pathlib import Path
from typing import Any

import yaml

from tailor.errors import quoted
from tailor.limits import YAML_ALIASES

HEAD = 4096  # characters of a page in which it says what made it
_OWN_REPORT = re.compile(r"<meta name=.generator. content=.Tailor\b")
_LONG_REFERENCE = re.compile(r"&#(?:[xX][0-9a-fA-F]{7,}+|[0-9]{8,}+);?")  # beyond Unicode, and slow to turn into a number
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a file.

    Args:
        path: a file, or a link to one. A pipe, device or socket is not opened for reading: it could block or never end.
        limit: the most bytes it may hold.

    Raises:
        OSError: it cannot be read; `strerror` says why, also where it is no file or too large.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            kind = next((name for holds, name in KINDS if holds(found.st_mode)), "no file")
            code = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
            raise OSError(code, f"it is {kind} and not a file", str(path))
        data = b"" if found.st_size > limit else file.read(limit + 1)
        if found.st_size > limit or len(data) > limit:
            raise OSError(errno.EFBIG, f"it is larger than the {limit:,} bytes that are accepted", str(path))
        return data


def load_yaml(text: str) -> Any:
    """What a YAML text holds, by the safe loader. Keys given twice and more than a few aliases are refused.

    Escapes that spell one character as two surrogates, as JSON does, become that character.

    Raises:
        yaml.YAMLError: it is not YAML, or beyond the limits.
        RecursionError: it is nested too deeply.
    """
    return yaml.load(text, Loader=_Loader)


def load_json(text: str | bytes) -> Any:
    """What a request's JSON holds. A name given twice in an object is refused: whoever checked the request before may have read the
    other value, of the column that a filter compares, say. So are NaN and infinity, which JSON does not have.

    Raises:
        ValueError: it is not JSON, or is refused.
        RecursionError: it is too deep.
    """
    return json.loads(text, object_pairs_hook=_named_once, parse_constant=_no_number)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object gives a name twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def whole_characters(text: str) -> str:
    """The text with pairs of surrogates joined to characters, and single ones replaced by U+FFFD, so that it can be encoded."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def resolve_references(source: str) -> str:
    """HTML text with its character references resolved."""
    return unescape(_LONG_REFERENCE.sub("\ufffd", source)) if "&" in source else source


def is_own_report(source: str) -> bool:
    """Whether an HTML page is a report of Tailor, which shows the right answers of test rows; its head says so."""
    return bool(_OWN_REPORT.search(source, 0, HEAD))


class _Loader(yaml.SafeLoader):
    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > YAML_ALIASES:
                raise yaml.composer.ComposerError(None, None, f"it has more than {YAML_ALIASES} aliases (`*name`)", self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{quoted(key.value)} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        return whole_characters(value) if isinstance(value, str) else value

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, TypeError, AttributeError) as error:  # a 13th month, a number of 100,000 digits
            what = quoted(node.value) if isinstance(node, yaml.ScalarNode) else "this value"
            raise yaml.constructor.ConstructorError(None, None, f"{what} cannot be read: {error}", node.start_mark) from error
