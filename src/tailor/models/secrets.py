"""Keys of endpoints: which one is sent, and keeping it out of everything that is shown or stored."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from tailor.errors import EndpointError
from tailor.task import ModelSettings

SHORTEST = 8
"""Characters of a key; what is shorter, such as "none" or "EMPTY", is no secret, and may be an answer."""
PIECE = 12
"""A stretch of a key that is at least so long gives it away."""
HIDDEN = "[key]"
T = TypeVar("T")


class Secret:
    """A key; whatever shows it shows "[key]".

    Args:
        key: the key, empty for none.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        encoded = base64.b64encode(key.encode("utf-8", "replace")).decode().rstrip("=")
        self._forms = {key, quote(key, safe=""), encoded} if len(key) >= SHORTEST else set()
        self._pieces = {form[i : i + PIECE] for form in self._forms for i in range(len(form) - PIECE + 1)}

    def __repr__(self) -> str:
        return HIDDEN if self.key else "no key"

    __str__ = __repr__

    def header(self, name: str = "") -> dict[str, str]:
        """The header that carries the key: one of its own, such as `api-key`, or `Authorization: Bearer`."""
        return {name: self.key or "none"} if name else {"authorization": f"Bearer {self.key or 'none'}"}

    def scrub(self, value: T) -> T:
        """The value, a text or what JSON can hold, with the key and every stretch of it of 12 characters or more as "[key]".

        Call it before a text is cut: half a key is no longer found.
        """
        cleaned: Any = value
        if not self._forms:
            return value
        if isinstance(value, str):
            cleaned = self._scrub(value)
        elif isinstance(value, dict):
            cleaned = {self.scrub(name): self.scrub(inner) for name, inner in value.items()}
        elif isinstance(value, list):
            cleaned = [self.scrub(inner) for inner in value]
        found: T = cleaned
        return found

    def _scrub(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        kept, start = [], 0
        while start < len(text):
            end = start
            while text[end : end + PIECE] in self._pieces:
                end += 1
            if end > start:
                kept.append(HIDDEN)
                start = end + PIECE - 1
            else:
                kept.append(text[start])
                start += 1
        return "".join(kept)


def variable_sent(settings: ModelSettings) -> str:
    """The environment variable whose value calls of a model carry; empty where none is set.

    A server on this machine gets a key only when its variable was named in the settings, so that a key for elsewhere is not
    handed to whatever listens here.
    """
    if "api_key_env" not in settings.model_fields_set and is_here(settings.base_url):
        return ""
    return settings.api_key_env if os.environ.get(settings.api_key_env, "").strip() else ""


def read_key(settings: ModelSettings) -> Secret:
    """The key that calls of a model carry (see `variable_sent`), without what was copied with it; empty for none.

    Raises:
        EndpointError: the key holds characters that no header can carry.
    """
    name = settings.api_key_env
    key = cleaned(os.environ.get(variable_sent(settings), ""))
    if not key.isascii() or not key.isprintable():
        raise EndpointError(
            f"{name} does not hold a key: it has characters other than printable ASCII", "Set it again.", fatal=True
        )
    return Secret(key)


def cleaned(key: str) -> str:
    """A key without what is often copied with it: white space, line ends also as they are written, quotation marks, "Bearer"."""
    before = None
    while key != before:
        before = key
        key = key.strip().strip("\"'`“”‘’").removesuffix("\\n").removesuffix("\\r")
        key = re.sub(r"\A(?:authorization:\s*)?bearer\s+", "", key, flags=re.IGNORECASE)
    return key


def is_here(address: str) -> bool:
    """Whether an address is on this machine."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
