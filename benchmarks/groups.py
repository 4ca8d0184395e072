"""Groups of unequal size, for simulations."""

from __future__ import annotations

import numpy as np


def draw_groups(rows: int, mean_size: float, random: np.random.Generator) -> list[str]:
    """Names of the rows' groups: sizes are geometric with this mean, so that the largest is several times the mean."""
    names: list[str] = []
    while len(names) < rows:
        names += [str(len(names))] * int(random.geometric(1 / mean_size))
    return names[:rows]
