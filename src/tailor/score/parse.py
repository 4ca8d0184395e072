"""Reading the answer out of what a model wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from tailor.system import System, display_labels

ANSWER_LINE = re.compile(r"^[\s>*#_-]*(?:the\s+|my\s+)?(?:final\s+)?answer\**\s*:", re.IGNORECASE | re.MULTILINE)


def parse_answer(system: System, raw: str) -> str | None:
    """The answer in a model's text: a label as it stands in the data, or free text; None when the form asked for is not there.

    A system that reasons must end in a line "Answer: ...": what follows the last one counts. A label is read as `find_label` says.
    """
    text: str | None = last_answer(raw) if system.prompt.reasoning else raw.strip()
    if not text:
        return None
    return find_label(text, system.decoding.labels) if system.decoding.labels else text


def last_answer(raw: str) -> str | None:
    """The text behind the last "Answer:" at the start of a line, or None where there is none."""
    lines = list(ANSWER_LINE.finditer(raw))
    return (raw[lines[-1].end() :].strip().strip("*").strip() or None) if lines else None


def find_label(text: str, labels: Sequence[str]) -> str | None:
    """The one label that the text names, or None when it names none or several.

    Labels are compared as they are and as models read them, whatever their case, underscores and punctuation. The first line that
    is a label and nothing else decides, then a line further down, then a mention as whole words; a mention inside that of a longer
    label does not count ("card payment" in "card payment fee").
    """
    if text in labels:
        return text
    form = _comparable(labels)
    by_name = {form(shown): label for shown, label in zip(display_labels(labels), labels, strict=True)}
    by_name |= {form(label): label for label in labels}
    lines = [line for line in map(form, text.splitlines()) if line]
    if lines and lines[0] in by_name:
        return by_name[lines[0]]
    found = {by_name[line] for line in lines if line in by_name} or _mentioned(" ".join(lines), by_name)
    return found.pop() if len(found) == 1 else None


def _mentioned(text: str, by_name: dict[str, str]) -> set[str]:
    spans = [
        (match.start(), match.end(), label)
        for name, label in by_name.items()
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    ]
    return {label for start, end, label in spans if not any(s <= start and end <= e and e - s > end - start for s, e, _ in spans)}


def _comparable(labels: Sequence[str]) -> Callable[[str], str]:
    """The loosest way to compare texts that still tells the labels apart: "C" and "C++" keep signs, "Us" and "us" case."""
    for form in (_letters, _folded):
        forms = {form(label) for label in labels}
        if len(forms) == len(labels) and "" not in forms:
            return form
    return str.strip


def _letters(text: str) -> str:
    return " ".join("".join(" " if unicodedata.category(c)[0] in "PS" else c for c in _folded(text)).split())


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
