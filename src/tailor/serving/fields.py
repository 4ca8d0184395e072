"""The fields of a chat request: each is honoured, has no effect on the answer, or is refused by its name.

What was measured is one way of answering. A caller cannot change it: a temperature, a system message or a tool that was not
measured would give answers that nothing is known of, so they are refused and never silently ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tailor.errors import did_you_mean, quoted
from tailor.serving.refused import Refused
from tailor.system import System

NO_EFFECT = frozenset(
    "user metadata safety_identifier prompt_cache_key prompt_cache_retention parallel_tool_calls prompt_cache_options".split()
)
"""Fields that say who asks or how an answer is billed or cached elsewhere; they cannot change an answer here."""
READ = frozenset("model messages stream stream_options".split())
"""Fields that are read where the request is."""
SAME = "Leave it out, or send {}: this is what was measured."


def _one_of(*values: object) -> Callable[[System, Any], str | None]:
    """Accepts these values; the first one is named."""

    def check(system: System, given: Any) -> str | None:
        return None if any(type(given) is type(value) and given == value for value in values) else json.dumps(values[0])

    return check


def _number(read: Callable[[System], float]) -> Callable[[System, Any], str | None]:
    """Accepts the number that was measured."""

    def check(system: System, given: Any) -> str | None:
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        return None if is_number and given == read(system) else f"{read(system):g}"

    return check


def _temperature(system: System) -> float:
    return system.decoding.temperature if system.decoding.method == "generate" else 0.0


def _seed(system: System, given: Any) -> str | None:
    """Any where nothing is drawn; else the one that was measured."""
    whole = isinstance(given, int) and not isinstance(given, bool)
    return None if whole and (not _temperature(system) or given == system.decoding.seed) else str(system.decoding.seed)


def _longest(system: System, given: Any) -> str | None:
    """Room for every answer that was measured: less would cut some."""
    whole = isinstance(given, int) and not isinstance(given, bool)
    return None if whole and given >= system.decoding.max_tokens else f"{system.decoding.max_tokens} or more"


def _stop(system: System, given: Any) -> str | None:
    texts = [given] if isinstance(given, str) else given
    return None if texts == list(system.decoding.stop) else json.dumps(list(system.decoding.stop))


def _form(system: System, given: Any) -> str | None:
    """Text; or the JSON that the system is held to anyway."""
    kind, schema = (given.get("type") if isinstance(given, Mapping) else None), system.decoding.json_schema
    if kind == "text" or (kind == "json_object" and schema):
        return None
    if kind == "json_schema" and schema:
        asked = given.get("json_schema")
        if isinstance(asked, Mapping) and asked.get("schema") == json.loads(schema):
            return None
    return "its own JSON schema" if schema else '{"type": "text"}'


CHECKS: dict[str, Callable[[System, Any], str | None]] = {
    "temperature": _number(_temperature),
    "top_p": _number(lambda system: 1),
    "n": _number(lambda system: 1),
    "presence_penalty": _number(lambda system: 0),
    "frequency_penalty": _number(lambda system: 0),
    "seed": _seed,
    "max_tokens": _longest,
    "max_completion_tokens": _longest,
    "stop": _stop,
    "response_format": _form,
    "logit_bias": _one_of({}),
    "logprobs": _one_of(False),
    "tools": _one_of([]),
    "tool_choice": _one_of("none", "auto"),
    "functions": _one_of([]),
    "function_call": _one_of("none", "auto"),
    "store": _one_of(False),
    "service_tier": _one_of("auto", "default"),
    "modalities": _one_of(["text"]),
}
"""What a field may say; the check gives what is accepted instead, None where it is."""
NEVER = frozenset("audio prediction reasoning_effort top_logprobs verbosity web_search_options moderation".split())
"""Fields that cannot be honoured with any value but null."""
KNOWN = READ | NO_EFFECT | NEVER | CHECKS.keys()


def check_fields(system: System, body: Mapping[str, Any]) -> None:
    """Refuse the first field that would need another way of answering than the one that was measured; null is the same as none.

    Raises:
        Refused: there is one.
    """
    for name, given in body.items():
        if given is None or name in READ or name in NO_EFFECT:
            continue
        if name in CHECKS:
            if (accepted := CHECKS[name](system, given)) is not None:
                shown = quoted(json.dumps(given, ensure_ascii=False), 80)
                raise Refused(f"`{name}` is {shown}. {SAME.format(accepted)}", param=name, code="unsupported_value")
        elif name in NEVER:
            raise Refused(
                f"`{name}` is not taken: answers come as they were measured. Leave it out.",
                param=name,
                code="unsupported_parameter",
            )
        else:
            meant = did_you_mean(name, KNOWN)
            raise Refused(
                f"{quoted(name, 60)} is not a parameter of this endpoint{meant}. Leave it out.",
                param=name[:60],
                code="unknown_parameter",
            )
