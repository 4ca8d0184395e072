"""How well passages are found, and which half fails: the search, or the model that reads what it found."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.decide.formats import counted, format_percent
from tailor.evaluate.found import Found
from tailor.evaluate.searched import SearchTrial
from tailor.report.ladder import focus
from tailor.results import Study


@dataclass(frozen=True)
class Searches:
    """The section on search.

    Attributes:
        lead: which half fails, for the system looked at, or for the one whose search is best.
        how: what counts as found.
        rows: a row per way to search, best first.
        tried: ways that were measured by search alone, to choose which of them race.
    """

    lead: str
    how: str
    rows: tuple[Found, ...]
    tried: tuple[SearchTrial, ...] = ()


def searches(study: Study) -> Searches | None:
    """The section; None where nothing was searched for."""
    if not study.found:
        return None
    looked_at = focus(study)
    best = next((one for one in study.found if looked_at and one.fingerprint == looked_at.system.fingerprint), study.found[0])
    return Searches(half_that_fails(best), _how(best), study.found, study.searches)


def half_that_fails(found: Found) -> str:
    """Where a system's errors come from, in two sentences."""
    said = f"Search finds a right passage for {format_percent(found.in_prompt.mean)} of {counted(found.rows, 'dev question')}"
    if found.given is not None:
        said = f"{said}; given one, {found.system} scores {format_percent(found.given.mean)} on those"
    if found.missed is not None:
        said = f"{said}, and {format_percent(found.missed.mean)} where it had none"
    wrong = found.search_failed + found.model_failed
    if not wrong:
        return f"{said}. None of its answers is wrong."
    half = (
        "the model fails more often than the search"
        if found.model_failed > found.search_failed
        else "the search fails more often than the model"
        if found.search_failed > found.model_failed
        else "search and model fail equally often"
    )
    return (
        f"{said}. Of {counted(wrong, 'answer')} that {'is' if wrong == 1 else 'are'} not right, {found.model_failed} had a right "
        f"passage in the prompt and {found.search_failed} had none: {half}."
    )


def _how(found: Found) -> str:
    if found.sourced == found.rows:
        return "The data name the documents that answer; where they quote a sentence too, a passage must hold it."
    holds = "a passage counts as right that holds the quoted sentence or an accepted answer"
    if not found.sourced:
        return f"The data name no sources, so {holds}."
    return f"The data name the documents for {found.sourced:,} of {found.rows:,} questions; for the others {holds}."
