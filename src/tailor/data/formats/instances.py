"""Instructions with instances, as Self-Instruct keeps them (Wang et al. 2022, arXiv:2212.10560): each instance becomes a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.data.finding import Finding
from tailor.data.formats.jsonrows import Object, Read

INSTANCES = "instances"


def flatten_instances(name: str, rows: Sequence[Object]) -> Read:
    """A row per instance, with the columns of its instruction; other rows as they are.

    An `id` gets the number of the instance behind it where an instruction has several.
    """
    if not rows or not all(map(_is_instructed, rows)):
        return rows, ()
    made = []
    for row in rows:
        instances = row[INSTANCES]
        assert isinstance(instances, list)
        for number, instance in enumerate(instances, start=1):
            told = {key: value for key, value in row.items() if key != INSTANCES}
            if "id" in told and len(instances) > 1:
                told["id"] = f"{told['id']}-{number}"
            made.append({**told, **instance})
    return made, (
        Finding("note", f"{name} holds {len(rows):,} instructions with {len(made):,} instances; each instance is a row."),
    )


def _is_instructed(row: Object) -> bool:
    instances = row.get(INSTANCES)
    if not isinstance(row.get("instruction"), str) or not isinstance(instances, list) or not instances:
        return False
    return all(isinstance(instance, Mapping) and "output" in instance for instance in instances)
