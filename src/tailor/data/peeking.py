"""Columns of the input that hold the right answer: a measurement with them is worthless, since nobody will have them beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.data.identity import spelled
from tailor.errors import DataError, quoted

HOLDS = 0.9
"""Share of the rows in which a column says the right answer, from which on it is a copy of it."""


def refuse_copies(columns: Mapping[str, Sequence[str]], answers: Sequence[Sequence[str]], labels: bool) -> None:
    """Refuse a column that says the right answer, or that is another name of each label, such as its number.

    Where there is one column only it is what is asked, however few texts it holds.

    Args:
        columns: each column that templates read -> its values, row by row.
        answers: the accepted answers of each row.
        labels: whether the answers are labels.

    Raises:
        DataError: naming the column.
    """
    answered = [row for row, given in enumerate(answers) if given]
    if len(columns) < 2 or not answered:
        return
    told = [{spelled(text) for text in answers[row]} for row in answered]
    if len({frozenset(given) for given in told}) < 2:
        return
    for column, values in columns.items():
        said = [spelled(values[row]) for row in answered]
        same = sum(text in given for text, given in zip(said, told, strict=True))
        if same >= HOLDS * len(answered):
            how = f"holds the right answer of {same:,} of {len(told):,} rows"
        elif labels and _is_code(said, [spelled(answers[row][0]) for row in answered]):
            how = "is another name of the right answer in every row"
        else:
            continue
        raise DataError(
            f"a template reads {{{{{column}}}}}, but {quoted(column)} {how}",
            "Take it out of the templates: when the system is used, nobody knows the answer beforehand.",
        )


def _is_code(values: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether each value goes with one label and each label with one value, over several rows each."""
    pairs = set(zip(values, labels, strict=True))
    return len(pairs) == len({value for value, _ in pairs}) == len({label for _, label in pairs}) and len(labels) >= 2 * len(pairs)
