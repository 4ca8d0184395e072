"""Chats as rows: what the user says last is asked, what the assistant says last is the right answer, the rest is shown.

Read are lists of messages (`role` and `content`, or `from` and `value`), a prompt with its completion, and a prompt with a chosen
and a rejected answer. A chat that cannot be scored is refused with its row named: no turn is left out silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tailor.data.cells import written_list
from tailor.data.finding import Finding
from tailor.data.formats.chatimages import KINDS, MARK, image_columns, image_in, image_names
from tailor.data.formats.chattext import with_chats_in_texts
from tailor.data.jsontext import to_text
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

_ROLES = {
    "user": ("user", "human", "prompter", "customer", "client", "visitor", "caller"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "agent", "function_call"),
    "system": ("system", "developer"),
    "tool": ("tool", "function", "observation", "tool_response", "function_response", "ipython", "environment"),
}
_ROLE = {name: role for role, names in _ROLES.items() for name in names}
_SPEAKER = ("role", "from", "speaker", "sender")
_SAID = ("content", "value", "parts", "text", "message", "utterance")

Object = Mapping[str, object]


@dataclass(frozen=True)
class Turn:
    """One turn of a chat: who speaks, what is said, whether it calls a tool, and the images in it."""

    role: str
    text: str
    calls: bool = False
    images: tuple[str, ...] = ()


def flatten_chats(name: str, rows: Sequence[Object]) -> tuple[Sequence[Object], tuple[Finding, ...]]:
    """Rows that hold chats as columns input, output, system, history and steps; other rows as they are.

    `history` is what was said before the user's last turn; `steps` are tool calls and their results between that turn and the
    answer.

    Raises:
        DataError: some rows hold chats that cannot be used, or no chats; they are named.
    """
    rows, written = with_chats_in_texts([_parsed(_with_usual_names(row)) for row in rows])
    if asked := _asked_column(rows):
        return _with_questions(name, rows, asked)
    key = _chat_column(rows)
    if not key:
        return rows, ()
    taken = [column for column in ("input", "output", "history", "steps") if any(column in row for row in rows)]
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
    if not any(row["steps"] for row in made):
        made = [{column: value for column, value in row.items() if column != "steps"} for row in made]
    return made, tuple(_told(name, written or key, len(made), several))


def _told(name: str, key: str, chats: int, several: int) -> Iterator[Finding]:
    told = "the user's last turn is the column `input`, the assistant's last turn `output`, what was said before `history`"
    yield Finding("note", f"{name} holds chats in {quoted(key)}: {told}.")
    if several:
        yield Finding(
            "note",
            f"{name}: {several:,} of {chats:,} chats have several turns of the assistant; only the last is scored.",
            advice="To measure earlier turns too, add each as a chat that ends there.",
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
    written = {
        key: turns
        for key in (*ASKED, *ANSWERS)
        if isinstance(cell := row.get(key), str) and cell.lstrip().startswith(("[{", "{")) and _is_chat(turns := written_list(cell))
    }
    return {**row, **written} if written else row


def _chat_column(rows: Sequence[Object]) -> str:
    for key in CHATS:
        if any(_is_chat(row.get(key)) or (key == "messages" and isinstance(row.get(key), list)) for row in rows):
            return key
    for key in ANSWERS:
        if any(_is_chat(row.get(key)) or (_is_chat(row.get("prompt")) and key in row) for row in rows):
            return key
    return ""


def _asked_column(rows: Sequence[Object]) -> str:
    """The column with chats that end with the user's turn, where the right answer is in another column."""
    if not rows or not any(answer in rows[0] for answer in ANSWER_COLUMNS):
        return ""
    return next((key for key in ASKED if all(_is_chat(cell := row.get(key)) and _ends_with_user(cell) for row in rows)), "")


def _ends_with_user(cell: object) -> bool:
    return isinstance(cell, list) and _role(cell[-1]) == "user"


def _with_questions(name: str, rows: Sequence[Object], key: str) -> tuple[Sequence[Object], tuple[Finding, ...]]:
    made = []
    for number, row in enumerate(rows, start=1):
        try:
            turns = _turns(row[key])
            images = _images(turns, len(turns) - 1, row)
        except ValueError as error:
            raise DataError(f"{name} row {number} holds a chat that cannot be used: {error}", "Take the row out.") from error
        system, history = _said_by_system(turns, row), _transcript(turns[:-1])
        others = {column: value for column, value in row.items() if column not in {key, *SYSTEM, *image_names(row)}}
        made.append({"input": _text(turns[-1], images), "system": system, "history": history, **images, **others})
    told = "the user's last turn is the column `input`, what was said before `history`"
    return made, (Finding("note", f"{name} holds chats in {quoted(key)} that end with a question: {told}."),)


def _is_chat(cell: object) -> bool:
    return (
        isinstance(cell, list)
        and bool(cell)
        and isinstance(cell[0], Mapping)
        and any(isinstance(cell[0].get(speaker), str) for speaker in _SPEAKER)
        and any(said in cell[0] for said in (*_SAID, "tool_calls"))
    )


def _turns_of(row: Object, key: str) -> tuple[list[Turn], set[str]]:
    """The turns of a row, and the columns that they came from."""
    cell = row.get(key)
    if key in CHATS:
        return _turns(cell), {key}
    prompt = row.get("prompt")
    answer = [{"role": "assistant", "content": cell}] if isinstance(cell, str) else cell
    if not isinstance(answer, list) or not answer:
        raise ValueError(f"it has no {key}")
    if any(_role(turn) == "user" for turn in answer):  # the whole conversation, prompt included
        return _turns(answer), {key} | ({"prompt"} if isinstance(prompt, list) else set())
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if not isinstance(asked, list) or not asked:
        raise ValueError("it has no prompt")
    return [*_turns(asked), *_turns(answer)], {key, "prompt"}


# Turns


def _turns(cell: object) -> list[Turn]:
    if not isinstance(cell, list) or not cell:
        raise ValueError("it holds no messages")
    turns = [_turn(message) for message in cell]
    if turns[-1].role == "assistant" and str(cell[-1].get("weight")) in ("0", "0.0"):
        raise ValueError("its last turn has the weight 0, so it is no right answer")
    return turns


def _role(message: object) -> str:
    """The role of a message in one spelling; empty if it has none that is known."""
    if not isinstance(message, Mapping):
        return ""
    named = next((message[speaker] for speaker in _SPEAKER if isinstance(message.get(speaker), str)), "")
    return _ROLE.get(str(named).casefold(), "")


def _turn(message: object) -> Turn:
    if not isinstance(message, Mapping) or not any(isinstance(message.get(speaker), str) for speaker in _SPEAKER):
        raise ValueError("a message has no role")
    role = _role(message)
    if not role:
        named = next(message[speaker] for speaker in _SPEAKER if isinstance(message.get(speaker), str))
        raise ValueError(f"the role {quoted(named, 30)} is none of user, assistant, system, developer and tool")
    said, calls, results, images = _content(next((message[key] for key in _SAID if message.get(key) is not None), None))
    calls += _calls(message)
    if role == "assistant" and str(message.get("from", "")).casefold() == "function_call":
        said, calls = "", [said]
    called = [f"calls {call}" for call in calls]
    told = " ".join(filter(None, (said, *called, *results)))
    return Turn("tool" if results and not said else role, told, bool(calls), tuple(images))


def _content(content: object) -> tuple[str, list[str], list[str], list[str]]:
    """Text, tool calls, tool results and images of a message whose content is a text or a list of parts."""
    if content is None or isinstance(content, str):
        return content or "", [], [], []
    if isinstance(content, Mapping) and isinstance(content.get("parts"), list):
        content = content["parts"]
    texts, calls, results, images = [], [], [], []
    for part in content if isinstance(content, list) else [content]:
        kind = str(part.get("type", "text")) if isinstance(part, Mapping) else "text"
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, Mapping):
            raise ValueError("a message holds something other than text")
        elif kind == "tool_use":
            calls.append(f"{part.get('name', 'a tool')}({_json(part.get('input'))})")
        elif kind == "tool_result":
            told = _content(part.get("content"))
            results.append(told[0])
            images += told[3]
        elif kind in KINDS:
            images.append(image_in(part))
        elif isinstance(part.get("text"), str) and kind in ("text", "input_text", "output_text", "refusal"):
            texts.append(part["text"])
        else:
            raise ValueError(f"a message holds {_named(kind, part)}, which cannot be used yet")
    return "".join(texts), calls, results, images


def _named(kind: str, part: Mapping[str, object]) -> str:
    what = kind if kind != "text" else next(iter(part), "nothing")
    plain = what.removeprefix("input_").removesuffix("_url").removesuffix("_data")
    return f"{'an' if plain[:1] in 'aeiou' else 'a'} {quoted(plain, 30)} part"


def _calls(message: Mapping[str, object]) -> list[str]:
    calls = message.get("tool_calls") or ([message["function_call"]] if message.get("function_call") else [])
    made = []
    for call in calls if isinstance(calls, list) else [calls]:
        inner = call.get("function", call) if isinstance(call, Mapping) else call
        if isinstance(inner, Mapping) and "name" in inner:
            made.append(f"{inner['name']}({_json(inner.get('arguments'))})")
        else:
            made.append(_json(inner))
    return made


def _json(value: object) -> str:
    return value if isinstance(value, str) else to_text(value) if value is not None else ""


# A row


def _chat(turns: Sequence[Turn], row: Object) -> dict[str, object]:
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
    }


def _images(turns: Sequence[Turn], asked: int, row: Object) -> dict[str, object]:
    return image_columns(row, [turn.text for turn in turns], [turn.images for turn in turns], asked)


def _text(turn: Turn, images: Mapping[str, object]) -> str:
    """What is said in a turn, without the marks of images that are in columns."""
    return turn.text.replace(MARK, "").strip() if images else turn.text


def _said_by_system(turns: Sequence[Turn], row: Object) -> str:
    said, column_text = "\n\n".join(turn.text for turn in turns if turn.role == "system"), _system(row)
    if said and column_text.strip() and column_text.strip() != said.strip():
        raise ValueError("its column `system` says something else than its system message")
    return said or column_text


def _system(row: Object) -> str:
    """The system text that is next to a chat, as text or as a message."""
    column_text = next((row[column] for column in SYSTEM if row.get(column)), "")
    if isinstance(column_text, Mapping):
        column_text = next((column_text[key] for key in _SAID if column_text.get(key) is not None), None)
    return _content(column_text)[0]


def _transcript(turns: Sequence[Turn]) -> str:
    return "\n".join(f"{turn.role}: {turn.text}" for turn in turns if turn.role != "system")
