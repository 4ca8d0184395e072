"""Title and text of a document's source. Runs in a process of its own: what it reads was written elsewhere."""

from __future__ import annotations

import re

import yaml

from tailor.documents.webpage import read_html
from tailor.limits import FRONT_MATTER_CHARACTERS
from tailor.outside import load_yaml

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIRST_HEADING = re.compile(r"^# +(\S)(.*)$", re.MULTILINE)
_TITLE_CHARACTERS = 200


def read_markup(source: str, is_html: bool) -> tuple[str, str]:
    """Title and text of an HTML or Markdown source; the title is empty where it names none.

    The title comes from the front matter or the HTML title, else from the first top heading.
    """
    title, text = read_html(source) if is_html else _front_matter(source)
    if not title and (heading := _FIRST_HEADING.search(text)):
        title = heading[1] + heading[2].rstrip(" \t#")
    return " ".join(title.split())[:_TITLE_CHARACTERS], text


def _front_matter(source: str) -> tuple[str, str]:
    """Title and text of a Markdown page; a leading block that is no YAML mapping is part of the text."""
    match = _FRONT_MATTER.match(source)
    if match is None or len(match[1]) > FRONT_MATTER_CHARACTERS:
        return "", source
    try:
        header = load_yaml(match[1])
    except (yaml.YAMLError, RecursionError):
        return "", source
    if not isinstance(header, dict):
        return "", source
    title = header.get("title")
    return ("" if title is None else str(title)), source[match.end() :]
