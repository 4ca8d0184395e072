"""Title and text of a document's source, without what its readers do not see.

Runs in a process of its own: what it reads was written elsewhere.
"""

from __future__ import annotations

import json
import re
from datetime import date

import yaml

from tailor.documents.webpage import read_html
from tailor.limits import FRONT_MATTER_CHARACTERS
from tailor.outside import load_yaml, whole_characters

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIRST_HEADING = re.compile(r"^# +(\S)(.*)$", re.MULTILINE)
_TITLE_CHARACTERS = 200
_CODE_OR_COMMENT = re.compile(r"^ {0,3}(`{3,}|~{3,})|(`+)|<!--", re.MULTILINE)


def read_markup(source: str, is_html: bool) -> tuple[str, str, dict[str, str]]:
    """Title, text and metadata of an HTML or Markdown source; the title is empty where it names none.

    The title comes from the front matter or the HTML title, else from the first top heading. Metadata are the other plain values
    of the front matter; HTML has none.
    """
    title, text, metadata = (*read_html(source), {}) if is_html else _front_matter(source)
    text = text if is_html else _without_comments(text)
    if not title and (heading := _FIRST_HEADING.search(text)):
        title = heading[1] + heading[2].rstrip(" \t#")
    return " ".join(title.split())[:_TITLE_CHARACTERS], text, metadata


def plain_value(value: object) -> str | None:
    """A value as metadata hold it: text as it is, a number, yes or no as JSON, a date as ISO 8601; None for anything else."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, int | float) else None


def _without_comments(text: str) -> str:
    """Markdown without HTML's comments, which no reader of the page sees; what looks like one in code stays."""
    kept, at, ends = [], 0, dict[str, int]()
    while found := _CODE_OR_COMMENT.search(text, at):
        closing = found[1] or found[2] or "-->"
        # Where one mark is never closed, none after it is: the rest is searched for it once.
        end = ends.get(closing, 0)
        if 0 <= end < found.end():
            end = ends[closing] = text.find(closing if not found[1] else f"\n{closing}", found.end())
        kept.append(text[at : found.start()])
        if end >= 0:
            stop = end + len(closing) + (1 if found[1] else 0)
        else:  # a fence that is never closed holds the rest; any other mark is text
            stop = len(text) if found[1] else found.end()
        kept.append("" if closing == "-->" and end >= 0 else text[found.start() : stop])
        at = stop
    return "".join([*kept, text[at:]])


def _front_matter(source: str) -> tuple[str, str, dict[str, str]]:
    """Title, text and metadata of a Markdown page; a leading block that is no YAML mapping is part of the text."""
    match = _FRONT_MATTER.match(source)
    if match is None or len(match[1]) > FRONT_MATTER_CHARACTERS:
        return "", source, {}
    try:
        header = load_yaml(match[1])
    except (yaml.YAMLError, RecursionError):
        return "", source, {}
    if not isinstance(header, dict):
        return "", source, {}
    title = header.pop("title", None)
    plain = {whole_characters(str(key)): text for key, value in header.items() if (text := plain_value(value)) is not None}
    return ("" if title is None else str(title)), source[match.end() :], plain
