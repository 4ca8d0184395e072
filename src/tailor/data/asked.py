"""What is asked of a row, as a template: the column with the question, and every column that it cannot be answered without."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tailor.data.columns import ABOUT_WHICH_NAMES, CONTEXT_NAMES, Column, Columns, named

PAIRS = (
    ("premise", "hypothesis"),
    ("claim", "evidence"),
    ("title", "text"),
    ("title", "body"),
    ("title", "description"),
    ("title", "content"),
    ("subject", "body"),
    ("subject", "message"),
    ("subject", "text"),
    ("headline", "body"),
    ("query", "passage"),
    ("query", "document"),
    ("question", "sentence"),
    ("prompt", "completion"),
    ("prompt", "response"),
)
QUESTIONS = ("question", "query")
LISTS_OF_CHOICES = ("choices", "options", "endings", "candidates")

CHATTED, FROM_CHATS = "input", ("input", "system", "history", "steps")
"""The column with what the user says last in a chat, and all of those that a conversation holds."""

LEAST_WORDS = 3  # on average; a shorter context is a number or a name

_NUMBERED = re.compile(r"(.*?)[ _-]?([12ab])", re.IGNORECASE)
_CHOICE = re.compile(r"(choice|option|opt|op|ending|answer|)[ _-]?([a-h]|\d)", re.IGNORECASE)
_LEAST_CHOICES = 3  # of columns that are called only by a letter or number, or like answers
_OFFERED = ("choice", "option", "ending")


@dataclass(frozen=True)
class AskedTemplate:
    """What is asked of each row.

    Attributes:
        template: the columns that make up the question.
        columns: which these are.
        instruction: what every row tells the model, where it is the same in all of them; empty where there is no such thing.
        pair: two columns that are asked about together, or none.
        instructed: whether each row says what to do in it.
        context: the column with the passage that each question is about, or empty.
        choices: whether the answer is the letter or number of one of the choices that the row names.
        conversation: the column with the conversation that the question ends, or empty.
    """

    template: str
    columns: tuple[str, ...]
    instruction: str = ""
    pair: tuple[str, ...] = ()
    instructed: bool = False
    context: str = ""
    choices: bool = False
    conversation: str = ""


def compose(columns: Columns, input: str, output: str, *, from_documents: bool) -> AskedTemplate:
    """The template for a table.

    Args:
        columns: every column.
        input: the one with the question.
        output: the one with the right answer; never asked.
        from_documents: whether documents are searched, so that a column with the passage would give them away.
    """
    others = [column for name, column in columns.items() if name not in (input, output) and column.filled]
    before, told = _instructions(others)
    if (talk := next((column.name for column in others if column.is_conversation), "")) and input == CHATTED:
        # Its turns hold what the other columns that are made of a chat say.
        before = [name for name in before if name.casefold() not in ("system", "history")]
        template = "\n".join(_shown(name, "") for name in (*before, talk))
        return AskedTemplate(template, (*before, talk, *FROM_CHATS), told, instructed=bool(before), conversation=talk)
    instructed = any(name.casefold() != "history" for name in before)
    first, second = _pair(columns, input, output)
    about = (*CONTEXT_NAMES, *(ABOUT_WHICH_NAMES if input.casefold() in QUESTIONS else ()))
    shown = [column for column in others if column.name not in (first, second) and column.words >= LEAST_WORDS]
    context = "" if from_documents else named(about, shown)
    choices = _choices(others, columns[output])
    question = named(QUESTIONS, [column for column in others if not column.constant and column.name != second])
    main = [first, second] if second else [input]
    main += [question] if question and question not in main else []
    labelled = bool(len(main) > 1 or context)
    by_sign = bool(choices) and all(len(value) <= 2 for value in columns[output].values)
    lines = [_shown(name, "") for name in before]
    lines += [_shown(context, context)] if context else []
    lines += [_shown(name, name if labelled else "") for name in main]
    lines += [_shown(name, label) for name, label in choices]
    after = named(("steps",), others)
    lines += [_shown(after, "")] if after else []
    used = (*before, *filter(None, [context]), *main, *(name for name, _ in choices), *filter(None, [after]))
    return AskedTemplate("\n".join(lines), used, told, (first, second) if second else (), instructed, context, by_sign)


def with_images(asked: AskedTemplate, images: Sequence[str]) -> AskedTemplate:
    """The same with images in front of what is asked about them."""
    before = [name for name in images if name not in asked.columns]
    template = "\n".join([*(_shown(name, "") for name in before), asked.template])
    return replace(asked, template=template, columns=(*before, *asked.columns))


def _shown(name: str, label: str) -> str:
    return f"{label.replace('_', ' ')}: {{{{{name}}}}}" if label else f"{{{{{name}}}}}"


def _instructions(others: Sequence[Column]) -> tuple[list[str], str]:
    """Columns that say what to do in this row, with what was said before, and what all rows have in common."""
    before: list[str] = []
    told: list[str] = []
    for names in (("system", "system_prompt"), ("instruction", "instructions", "task")):
        name = named(names, others)
        column = next((column for column in others if column.name == name), None)
        if column is None or (names[-1] == "task" and name.casefold() == "task" and not column.is_text):
            continue
        if column.constant and "{{" not in column.constant:
            told.append(column.constant)
        else:
            before.append(column.name)
    history = named(("history",), others)
    return [*before, *filter(None, [history])], " ".join(told)


def _pair(columns: Columns, input: str, output: str) -> tuple[str, str]:
    """The two columns of a pair that belong together and of which one is the input; two empty texts if it stands alone."""
    texts = {name.casefold(): name for name, column in columns.items() if name != output and column.filled and not column.is_list}
    for one, other in PAIRS:
        if one in texts and other in texts and input in (texts[one], texts[other]):
            return texts[one], texts[other]
    stem = _NUMBERED.fullmatch(input)
    if stem is None:
        return "", ""
    partner = {"1": "2", "2": "1", "a": "b", "b": "a"}[stem[2].casefold()]
    for name in texts.values():
        match = _NUMBERED.fullmatch(name)
        alike = match is not None and match[1].casefold() == stem[1].casefold() and match[2].casefold() == partner
        if alike and stem[1] and columns[name].words >= columns[input].words / 5:
            return (input, name) if stem[2].casefold() < partner else (name, input)
    return "", ""


def _choices(others: Sequence[Column], output: Column) -> list[tuple[str, str]]:
    """Columns with the choices of a question, and what to call each."""
    as_list = named(LISTS_OF_CHOICES, others)
    if as_list:
        return [(as_list, as_list)]
    found = [(column.name, match) for column in others if (match := _CHOICE.fullmatch(column.name))]
    matches = [(name, match[2]) for name, match in found]
    least = 2 if all(match[1].casefold() in _OFFERED for _, match in found) else _LEAST_CHOICES
    signs = [sign.casefold() for _, sign in matches]
    run = [chr(ord(signs[0]) + step) for step in range(len(signs))] if signs else []
    if len(matches) < least or signs != run or signs[0] not in "a01":
        return []
    values = set(output.values)
    return [(name, sign.upper() if sign.upper() in values else sign) for name, sign in matches]
