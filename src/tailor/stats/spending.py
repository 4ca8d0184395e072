"""How the error probability of a sealed test set is shared, so that all that is ever called shown on it errs in at most 5 %."""

from __future__ import annotations

ALPHA = 0.05
"""Error probability of all that is ever called shown on one test set."""

LEAST = 1e-12
"""What any opening may spend: after some forty halvings, less could not be distinguished from nothing in floating point."""

MOST_FINALISTS = 6
"""Roles of finalists (`tailor.decide.finalists.finalists`): how many may share the error probability of an opening."""
MOST_OF_SEVERAL = 8
"""The same in a study of several models, where the best of each model is a finalist, too."""


def of_opening(opening: int) -> float:
    """What opening k may spend: ALPHA / 2**k, so that all openings together spend at most ALPHA (and LEAST for each after that).

    Raises:
        ValueError: the opening is not at least 1.
    """
    if opening < 1:
        raise ValueError(f"opening {opening} is not at least 1")
    return max(float(ALPHA / 2**opening), LEAST)


CLAIMS = 3
"""Claims about one finalist that hands over: target met, how often it answers by itself, how often it is then wrong."""


def of_target(opening: int, claims: int) -> float:
    """One claim's share of "target met": half of the opening's, divided by the claims (Bonferroni).

    There is one claim for each finalist, and there are `CLAIMS` for one that hands over to a person.
    """
    return of_opening(opening) / 2 / claims


def of_differences(opening: int) -> float:
    """What all differences between finalists share: the other half of the opening's."""
    return of_opening(opening) / 2
