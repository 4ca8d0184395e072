"""What an embedder wants in front of a question to search by, and of a text that is searched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TEXT = ("document", "passage", "corpus")
"""What sentence-transformers takes for the prompt of a text that is searched, the first that there is."""


@dataclass(frozen=True)
class Prompts:
    """What is put in front of texts that are embedded.

    Attributes:
        query: in front of a question to search by.
        text: in front of a text that is searched.
    """

    query: str = ""
    text: str = ""


NONE = Prompts()
# Models whose folders name no prompts, and whose authors ask for them (Wang et al. 2022, arXiv:2212.03533; Xiao et al. 2023,
# arXiv:2309.07597). They are known by what the user calls them.
_FAMILIES = (
    (re.compile(r"(multilingual-)?e5-(small|base|large)(-v2)?"), Prompts("query: ", "passage: ")),
    (re.compile(r"bge-(small|base|large)-en(-v1\.5)?"), Prompts("Represent this sentence for searching relevant passages: ")),
    (re.compile(r"bge-(small|base|large)-zh(-v1\.5)?"), Prompts("为这个句子生成表示以用于检索相关文章：")),
)


def prompts_of(name: str, config: Mapping[str, Any]) -> Prompts:
    """The prompts of an embedder: those that its `config_sentence_transformers.json` names, else those its family is known to want.

    Args:
        name: what the user calls it: a folder or Hub name.
        config: what that file holds; empty where there is none.
    """
    named = config.get("prompts")
    named = {key: text for key, text in named.items() if isinstance(text, str)} if isinstance(named, Mapping) else {}
    if any(named.values()):
        other = named.get(str(config.get("default_prompt_name")), "")
        return Prompts(named.get("query", other), next((named[key] for key in _TEXT if key in named), other))
    called = name.rstrip("/").rpartition("/")[2].lower()
    return next((prompts for pattern, prompts in _FAMILIES if pattern.fullmatch(called)), NONE)


def prompts_for(embedder: object) -> Prompts:
    """The prompts of an embedder that says which it wants; none for any other."""
    found = getattr(embedder, "prompts", NONE)
    return found if isinstance(found, Prompts) else NONE
