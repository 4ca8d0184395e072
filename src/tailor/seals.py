"""The sealed test set: which rows were seen before, and what is said when it is opened."""

from __future__ import annotations

from collections.abc import Sequence

from tailor.data.example import Example
from tailor.data.identity import Identity, Known, identity
from tailor.store.openings import Opening
from tailor.task import VARIABLE, Task


def identities(task: Task, examples: Sequence[Example]) -> list[Identity]:
    """What the rows are known again by."""
    columns = VARIABLE.findall(task.input)
    return [identity(columns, example) for example in examples]


def unseen(
    task: Task, parts: Sequence[Sequence[Example]], test: Sequence[Example], shown: Sequence[Identity]
) -> tuple[tuple[Example, ...], ...]:
    """The parts without the rows that stand in the test set, that were shown in one before, or that say nearly the same as such.

    The split keeps rows that say nearly the same as a test row in the test set, so that those are not looked for again here.

    Args:
        task: names the columns.
        parts: rows to learn from.
        test: rows of the test set as it is now.
        shown: rows that were shown before.
    """
    now = identities(task, test)
    known, current = Known([*shown, *now]), Known(now)
    gone = Known([row for row in shown if current.find(row) is None])
    kept = []
    for part in parts:
        rows = identities(task, part)
        near = gone.near([row.text for row in rows])
        pairs = zip(part, rows, near, strict=True)
        kept.append(tuple(example for example, row, is_near in pairs if not is_near and known.find(row) is None))
    return tuple(kept)


def opening_sentences(opened: Opening, finalists: int, trouble: str = "") -> list[str]:
    """What the user is told when the test set is opened."""
    told = []
    if opened.changed:
        was, they = ("answer was", "it") if opened.changed == 1 else ("answers were", "they")
        told.append(
            f"{opened.changed} test {was} changed after {they} had been seen, so that this is another opening of the test set."
        )
    if opened.elsewhere:
        counts = "opening counts" if opened.elsewhere == 1 else "openings count"
        told.append(f"{opened.elsewhere} earlier {counts} that showed rows of this test set in another project folder.")
    if opened.lost:
        counts = "opening counts that is" if opened.lost == 1 else "openings count that are"
        told.append(f"{opened.lost} earlier {counts} damaged or gone.")
    told.append(f"The sealed test set is opened (number {opened.number}) for {finalists} finalists.")
    return [*told, trouble] if trouble else told
