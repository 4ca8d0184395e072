"""Sentences about a judge: how it compares with people, why it may not decide, and what to do."""

from __future__ import annotations

from tailor.decide.formats import format_about, format_percent
from tailor.decide.types import Agreement, Decision, Interval, JudgeCheck

SECONDS_PER_RATING = 20
"""What reading and rating a short answer takes, to say how long a sheet will take."""


def why_not(check: JudgeCheck) -> str:
    """Why the judge may not decide, as the end of a sentence."""
    if not check.wanted:
        return "no finalist gave an answer that could be judged"
    if not check.rated:
        return "the judge has not been compared with people yet"
    if check.rated < check.wanted:
        return f"only {check.rated:,} of {check.wanted:,} answers are rated by people"
    kappa = check.agreement.kappa if check.agreement else None
    if kappa is None:
        return (
            f"all {check.rated:,} answers got one rating, from people and judge alike, so nothing shows that it tells good from bad"
        )
    return f"the judge agrees too little with people: kappa is {_kappa(kappa)}, and {check.gate:g} is asked for"


def next_step(check: JudgeCheck, file: str) -> str:
    """What to do next, in one or two sentences."""
    missing = check.wanted - check.rated
    if check.passed:
        return "Run `tailor run` again: it asks no model again and decides."
    if not check.wanted:
        return "Look at the answers in the report."
    if missing:
        which = f"the {missing:,} answers" if not check.rated else f"the other {missing:,} answers"
        minutes = max(1, round(missing * SECONDS_PER_RATING / 60))
        return f"Rate {which} in {file} (about {minutes} minute{'' if minutes == 1 else 's'}) and run again."
    if check.agreement is None or check.agreement.kappa is None:
        return "Raise `judge.sample`, rate the new answers and run again."
    return (
        "Make the rubric clearer or take a better judge, and run again; another rubric needs new ratings, and either is a further "
        "opening of the test set."
    )


def agreement_sentence(check: JudgeCheck) -> str:
    """How far people and the judge agree on what is rated so far; empty without ratings."""
    if check.agreement is None:
        return ""
    return f"People and the judge agree on {_agreed(check.agreement)}; {check.gate:g} is asked for."


def people_sentence(check: JudgeCheck) -> str:
    """How far two people agree with each other; empty where no answer was rated by two."""
    return f"Two people agree with each other on {_agreed(check.people)}." if check.people else ""


def failed_sentence(check: JudgeCheck) -> str:
    """How many answers got no verdict; empty when all did."""
    if not check.failed:
        return ""
    return f"{check.failed:,} of {check.judgements:,} judgements were refused or could not be read; they count as no."


def judge_reasons(check: JudgeCheck, decision: Decision, alone: float | None) -> list[str]:
    """What to know about the judge behind a decision, one sentence each.

    Args:
        check: how it compares with people.
        decision: what was decided.
        alone: the chosen system's score by the judge alone; None where nothing was corrected.
    """
    corrected = ""
    if alone is not None and check.all_rows:
        gave = f"it would have given {decision.chosen} {format_percent(alone)}"
        corrected = f"People rated all answers, so the judge decides nothing; {gave}."
    elif alone is not None:
        score = decision.winner.score.mean
        corrected = (
            f"The ratings correct the judge: it gave {decision.chosen} {format_percent(alone)}, "
            f"which is {format_percent(score)} by people's standard."
        )
    return [
        sentence for sentence in (agreement_sentence(check), corrected, people_sentence(check), failed_sentence(check)) if sentence
    ]


def ratings_sentence(ratings: int | None, shows: str, check: JudgeCheck) -> list[str]:
    """How many ratings would probably settle it, and what they would show; nothing where that is unknown."""
    if ratings is None:
        return []
    about = format_about(ratings)
    setting = f"`judge.sample: {about.replace(',', '')}`"
    return [f"About {about} ratings ({setting}) would probably show {shows}; there are {check.rated:,}."]


def ratings_sentences(changed: int) -> list[str]:
    """That ratings on which a decision rested count as they were; nothing where none was changed."""
    if not changed:
        return []
    answers = "1 answer is" if changed == 1 else f"{changed:,} answers are"
    return [f"{answers} rated otherwise since a decision rested on the ratings: the first ones count."]


def _agreed(found: Agreement) -> str:
    share = found.observed
    limits = "" if share.low is None or share.high is None else f" [{100 * share.low:.0f}, {100 * share.high:.0f}]"
    kappa = "kappa is undefined, since all got the same rating" if found.kappa is None else f"kappa is {_kappa(found.kappa)}"
    return f"{format_percent(share.mean)}{limits} of {share.n:,} rated answers; {kappa}"


def _kappa(kappa: Interval) -> str:
    limits = "" if kappa.low is None or kappa.high is None else f" [{kappa.low:.2f}, {kappa.high:.2f}]"
    return f"{kappa.mean:.2f}{limits}"
