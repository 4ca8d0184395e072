"""What can be added from outside, by name: a package names its additions as entry points, and Tailor's own come by the same door.

A package adds a kind of task, say, with these lines in its ``pyproject.toml``::

    [project.entry-points."tailor.kinds"]
    verdict = "my_package:VERDICT"

Nothing of a package is imported before its name is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from operator import attrgetter
from typing import Any

from pydantic_core import PydanticCustomError

from tailor.errors import ConfigError, did_you_mean, quoted


@dataclass
class Registry:
    """Things of one sort by their names.

    Attributes:
        group: name of the entry points.
        noun: what each of them is, for messages.
        own: Tailor's own, name -> "module:object".
    """

    group: str
    noun: str
    own: Mapping[str, str] = field(default_factory=dict)
    _loaded: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _added(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group) if point.name not in self.own}

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self._added

    @property
    def names(self) -> tuple[str, ...]:
        """All names: Tailor's own first, then those that installed packages add."""
        return (*self.own, *sorted(self._added))

    def known(self, name: str) -> str:
        """The name, where it is a setting.

        Raises:
            PydanticCustomError: nothing has it.
        """
        if name not in self:
            raise PydanticCustomError("unknown_name", "it should be one of {options}", {"options": list(self.names)})
        return name

    def load(self, name: str) -> Any:
        """What has this name.

        Raises:
            ConfigError: nothing has, or the package that adds it cannot be imported.
        """
        if name not in self._loaded:
            if name in self.own:
                module, _, attribute = self.own[name].partition(":")
                self._loaded[name] = attrgetter(attribute)(import_module(module))
            elif name in self._added:
                self._loaded[name] = self._of_package(self._added[name])
            else:
                meant = did_you_mean(name, self.names)
                raise ConfigError(f"{quoted(name)} is not a {self.noun}{meant}", f"There are {', '.join(self.names) or 'none'}.")
        return self._loaded[name]

    def usable(self) -> dict[str, Any]:
        """Everything that can be loaded, by name; what a broken package adds is left out, and told when its name is used."""
        found = {}
        for name in self.names:
            with suppress(ConfigError):
                found[name] = self.load(name)
        return found

    def _of_package(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:  # a package of others fails in any way
            package = point.dist.name if point.dist is not None else point.value
            raise ConfigError(
                f"the {self.noun} {quoted(point.name)} of the package {quoted(package)} cannot be loaded: {error}",
                f"Fix or remove {package}.",
            ) from error


_OWN_KINDS = {name: f"tailor.kinds.{name}:{name.upper()}" for name in ("classify", "tags", "answer", "write", "extract")}
KINDS = Registry("tailor.kinds", "kind of task", _OWN_KINDS)
"""Kinds of task (`tailor.kinds.base.Kind`)."""

APPROACHES = Registry("tailor.approaches", "approach")
"""Approaches (`tailor.approaches.approach.Approach`) besides those of `tailor.approaches.named`."""
METRICS = Registry("tailor.metrics", "metric")
"""Metrics for kinds that are there already (`tailor.kinds.base.Metric`)."""
MODELS = Registry("tailor.models", "model", {"fake": "tailor.models.fake:open_fake"})
"""What opens a model by settings whose `name` is this one, or begins with it and a colon."""
READERS = Registry("tailor.readers", "reader of data files")
"""What makes rows of a file by the ending of its name: (name, bytes) -> a mapping of column to value for each row."""
_OWN_SEARCHES = {name: f"tailor.retrieval.searches:{name.upper()}" for name in ("bm25", "vector", "hybrid")}
_OWN_SEARCHES["pgvector"] = "tailor.retrieval.postgres:PGVECTOR"
RETRIEVERS = Registry("tailor.retrievers", "way to search", _OWN_SEARCHES)
"""Ways to search an index (`tailor.retrieval.searches.Retriever`)."""
_OWN_LABELS = {
    "labelstudio": "labelstudio:LABEL_STUDIO",
    **{
        name: f"{name}:{name.upper()}"
        for name in ("coco", "voc", "yolo", "cvat", "potato", "prodigy", "doccano", "conll", "annotators")
    },
}
LABEL_FORMATS = Registry(
    "tailor.label_formats", "format of labels", {name: f"tailor.labelling.formats.{where}" for name, where in _OWN_LABELS.items()}
)
"""Formats of labels (`tailor.labelling.formats.base.Format`)."""
