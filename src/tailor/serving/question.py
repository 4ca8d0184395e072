"""From a request to the row that it asks about: the columns that the task reads, as in the data.

A chat is read as a row. Where the measured rows are conversations, its messages are the conversation. Where they are single texts,
its one user message is the column that the task reads, or, where it reads several, a JSON object with all of them. Its images are
the columns that hold images, in the order in which the task reads them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tailor.conversation import HEAD, written
from tailor.data.example import Example
from tailor.data.formats.chatturns import conversation, read_messages
from tailor.errors import did_you_mean, quoted
from tailor.outside import load_json
from tailor.serving.certified import Turns
from tailor.serving.fields import check_fields
from tailor.serving.images import images_among, sent_image
from tailor.serving.refused import Refused
from tailor.system import System


@dataclass(frozen=True)
class Reads:
    """What the columns of a task hold besides texts.

    Attributes:
        turns: what conversations.
        images: the columns that hold images.
    """

    turns: Turns = Turns()
    images: tuple[str, ...] = ()


def names(system: System) -> tuple[str, ...]:
    """The columns that a system reads."""
    return system.variables


def row_of(system: System, reads: Reads, given: Mapping[str, Any], id: str, fields: Mapping[str, str] | None = None) -> Example:
    """The row in the columns that were given, each a text, a list of messages where conversations were measured, or an image as a
    data URL.

    Args:
        system: what answers.
        reads: what its columns hold besides texts.
        given: the columns.
        id: of the request.
        fields: column -> the field of the request that holds it; by its name unless given.

    Raises:
        Refused: one is missing, unknown or neither.
    """
    wanted = names(system)
    for name in given:
        if name not in wanted:
            raise Refused(
                f"{quoted(name, 60)} is not a column that the task reads{did_you_mean(name, wanted)}; it reads {_listed(wanted)}.",
                param=name[:60],
                code="unknown_parameter",
            )
    if missing := [name for name in wanted if name not in given]:
        raise Refused(
            f"`{missing[0]}` is missing: the task reads {_listed(wanted)}.", param=missing[0], code="missing_required_parameter"
        )
    media = {name: sent_image(given[name], (fields or {}).get(name, name)) for name in wanted if name in reads.images}
    cells = {name: media[name].words if name in media else _cell(reads.turns, name, value) for name, value in given.items()}
    if not any(cell.strip() for cell in cells.values()):
        raise Refused("Nothing is asked: every column is empty.", param=wanted[0], code="invalid_value")
    return Example(id, cells, (), media=media)


def _cell(turns: Turns, name: str, value: object) -> str:
    """The cell of a column."""
    if isinstance(value, str):
        if value.startswith(HEAD):  # as a cell holds a conversation, with turns that no caller may set
            raise Refused(
                f"`{name}` begins as a kept conversation does. Send a list of messages.", param=name, code="invalid_value"
            )
        return value.encode("utf-8", "replace").decode()
    if turns.several and isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        _check_turns(turns, value)
        return _conversation(value, name)
    accepted = "a text or a list of messages" if turns.several else "a text"
    raise Refused(f"`{name}` must be {accepted}.", param=name, code="invalid_type")


def question_of(system: System, reads: Reads, body: Mapping[str, Any], id: str) -> Example:
    """The row that a chat request asks about.

    Raises:
        Refused: it says something that was not measured, or nothing.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, Mapping) for one in messages):
        raise Refused('`messages` must be a list of messages, such as [{"role": "user", "content": "..."}].', param="messages")
    check_fields(system, body)
    shown = tuple(name for name in names(system) if name in reads.images)
    columns = tuple(name for name in names(system) if name not in shown)
    _refuse_media(messages, {"text", "image_url"} if shown else {"text"})
    if reads.turns.several and len(columns) == 1:
        place = max((place for place, one in enumerate(messages) if one.get("role") == "user"), default=0)
        _refuse_images_besides(messages, place)
        images, fields = _images(messages[place], f"messages[{place}].content", shown)
        said = [_without_images(one) if at == place else one for at, one in enumerate(messages)]
        return row_of(system, reads, {columns[0]: said, **images}, id, fields)
    text = _only_text(messages, may_be_empty=bool(shown))
    images, fields = _images(messages[0], "messages[0].content", shown)
    return row_of(system, reads, {**_texts(text, columns), **images}, id, fields)


def _images(message: Mapping[str, Any], content: str, shown: tuple[str, ...]) -> tuple[dict[str, object], dict[str, str]]:
    """The URLs of the images in a message by the columns that they are, and the fields that hold them."""
    sent = list(images_among(message.get("content"), content))
    if len(sent) != len(shown):
        raise Refused(
            f"The task reads {_listed(shown)} as images, each once, and the message holds {len(sent):,}.",
            param=content,
            code="invalid_value",
        )
    named = list(zip(shown, sent, strict=True))
    return {name: url for name, (url, _) in named}, {name: field for name, (_, field) in named}


def _without_images(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message with its texts alone."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [part for part in content if not isinstance(part, Mapping) or part.get("type") != "image_url"]}


def _refuse_images_besides(messages: list[Mapping[str, Any]], asked: int) -> None:
    """Refuse images in other turns than the one that asks: those of measured rows belong to the user's last turn."""
    for place, message in enumerate(messages):
        if place != asked and any(True for _ in images_among(message.get("content"), f"messages[{place}].content")):
            raise Refused(
                f"`messages[{place}]` holds an image, and measured conversations have them in the user's last message alone.",
                param=f"messages[{place}].content",
                code="unsupported_value",
            )


def _texts(text: str, columns: tuple[str, ...]) -> Mapping[str, Any]:
    """The columns that hold texts, out of the text of the message."""
    if columns:
        return {columns[0]: text} if len(columns) == 1 else _object(text, columns)
    if text.strip():
        said, field = "The task reads images and no text besides. Leave the text out.", "messages[0].content"
        raise Refused(said, param=field, code="unsupported_value")
    return {}


def _only_text(messages: list[Mapping[str, Any]], *, may_be_empty: bool) -> str:
    """The text of the one user message."""
    for place, message in enumerate(messages):
        role = message.get("role")
        if role in ("system", "developer"):
            raise Refused(
                f"`messages[{place}]` is a {role} message, and the system was measured without one. Leave it out.",
                param=f"messages[{place}].role",
                code="unsupported_value",
            )
        if role != "user" or place:
            raise Refused(
                f"`messages[{place}]` is a turn of a conversation, and single texts were measured. Send one user message.",
                param=f"messages[{place}].role",
                code="unsupported_value",
            )
    content = messages[0].get("content")
    if isinstance(content, list):
        texts = [part.get("text") for part in content if part.get("type") != "image_url"]
        whole = [text for text in texts if isinstance(text, str)]
        content = "".join(whole) if len(whole) == len(texts) else None
    if not isinstance(content, str) or not (content.strip() or may_be_empty):
        raise Refused("`messages[0].content` must be a text that is not empty.", param="messages[0].content", code="invalid_type")
    return content


def _refuse_media(messages: list[Mapping[str, Any]], accepted: Collection[str]) -> None:
    """Refuse parts of a sort that was not measured."""
    for place, message in enumerate(messages):
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            kind = str(part.get("type", "text")) if isinstance(part, Mapping) else "?"
            if kind not in accepted:
                raise Refused(
                    f"`messages[{place}].content` holds a part of type {quoted(kind, 40)}; "
                    f"{'text and images were' if 'image_url' in accepted else 'text alone was'} measured.",
                    param=f"messages[{place}].content",
                    code="unsupported_value",
                )


def _check_turns(turns: Turns, messages: list[Mapping[str, Any]]) -> None:
    """Refuse turns of a sort that no measured row has."""
    for place, message in enumerate(messages):
        if message.get("role") in ("system", "developer") and not turns.system:
            raise Refused(
                f"`messages[{place}]` is a system message, and no measured row has one. Leave it out.",
                param=f"messages[{place}].role",
                code="unsupported_value",
            )
    if not any(message.get("role") == "user" for message in messages):
        raise Refused("`messages` holds no message of the user.", param="messages", code="invalid_value")


def _conversation(messages: list[Any], name: str) -> str:
    """The cell that holds these messages."""
    try:
        said = read_messages(messages)
    except ValueError as error:
        raise Refused(f"`{name}` holds a chat that cannot be used: {error}.", param=name, code="invalid_value") from None
    return written(conversation(said, [one.text for one in said])).encode("utf-8", "replace").decode()


def _object(text: str, columns: tuple[str, ...]) -> Mapping[str, Any]:
    """The columns in a message that asks about several."""
    example = json.dumps(dict.fromkeys(columns, "..."), ensure_ascii=False)
    try:
        found = load_json(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(
            f"The task reads {_listed(columns)}: send a JSON object in the user message, such as {example}, or call /answer.",
            param="messages[0].content",
            code="invalid_value",
        )
    return found


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns)
