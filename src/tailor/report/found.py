"""How well passages are found, and which half fails: the search, or the model that reads what it found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tailor.decide.formats import counted, format_percent
from tailor.evaluate.found import Found
from tailor.evaluate.searched import SearchTrial
from tailor.evaluate.sources import GATE, Sources
from tailor.report.ladder import focus
from tailor.results import Study
from tailor.stats.intervals import Interval


@dataclass(frozen=True)
class Searches:
    """The section on search.

    Attributes:
        lead: which half fails, for the system looked at, or for the one whose search is best.
        how: what counts as found.
        rows: a row per way to search, best first.
        tried: ways that were measured by search alone, to choose which of them race.
        sources: whether the winner's passages hold its answers, in sentences.
    """

    lead: str
    how: str
    rows: tuple[Found, ...]
    tried: tuple[SearchTrial, ...] = ()
    sources: tuple[str, ...] = ()


def searches(study: Study) -> Searches | None:
    """The section; None where nothing was searched for."""
    if not study.found:
        return None
    looked_at = focus(study)
    best = next((one for one in study.found if looked_at and one.fingerprint == looked_at.system.fingerprint), study.found[0])
    return Searches(half_that_fails(best), _how(best), study.found, study.searches, tuple(_of_sources(study.sources)))


def _of_sources(sources: Sources | None) -> Iterator[str]:
    """What was found of sources, in sentences."""
    if sources is None or sources.held is None:
        return
    answers = counted(sources.answers, "test answer")
    yield f"Of {answers} by {sources.system}, {_share(sources.held)} stand word for word in a passage that it was given."
    if sources.cited is not None:
        cite = f"{counted(sources.citing, 'answer')} cite a passage"
        yield f"{cite}, and for {_share(sources.cited)} of these a cited one holds the answer."
    if sources.kappa is None:
        return
    tells = f"kappa {sources.kappa:.2f} on {counted(sources.pairs, 'known statement')}"
    if sources.supported is None:
        badly = "Sentences are not checked by the model: it does not tell well enough what a passage says"
        yield f"{badly} ({tells}; {GATE} is asked for)."
    else:
        said = f"a passage says {_share(sources.supported)} of {counted(sources.sentences, 'statement')} in the answers"
        yield f"By the model's own judgement ({tells}), {said}."


def _share(found: Interval) -> str:
    limits = (
        f" [{format_percent(found.low)}, {format_percent(found.high)}]" if found.low is not None and found.high is not None else ""
    )
    return f"{format_percent(found.mean)}{limits}"


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
