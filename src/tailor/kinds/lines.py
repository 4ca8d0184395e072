"""Lines of `tailor.yaml` that kinds of task write."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from tailor.kinds.base import Draft


def label_lines(draft: Draft) -> Iterator[str]:
    """The settings of a closed set: the labels, where they can be listed."""
    if draft.labels:
        yield "# The closed set of labels. A row with another label is refused, so that a slip does not become a label of its own."
        yield "labels:"
        yield from (f"  - {as_yaml(label)}" for label in draft.labels)
    else:
        yield f"# The {draft.n_labels} labels are read from the data; list them as `labels: [...]` to have slips refused."


def as_yaml(value: str) -> str:
    """The text as a YAML scalar between double quotes, on one line."""
    return str(yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))).rstrip("\n")
