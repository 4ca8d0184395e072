"""A line to an endpoint: its address in one spelling, the key that is sent, and what its answers with another status mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from tailor.doors import door_at
from tailor.errors import ConfigError, quoted
from tailor.models.endpoint.faults import ErrorBody, Fault, Interpreter, read_error, told_wait
from tailor.models.endpoint.transport import HttpAnswer, Transport
from tailor.models.secrets import is_here, read_key
from tailor.task import ModelSettings


class Line:
    """What is needed to call an endpoint.

    Args:
        settings: address, name, the variable that holds the key, timeout and headers.

    Attributes:
        address: as it may be shown.
        scrub: takes the key out of what is shown or kept.
        interpreter: says what refusals mean.

    Raises:
        ConfigError: the address is no http(s) address, or holds a password.
        EndpointError: the key cannot be sent.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self.address = checked_address(settings.base_url)
        secret, door, variable = read_key(settings), door_at(settings.base_url), settings.api_key_env
        self.scrub = secret.scrub
        used = f"the key in {variable}" if secret.key else f"a call without a key; {variable} is not set"
        self.interpreter = Interpreter(self.address, quoted(settings.name), used, variable)
        self._transport = Transport(
            settings.base_url,
            self.address,
            headers={**secret.header(door.key_header if door else ""), **settings.extra_headers},
            timeout=settings.timeout_seconds,
            is_here=is_here(settings.base_url),
            scrub=secret.scrub,
        )

    def post(self, body: Mapping[str, Any], path: str) -> HttpAnswer:
        """What comes back for a body sent to a path below the address, whatever its status.

        Raises:
            Fault: nothing came.
        """
        return self._transport.post(body, path)

    def send(self, method: str, path: str, content: bytes = b"", **how: Any) -> HttpAnswer:
        """What comes back for a call of any kind; the arguments are those of `Transport.send`.

        Raises:
            Fault: nothing came.
        """
        return self._transport.send(method, path, content, **how)

    def refusal(self, answered: HttpAnswer) -> tuple[Any, ErrorBody]:
        """The body of an answer with another status, without the key, and what it says."""
        data: Any = answered.body.decode("utf-8", "replace")
        with suppress(ValueError, RecursionError):
            data = json.loads(answered.body)
        data = self.scrub(data)
        return data, read_error(data)

    def fault(self, answered: HttpAnswer) -> Fault:
        """What an answer with another status means."""
        data, said = self.refusal(answered)
        location = self.scrub(answered.headers.get("location", ""))
        return self.interpreter.fault(answered.status, said, told_wait(answered.headers, data, said), location)


def canonical(base_url: str) -> str:
    """The address in one spelling: no slash at its end, https for the world and http for this machine, which is localhost."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").lower()
    scheme, host = ("http", "localhost") if is_here(base_url) else ("https", host)
    port = parts.port if parts.port not in (None, 80, 443) else None
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}{query}"


def checked_address(base_url: str) -> str:
    """The address to show: without what may be secret in it.

    Raises:
        ConfigError: it is no http(s) address, or holds a password.
    """
    try:
        parts = urlsplit(base_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise ConfigError(f"`base_url` is not an address: {error}", "Give one such as http://localhost:8000/v1.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"`base_url` is {quoted(base_url)}, not an http(s) address", "Give one such as http://localhost:8000/v1.")
    if parts.username or parts.password:
        raise ConfigError(
            "`base_url` holds a user or password", "Put the key into an environment variable and name it as `api_key_env`."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}"
