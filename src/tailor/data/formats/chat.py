"""Chats as rows: what the user says last is asked, what the assistant says last is the right answer, the rest is shown.

Read are lists of messages (`role` and `content`, or `from` and `value`), a prompt with its completion, and a prompt with a chosen
and a rejected answer. A chat that cannot be scored is refused with its row named: no turn is left out silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tailor.conversation import COLUMN, Turn, written
from tailor.data.cells import written_list
from tailor.data.finding import Finding
from tailor.data.formats.chatimages import MARK, image_columns, image_names
from tailor.data.formats.chattext import with_chats_in_texts
from tailor.data.formats.chatturns import Said, conversation, is_chat, read_messages, role_of, text_in
from tailor.errors import DataError, quoted

ROWS_NAMED = 5
CHATS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns", "contents")
ANSWERS = ("completion", "chosen", "response")  # columns with the last turns of a `prompt`
SYSTEM = ("system", "systemInstruction", "system_instruction")  # columns with the system text next to a chat
ASKED = ("prompt", "input", "inputs", *CHATS)  # columns with chats that may end with the question
ANSWER_COLUMNS = (  # columns with the right answer to it
    *("ideal", "expected", "expected_output", "reference", "target", "answer", "answers", "label", "labels", "category", "class"),
    *("intent", "topic", "gold", "ground_truth", "output"),
)
MADE = ("input", "output", "system", "history", "steps")

Object = Mapping[str, object]


def flatten_chats(name: str, rows: Sequence[Object]) -> tuple[Sequence[Object], tuple[Finding, ...]]:
    """Rows that hold chats as columns input, output, system, history and steps; other rows as they are.

    `history` is what was said before the user's last turn; `steps` are tool calls and their results between that turn and the
    answer. Where a chat has either, `messages` holds all turns before the answer as a conversation (`tailor.conversation`).

    Raises:
        DataError: some rows hold chats that cannot be used, or no chats; they are named.
    """
    rows, text_column = with_chats_in_texts([_parsed(_with_usual_names(row)) for row in rows])
    if asked := _asked_column(rows):
        return _with_questions(name, rows, asked)
    key = _chat_column(rows)
    if not key:
        return rows, ()
    parts = ("input", "output", "history", "steps", *([COLUMN] if key != COLUMN else []))
    taken = [column for column in parts if any(column in row for row in rows)]
    if taken:
        raise DataError(
            f"{name} holds chats in {quoted(key)}, and also a column {quoted(taken[0])}, which is the name of a part of each chat",
            f"Rename the column {quoted(taken[0])}, or take it out.",
        )
    made: list[dict[str, object]] = []
    bad: list[str] = []
    several = 0
    for number, row in enumerate(rows, start=1):
        try:
            turns, used = _turns_of(row, key)
            chat = _chat(turns, row)
        except ValueError as error:
            bad.append(f"row {number} ({error})")
            continue
        several += sum(1 for turn in turns if turn.role == "assistant" and not turn.calls) > 1
        made.append(
            {**chat, **{column: value for column, value in row.items() if column not in {*used, *SYSTEM, *image_names(row)}}}
        )
    if bad:
        more = f" and {len(bad) - ROWS_NAMED:,} more" if len(bad) > ROWS_NAMED else ""
        raise DataError(
            f"{name} holds chats, but {', '.join(bad[:ROWS_NAMED])}{more}",
            "End each chat with the right answer as the assistant's text, or take these rows out.",
        )
    unused = {"steps"} if not any(row["steps"] for row in made) else set()
    unused |= {COLUMN} if not any(row["history"] or row["steps"] for row in made) else set()
    made = [{column: value for column, value in row.items() if column not in unused} for row in made]
    return made, tuple(_told(name, text_column or key, len(made), several))


def _told(name: str, key: str, chats: int, several: int) -> Iterator[Finding]:
    told = "the user's last turn is the column `input`, the assistant's last turn `output`, what was said before `history`"
    yield Finding("note", f"{name} holds chats in {quoted(key)}: {told}.")
    if several:
        yield Finding(
            "note",
            f"{name}: {several:,} of {chats:,} chats have several turns of the assistant; only the last is scored.",
            advice="To learn and measure the earlier ones too, set `turns: all` under `data`.",
        )
    if key == "chosen":
        yield Finding("note", f"{name}: the chosen answer is the right one; `rejected` is not used.")


# Which column holds chats


def _with_usual_names(row: Object) -> Object:
    """The row with a pair of preferred and other output under the names that such pairs have elsewhere."""
    if "preferred_output" not in row or "messages" not in row:
        return row
    names = {"messages": "prompt", "preferred_output": "chosen", "non_preferred_output": "rejected"}
    return {names.get(key, key): cell for key, cell in row.items()}


def _parsed(row: Object) -> Object:
    """The row with chats that are written into a cell as text, as in a CSV file, as the lists they are."""
    parsed = {
        key: turns
        for key in (*ASKED, *ANSWERS)
        if isinstance(cell := row.get(key), str) and cell.lstrip().startswith(("[{", "{")) and is_chat(turns := written_list(cell))
    }
    return {**row, **parsed} if parsed else row


def _chat_column(rows: Sequence[Object]) -> str:
    for key in CHATS:
        if any(is_chat(row.get(key)) or (key == "messages" and isinstance(row.get(key), list)) for row in rows):
            return key
    for key in ANSWERS:
        if any(is_chat(row.get(key)) or (is_chat(row.get("prompt")) and key in row) for row in rows):
            return key
    return ""


def _asked_column(rows: Sequence[Object]) -> str:
    """The column with chats that end with the user's turn, where the right answer is in another column."""
    if not rows or not any(answer in rows[0] for answer in ANSWER_COLUMNS):
        return ""
    return next((key for key in ASKED if all(is_chat(cell := row.get(key)) and _ends_with_user(cell) for row in rows)), "")


def _ends_with_user(cell: object) -> bool:
    return isinstance(cell, list) and role_of(cell[-1]) == "user"


def _with_questions(name: str, rows: Sequence[Object], key: str) -> tuple[Sequence[Object], tuple[Finding, ...]]:
    made = []
    for number, row in enumerate(rows, start=1):
        try:
            turns = read_messages(row[key])
            images = _images(turns, len(turns) - 1, row)
        except ValueError as error:
            raise DataError(f"{name} row {number} holds a chat that cannot be used: {error}", "Take the row out.") from error
        system, history = _said_by_system(turns, row), _transcript(turns[:-1])
        others = {column: value for column, value in row.items() if column not in {key, *SYSTEM, *image_names(row)}}
        asked = {"input": _text(turns[-1], images), "system": system, "history": history}
        made.append({**asked, COLUMN: _conversation(turns, row, len(turns) - 1, images), **images, **others})
    if not any(row["history"] for row in made):
        made = [{column: value for column, value in row.items() if column != COLUMN} for row in made]
    told = "the user's last turn is the column `input`, what was said before `history`"
    return made, (Finding("note", f"{name} holds chats in {quoted(key)} that end with a question: {told}."),)


def _turns_of(row: Object, key: str) -> tuple[list[Said], set[str]]:
    """The turns of a row, and the columns that they came from."""
    cell = row.get(key)
    if key in CHATS:
        return read_messages(cell), {key}
    prompt = row.get("prompt")
    answer = [{"role": "assistant", "content": cell}] if isinstance(cell, str) else cell
    if not isinstance(answer, list) or not answer:
        raise ValueError(f"it has no {key}")
    if any(role_of(turn) == "user" for turn in answer):  # the whole conversation, prompt included
        return read_messages(answer), {key} | ({"prompt"} if isinstance(prompt, list) else set())
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if not isinstance(asked, list) or not asked:
        raise ValueError("it has no prompt")
    return [*read_messages(asked), *read_messages(answer)], {key, "prompt"}


# A row


def _chat(turns: Sequence[Said], row: Object) -> dict[str, object]:
    last = turns[-1]
    if last.role != "assistant":
        raise ValueError("it does not end with the assistant's answer")
    if last.calls:
        raise ValueError("its last turn calls a tool, which cannot be scored yet")
    if not last.text.strip():
        raise ValueError("the assistant's last turn is empty")
    asked = max((place for place, turn in enumerate(turns) if turn.role == "user"), default=None)
    images = {} if asked is None else _images(turns, asked, row)
    if asked is None or not (turns[asked].text.strip() or images):
        raise ValueError("the user says nothing")
    steps = turns[asked + 1 : -1]
    return {
        "input": _text(turns[asked], images),
        "output": last.text,
        **images,
        "system": _said_by_system(turns, row),
        "history": _transcript(turns[:asked]),
        "steps": _transcript(steps),
        COLUMN: _conversation(turns[:-1], row, asked, images),
    }


def _conversation(said: Sequence[Said], row: Object, asked: int, images: Mapping[str, object]) -> str:
    """The cell with these messages as a conversation, behind the system text that is next to them."""
    texts = [_text(one, images) if place == asked else one.text for place, one in enumerate(said)]
    turns = conversation(said, texts)
    if (told := _system(row)) and not any(turn.role == "system" for turn in turns):
        turns.insert(0, Turn("system", told))
    return written(turns)


def _images(turns: Sequence[Said], asked: int, row: Object) -> dict[str, object]:
    return image_columns(row, [turn.text for turn in turns], [turn.images for turn in turns], asked)


def _text(turn: Said, images: Mapping[str, object]) -> str:
    """What is said in a turn, without the marks of images that are in columns."""
    return turn.text.replace(MARK, "").strip() if images else turn.text


def _said_by_system(turns: Sequence[Said], row: Object) -> str:
    said, column_text = "\n\n".join(turn.text for turn in turns if turn.role == "system"), _system(row)
    if said and column_text.strip() and column_text.strip() != said.strip():
        raise ValueError("its column `system` says something else than its system message")
    return said or column_text


def _system(row: Object) -> str:
    """The system text that is next to a chat, as text or as a message."""
    column_text = next((row[column] for column in SYSTEM if row.get(column)), "")
    return text_in(column_text)


def _transcript(turns: Sequence[Said]) -> str:
    return "\n".join(f"{turn.role}: {turn.text}" for turn in turns if turn.role != "system")
