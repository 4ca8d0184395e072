r"""What a cell with right answers holds: one text, several, or nothing, however the file writes that.

Files write several answers as lists, as objects that keep the text next to its place, or as either of them put into text by
Python, numpy or a JSON library. They write a missing value as `nan`, `\N` and the like.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence

from tailor.data.jsontext import Value, parse, to_text

MISSING = frozenset(
    r"nan NaN NAN -nan -NaN <NA> NaT #N/A #NA \N null NULL <null> <NULL> (null) #REF! #NAME? #VALUE! #DIV/0! #NUM! #NULL!".split()
)
"""What programs write where a value is missing, and people hardly ever mean as a value."""

PERHAPS_MISSING = frozenset(
    "none na n/a n.a. - -- --- ? ?? ??? tbd todo t.b.d. unlabeled unlabelled unannotated missing undefined #".split()
)
"""In lower case: what is written where a value is missing, but meant as a value too: no class, Namibia, not applicable."""

_TEXT_KEYS = ("text", "answer", "value", "label", "choices", "span", "content", "rating", "number")
_OTHER_KEYS = frozenset(
    "start end answer_start answer_end start_char end_char span_start span_end score confidence id answer_id type aliases "
    "normalized_aliases normalized_value matched_wiki_entity_name normalized_matched_wiki_entity_name input_text user_id "
    "status role supporting_sentences supporting_facts".split()
)
_THOUGHT = re.compile(r"\s*<(think(?:ing)?|reasoning|thought)>.*?</\1>\s*(?=\S)", re.DOTALL | re.IGNORECASE)
_WORKED = re.compile(r"(?:(?!\n####).)*\n#### *(?=[^\n#]{1,80}$)", re.DOTALL)
"""A worked solution with the answer behind "####" on its last line, as GSM8K keeps them (Cobbe et al. 2021, arXiv:2110.14168)."""
_NUMPY = re.compile(r"""\[(?:\s*(?:'[^'\n]*'|"[^"\n]*"))+\s*\]""")
_COLLECTION = re.compile(
    r"""(?:np\.)?(?:array|frozenset|set|tuple)\((?P<inner>[\[({]\s*['"].*['"][,\s]*[\])}])(?:,\s*dtype=[^()]*)?\)"""
    r"""|(?P<bare>\(\s*['"].*['"],?\s*\)"""
    r"""|\{\s*(?:'[^'\n]*'|"[^"\n]*")(?:\s*,\s*(?:'[^'\n]*'|"[^"\n]*"))*\s*\})""",
    re.DOTALL,
)
"""A set, a tuple or an array of texts as Python writes it."""
_ARRAY = re.compile(r"(?:np\.)?array\((\[[^\[\]]*\])(?:,\s*dtype=[\w.<>' ]+)?\)")
_BARE_NAN = re.compile(r"([\[,:]\s*)nan(?=\s*[,\]}])")
"""What pandas writes inside lists and objects, and Python does not read."""
_QUOTED = re.compile(r"""'([^'\n]*)'|"([^"\n]*)\"""")


def without_thought(text: str) -> str:
    """A right answer without the thoughts or the working before it, which are never asked for."""
    found = _THOUGHT.match(text) or _WORKED.match(text.rstrip())
    return text[found.end() :] if found else text


def is_missing(text: str) -> bool:
    """Whether a text is empty, or what programs write for a missing value."""
    return not text.strip() or text.strip() in MISSING


def answers_in(cell: Value) -> tuple[str, ...]:
    """The texts in a cell, without white space around them and without repeats; none where it holds nothing."""
    items = written_list(cell) if isinstance(cell, str) else cell
    texts = [without_thought(text).strip() for item in ([cell] if items is None else items) for text in _texts(item)]
    return tuple(dict.fromkeys(filter(None, texts)))


def written_list(text: str) -> list[object] | None:
    """The list, set or tuple that a text writes out as JSON, Python or numpy do; None if it is none, or of plain numbers."""
    text = text.strip()
    if found := _COLLECTION.fullmatch(text):
        return _collected(found)
    if not (text.startswith("[") and text.endswith("]")):
        return None
    items = _evaluated(text)
    if isinstance(items, list) and all(item is None or _is_plain_text(item) or isinstance(item, Mapping) for item in items):
        neighbours = re.search(r"""['"]\s+['"]""", text)  # numpy writes no commas, and Python would join the texts
        if not (neighbours and _NUMPY.fullmatch(text)):
            return [item for item in items if item is not None]
    if _NUMPY.fullmatch(text):
        return [single or double for single, double in _QUOTED.findall(text)]
    return None


def _collected(found: re.Match[str]) -> list[object] | None:
    """The texts of a set, a tuple or an array as Python writes it; None if it holds anything else."""
    items = _evaluated(found["inner"] or found["bare"])
    texts = sorted(items) if isinstance(items, set) and all(map(_is_plain_text, items)) else items
    return list(texts) if isinstance(texts, list | tuple) and texts and all(map(_is_plain_text, texts)) else None


def is_record(text: str) -> bool:
    """Whether a right answer is an object with several values, of which none is known to be the answer."""
    return text.startswith("{") and text.endswith("}") and isinstance(_evaluated(text), Mapping)


def written_value(text: str) -> object:
    """What a text writes out as JSON does, or as Python writes lists and objects; None where neither can be read as JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    value = _evaluated(text) if text.lstrip().startswith(("{", "[")) else None
    try:
        return json.loads(json.dumps(value)) if isinstance(value, Mapping | list) else None
    except (TypeError, ValueError, RecursionError):  # a set, or bytes
        return None


def are_spans(cell: Value) -> bool:
    """Whether the cell marks stretches of a text, each with a start, an end and a label."""
    items = written_list(cell) if isinstance(cell, str) else cell
    return bool(items) and all(_is_span(item) for item in items or ())


def _is_span(item: object) -> bool:
    value = _evaluated(item) if isinstance(item, str) and item.lstrip().startswith(("{", "[")) else item
    if isinstance(value, list):
        return len(value) == 3 and all(str(part).isdecimal() for part in value[:2])
    return isinstance(value, Mapping) and {"start", "end"} <= set(value) and any(key in value for key in ("label", "labels"))


def _evaluated(text: str) -> object:
    """What JSON or Python reads in a text; the text itself if neither reads it."""
    try:
        return parse(text)
    except ValueError:
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # a backslash that escapes nothing
            return ast.literal_eval(_BARE_NAN.sub(r"\1None", _ARRAY.sub(r"\1", text)) if text[:1] in ("[", "{") else text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return text


def _is_plain_text(item: object) -> bool:
    """Whether an item is a text in quotes, and no number: `[1]` may be a footnote, and is left as it is."""
    return type(item) is str


def _texts(item: object) -> Sequence[str]:
    """The texts of one item; of an object, those under the usual keys, if it has no others than such objects have."""
    value = _evaluated(item) if isinstance(item, str) and item.startswith("{") and item.endswith("}") else item
    if isinstance(value, Mapping):
        keys = [key for key in _TEXT_KEYS if key in value]
        if len(keys) == 1 and set(value) <= {*_OTHER_KEYS, *keys}:
            found, aliases = value[keys[0]], value.get("aliases")
            texts = found if isinstance(found, list) else [found]
            more = aliases if isinstance(aliases, list) else []
            if all(not isinstance(text, Mapping | list) for text in (*texts, *more)):
                return [to_text(text) for text in (*texts, *more)]
    if isinstance(item, str) and item.startswith('["') and (inner := written_list(item)):  # a list inside a list
        return [text for part in inner for text in _texts(part)]
    return [item if isinstance(item, str) else to_text(item)]
