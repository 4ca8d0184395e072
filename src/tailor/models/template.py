"""Chats as text by a model's chat template, which is a program that came with the model: it runs in a process of its own."""

from __future__ import annotations

import atexit
from typing import Any

from tailor.confined import Confined, ConfinedError
from tailor.errors import ModelError, ModelNotFound
from tailor.limits import RENDERED_CHARACTERS


class TemplateRefused(ModelError):
    """The template does not take such a chat, for example one with a system turn, or is none."""


def render_chat(template: str, chat: list[dict[str, str]], tokens: dict[str, Any]) -> str:
    """The chat as text, up to where the answer begins.

    Args:
        template: the chat template.
        chat: turns with `role` and `content`.
        tokens: names of special tokens -> what stands for them.

    Raises:
        TemplateRefused: the template raises an error.
        ModelNotFound: it takes too long, or makes too much.
    """
    try:
        refused, text = _confined(template, chat, tokens)
    except ConfinedError as error:
        raise ModelNotFound(f"the model's chat template {error}", "Choose another model.") from error
    if refused:
        raise TemplateRefused(f"the model's chat template refuses the chat: {text}", "Choose another model.")
    return str(text)


def render(template: str, chat: list[dict[str, str]], tokens: dict[str, Any]) -> tuple[bool, str]:
    """Whether the template refused the chat, and why; else the text. As transformers renders it."""
    from jinja2 import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        texts, _ = render_jinja_template([chat], chat_template=template, add_generation_prompt=True, **tokens)
    except TemplateError as error:
        return True, str(error)[:200]
    if len(texts[0]) > RENDERED_CHARACTERS:
        raise ValueError(f"it makes {len(texts[0]):,} characters of a chat, more than {RENDERED_CHARACTERS:,}")
    return False, texts[0]


_confined = Confined("tailor.models.template:render")
atexit.register(_confined.close)
