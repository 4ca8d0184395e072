"""Requests that are refused, in the form in which OpenAI's clients read errors."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that is not answered.

    Args:
        message: what was given, what is accepted, what to do.
        status: of HTTP.
        code: for programs; None for none.
        param: the field that it is about; None for none.
        kind: OpenAI's type of the error.
        headers: further headers of the response.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.param, self.kind = message, status, code, param, kind
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """As clients read it."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}
