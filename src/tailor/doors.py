"""Doors: a model's name such as "openai/gpt-5-mini" stands for an endpoint, its key variable and its habits (`doors.yaml`)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import yaml

VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Door:
    """What is known of an endpoint.

    Attributes:
        name: what a model's name begins with.
        address: the address before /chat/completions; ``{NAME}`` stands for an environment variable.
        key: the environment variable that holds the key.
        page: the provider's page about it.
        read: when someone last compared this with it.
        key_header: the header that carries the key; empty for `Authorization: Bearer`.
        hosts: further hosts at which the same endpoint is found.
        prices: its id in genai-prices; empty where that has none.
        context: tokens that a model reads at once, where the endpoint sets this.
        batch: what an answer in a batch costs, as a share of its ordinary price; None where that is not known.
        speaks: how calls begin: attributes of `tailor.models.endpoint.dialect.Dialect`.
    """

    name: str
    address: str
    key: str
    page: str
    read: date
    key_header: str = ""
    hosts: tuple[str, ...] = ()
    prices: str = ""
    context: int | None = None
    batch: float | None = None
    speaks: Mapping[str, Any] = field(default_factory=dict)

    def is_at(self, address: str) -> bool:
        """Whether an address is of this endpoint."""
        here, there = urlsplit(self.address), urlsplit(address)
        host = "localhost" if there.hostname == "127.0.0.1" else (there.hostname or "").lower()
        if any(host == known or host.endswith(f".{known}") for known in self.hosts):
            return True
        return "{" not in self.address and (here.hostname, here.port) == (host, there.port)


@cache
def doors() -> Mapping[str, Door]:
    """Every door by its name."""
    table = yaml.safe_load((files("tailor") / "doors.yaml").read_text(encoding="utf-8"))
    return {name: Door(name=name, **found | {"hosts": tuple(found.get("hosts", ()))}) for name, found in table["doors"].items()}


def door_at(address: str) -> Door | None:
    """The door whose endpoint an address is of; None where it is of none."""
    try:
        return next((door for door in doors().values() if door.is_at(address)), None)
    except ValueError:  # no address at all, which is reported where it is used
        return None


def through(name: str) -> dict[str, str]:
    """The settings that a name such as "openai/gpt-5-mini" stands for: name, address and key variable; none for other names.

    Raises:
        ValueError: the address is in an environment variable that is not set.
    """
    first, _, rest = name.partition("/")
    door = doors().get(first)
    if door is None or not rest:
        return {}
    for variable in VARIABLE.findall(door.address):
        if not os.environ.get(variable, "").strip():
            raise ValueError(
                f"{first}/ needs the address of your resource in {variable}, such as https://my-resource.openai.azure.com; "
                "set it, or give `base_url` and the name alone"
            )
    address = VARIABLE.sub(lambda found: os.environ[found[1]].strip().rstrip("/"), door.address)
    return {"name": rest, "base_url": address, "api_key_env": door.key}
