"""Rows of tools that train and of tools that measure, where they differ from a plain table or a chat.

LLaMA-Factory's alpaca with a history and its sharegpt with a chosen answer, TRL's preferences with and without a pair, and
the samples of OpenAI Evals. An answer that is marked as a bad one, or rejected, is no right answer: it is left out and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tailor.data.finding import Finding
from tailor.errors import DataError, quoted

ROWS_NAMED = 5
TAGS = ("label", "kto_tag")
"""Columns that say whether an answer is a good one: of TRL, and of LLaMA-Factory."""
CHATS = ("messages", "conversations")
_EXAMPLES = {"example_user": "user", "example_assistant": "assistant"}
"""Names of system messages that are worked examples, as OpenAI Evals has them."""

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]


def flatten_trained(name: str, rows: Sequence[Object]) -> Read:
    """Such rows as plain ones, or as chats that `flatten_chats` reads; others as they are.

    Raises:
        DataError: the rows hold steps with a label each, which are no right answers.
    """
    findings: tuple[Finding, ...] = ()
    for flatten in (_steps, _samples, _alpaca, _tagged, _preferred):
        rows, more = flatten(name, rows)
        findings = (*findings, *more)
    return rows, findings


def _steps(name: str, rows: Sequence[Object]) -> Read:
    if rows and all(isinstance(row.get("completions"), list) and isinstance(row.get("labels"), list) for row in rows):
        raise DataError(
            f"{name} holds steps with a label each, in `completions` and `labels`, which are no right answers",
            "Give the right answer to each prompt in a column of its own, such as `completion`.",
        )
    return rows, ()


# OpenAI Evals


def _samples(_name: str, rows: Sequence[Object]) -> Read:
    """Samples whose worked examples are system messages with a name, or whose question is one."""
    if not rows or not all("ideal" in row and "input" in row for row in rows):
        return rows, ()
    return [{**row, "input": _plain_turns(row["input"])} for row in rows], ()


def _plain_turns(asked: object) -> object:
    if not isinstance(asked, list) or not asked or not all(isinstance(turn, Mapping) and "content" in turn for turn in asked):
        return asked
    turns = [{**turn, "role": _EXAMPLES.get(str(turn.get("name", "")), turn.get("role"))} for turn in asked]
    turns = [{key: value for key, value in turn.items() if key != "name" or value not in _EXAMPLES} for turn in turns]
    if not any(turn["role"] == "user" for turn in turns):
        turns[-1] = {**turns[-1], "role": "user"}
    return turns


# LLaMA-Factory


def _alpaca(name: str, rows: Sequence[Object]) -> Read:
    """Instructions with earlier questions and answers, as chats."""
    if not any(_is_history(row.get("history")) for row in rows) or not all("instruction" in row for row in rows):
        return rows, ()
    answer = "output" if all("output" in row for row in rows) else "chosen"
    used = {"instruction", "input", "history", "system", answer}
    made = [
        {"messages": list(_alpaca_turns(row, answer)), **{key: value for key, value in row.items() if key not in used}}
        for row in rows
    ]
    return made, (Finding("note", f"{name} holds instructions with what was said before in `history`; each row is a chat."),)


def _is_history(cell: object) -> bool:
    return isinstance(cell, list) and bool(cell) and all(isinstance(pair, list) and len(pair) == 2 for pair in cell)


def _alpaca_turns(row: Object, answer: str) -> Iterator[dict[str, object]]:
    if row.get("system"):
        yield {"role": "system", "content": row["system"]}
    history = row.get("history")
    for asked, answered in history if isinstance(history, list) else []:
        yield {"role": "user", "content": asked}
        yield {"role": "assistant", "content": answered}
    yield {"role": "user", "content": "\n".join(str(row[key]) for key in ("instruction", "input") if row.get(key))}
    yield {"role": "assistant", "content": row.get(answer)}


# Good and bad answers


def _tagged(name: str, rows: Sequence[Object]) -> Read:
    """Answers that are marked as good or bad: a bad one is no right answer."""
    tag = next((key for key in TAGS if rows and all(isinstance(row.get(key), bool) for row in rows)), "")
    if not tag or not all(tag == "kto_tag" or {"prompt", "completion"} <= set(row) for row in rows):
        return rows, ()
    bad = [number for number, row in enumerate(rows, start=1) if not row[tag]]
    made = [_without_bad(row, good=bool(row[tag]), tag=tag) for row in rows]
    if not bad:
        return made, ()
    more = f" and {len(bad) - ROWS_NAMED:,} more" if len(bad) > ROWS_NAMED else ""
    named = f"rows {', '.join(map(str, bad[:ROWS_NAMED]))}{more}"
    marked = f"{len(bad):,} of {len(rows):,} answers are marked as bad in {quoted(tag)}"
    what = f"{name}: {marked}, so these rows have no right answer ({named})."
    return made, (Finding("warning", what, advice="A bad answer says only what is wrong; add the right one to use such a row."),)


def _without_bad(row: Object, *, good: bool, tag: str) -> Object:
    """The row with its answer as text, or without one."""
    plain = {key: value for key, value in row.items() if key != tag}
    for key in CHATS:
        chat = plain.get(key)
        if isinstance(chat, list) and len(chat) > 1:
            return {**plain, key: chat[:-1], "answer": _said(chat[-1]) if good else None}
    key = "completion" if "completion" in plain else "output"
    answer = plain.pop(key, None)
    if isinstance(answer, list):
        answer = _said(answer[-1]) if answer else None
    return {**plain, "answer": answer if good else None}


def _said(turn: object) -> object:
    return next((turn[key] for key in ("content", "value") if key in turn), None) if isinstance(turn, Mapping) else turn


def _preferred(name: str, rows: Sequence[Object]) -> Read:
    """Pairs of a chosen and a rejected answer: the rejected one is not used."""
    if not rows or not all("chosen" in row and "rejected" in row for row in rows):
        return rows, ()
    note = Finding("note", f"{name}: the chosen answer is the right one; `rejected` is not used.")
    key = next((key for key in CHATS if all(isinstance(row.get(key), list) for row in rows)), "")
    if key and all(isinstance(row["chosen"], Mapping) for row in rows):
        joined = [{**row, key: [*_turns(row[key]), row["chosen"]]} for row in rows]
        return [{name: value for name, value in row.items() if name not in ("chosen", "rejected")} for row in joined], (note,)
    return rows, (note,) if all(isinstance(row["chosen"], str) for row in rows) else ()


def _turns(cell: object) -> list[object]:
    return cell if isinstance(cell, list) else []
