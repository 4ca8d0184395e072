"""Texts that a conversion damaged, and texts that say their own label: both make what is measured say little."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Sized

from tailor.data.example import Example
from tailor.data.finding import Finding
from tailor.data.readers import asked, place
from tailor.errors import quoted
from tailor.task import Task

TOLD = 0.9
"""Share of the rows whose text says the right label, from which on the texts are taken to give it away."""
TOLD_ALONE = 0.98
"""Share of these in which it says no other label."""
SHORTEST_LABEL = 3  # characters; shorter ones stand in texts by chance
MOST_LABELS = 200

_LOST = "\ufffd"
_FOREIGN = re.compile(r"[^\x00-\x7f]{2,}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")


def audit_damage(task: Task, examples: Sequence[Example]) -> Iterator[Finding]:
    """Letters that were lost, UTF-8 that was read as another encoding, and characters that no text holds."""
    texts = {place(example): "\n".join((asked(task, example), *example.answers)) for example in examples}
    lost = tuple(where for where, text in texts.items() if _LOST in text)
    if lost:
        what = f"{_rows(lost)} hold {quoted(_LOST)} (U+FFFD), which stands for a letter that an earlier conversion lost."
        yield Finding("warning", what, lost, "Export the data again as UTF-8; what is lost cannot be guessed.")
    twice = {where: found for where, text in texts.items() if (found := read_twice(text))}
    if twice:
        word, meant = next(iter(twice.values()))
        what = f"{_rows(twice)} seem to be UTF-8 that was read as another encoding: {quoted(word)} for {quoted(meant)}."
        yield Finding("warning", what, tuple(twice), "Export the data again as UTF-8, from where they were right.")
    controls = {where: signs for where, text in texts.items() if (signs := _CONTROLS.findall(text))}
    if controls:
        shown = ", ".join(sorted({f"U+{ord(sign):04X}" for signs in controls.values() for sign in signs})[:5])
        what = f"{_rows(controls)} hold control characters ({shown}), which no text is written with."
        yield Finding("warning", what, tuple(controls), "Look where they come from; another encoding may have been meant.")


def read_twice(text: str) -> tuple[str, str] | None:
    """A word that is UTF-8 read as a Western encoding, and what it was before; None where there is none."""
    for run in _FOREIGN.finditer(text):
        meant = _read_right(run.group())
        if meant is not None:
            start = text.rfind(" ", 0, run.start()) + 1
            before, behind = text[start : run.start()], text[run.end() :]
            tail = re.match(r"\w*", behind)
            end = tail.group() if tail else ""
            return before + run.group() + end, before + meant + end
    return None


def _read_right(run: str) -> str | None:
    """A run of characters as the bytes of UTF-8 that they once were; None where they never were."""
    for codec in ("cp1252", "latin-1"):
        try:
            meant = run.encode(codec).decode("utf-8")
        except UnicodeError:
            continue
        return meant if len(meant) < len(run) else None
    return None


def audit_told(task: Task, examples: Sequence[Example]) -> Iterator[Finding]:
    """Says where nearly every text names its own label, which a system then only has to copy."""
    labels = {answer.casefold() for example in examples for answer in example.answers[:1]}
    named = sorted((label for label in labels if len(label) >= SHORTEST_LABEL and not label.isdecimal()), key=len, reverse=True)
    if not 2 <= len(named) == len(labels) <= MOST_LABELS:
        return
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, named))})(?!\w)")
    said = {
        place(example): (set(pattern.findall(asked(task, example).casefold())), example.label.casefold()) for example in examples
    }
    told = tuple(where for where, (found, label) in said.items() if label in found)
    alone = sum(found == {label} for found, label in said.values())
    if len(told) >= TOLD * len(said) and alone >= TOLD_ALONE * len(told):
        what = f"The text of {len(told):,} of {len(said):,} rows names its own label, and hardly any names another."
        advice = "If it will be missing when the system is used, take it out of the texts: as they are, it need only be copied."
        yield Finding("warning", what, told, advice)


def _rows(places: Sized) -> str:
    return f"{len(places):,} row{'' if len(places) == 1 else 's'}"
