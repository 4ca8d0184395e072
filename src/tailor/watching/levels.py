"""How the error of false alarms is shared: 5 % a year over everything that is watched, however often it is looked at."""

from __future__ import annotations

FALSE_ALARMS = 0.05
"""Probability of any false alarm in a year."""
QUALITY = 0.04
"""The part of it that quality may spend in a year: its evidence may be looked at after each row."""
INPUTS = FALSE_ALARMS - QUALITY
"""The part of all tests of inputs, a year."""
STILL = 0.001
"""The level of each test once one has alarmed: it is known then that inputs have changed, and asked whether they still differ."""
WEEKS = 53
"""Weeks that a year can touch."""


def window_level(nth: int, tests: int) -> float:
    """What one test of one window may spend.

    Half of what inputs may spend goes to the texts' vectors, half to all named tests together. Each week has the same share, and
    the n-th window in it 1 / (n (n + 1)) of that, so that however many windows a week has, they spend no more (Bonferroni; nothing
    need be known of how the tests depend on each other, or of the study's rows, which all of them share).

    Args:
        nth: number of the window in its week, from 1.
        tests: among how many tests of the same half it is shared.

    Raises:
        ValueError: a number is not at least 1.
    """
    if nth < 1 or tests < 1:
        raise ValueError("windows and tests are numbered from 1")
    return INPUTS / 2 / WEEKS / (nth * (nth + 1)) / tests
