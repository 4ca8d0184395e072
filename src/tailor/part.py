"""What a System is made of: immutable pieces that are checked whenever they are made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A piece of a System: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def with_(self, **changes: object) -> Self:
        """A copy with these fields changed, checked like a new one; a part given as a mapping keeps its other fields.

        Raises:
            ValueError: there is no such field, or a value does not fit it.
        """
        fields: dict[str, object] = {name: getattr(self, name) for name in type(self).model_fields}
        for name, change in changes.items():
            part = fields.get(name)
            fields[name] = part.with_(**change) if isinstance(part, Part) and isinstance(change, Mapping) else change
        return type(self).model_validate(fields)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As `with_`: pydantic's own neither checks what is changed nor forgets what was computed from what it changes."""
        return self.with_(**(update or {}))

    @cached_property
    def canonical(self) -> str:
        """Its JSON as fingerprints take it."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)
