"""The decision in words: for a manager first. Every sentence is computed from the numbers and says no more than they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tailor.data.doubt import Doubt
from tailor.decide.formats import (
    counted,
    describe_system,
    format_about,
    format_at_least,
    format_at_most,
    format_effect,
    format_error,
    format_errors,
    format_money,
    format_often,
    format_percent,
    format_points,
    format_score,
    format_target,
    listed,
)
from tailor.decide.modelwords import against_other_models
from tailor.decide.rule import Choice, Evidence, Terms, cheapest_first, choose, contradicted
from tailor.decide.types import Finalist
from tailor.score.types import Outcome
from tailor.settings import Prices
from tailor.stats.intervals import FEW
from tailor.system import System

MOST_ROWS = 100_000
_MANY = ("rows of the test set were", "they", "they count")
UNUSABLE: Mapping[Outcome, str] = {
    "unparsed": "did not have the required form",
    "cut": "were cut off at the maximum length",
    "refused": "were refused",
    "failed": "never arrived",
    "unjudged": "got no verdict from the judge",
}
"""Why an answer was no use, in words that follow its number."""


@dataclass(frozen=True)
class Findings:
    """Everything the sentences are made from.

    `finalists`, `systems` and `costs` are in the order of the evidence's contenders. `differing` counts, for each ordered pair of
    them, the test examples on which they differ; where examples come in groups, the groups.
    """

    terms: Terms
    evidence: Evidence
    costs: tuple[float | None, ...]
    choice: Choice
    finalists: tuple[Finalist, ...]
    systems: tuple[System, ...]
    unusable: tuple[Mapping[Outcome, int], ...]
    unknown: tuple[int, ...]
    metric: str
    prices: Prices
    opening: int
    alpha: float
    all_right_shows: float
    differing: Mapping[tuple[int, int], int]
    rows_to_settle: int | None
    unlike_dev: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """Behind amounts."""
        return self.prices.currency

    @property
    def n_test(self) -> int:
        """Rows of the test set."""
        return self.finalists[0].score.n

    @property
    def ranked(self) -> list[int]:
        """Numbers of the eligible contenders, cheapest first."""
        return [i for i in cheapest_first(self.evidence, self.costs) if self.finalists[i].eligible]

    @property
    def cheaper(self) -> list[int]:
        """The eligible contenders before the chosen one."""
        return self.ranked[: self.ranked.index(self.choice.index)]

    @property
    def costlier(self) -> list[int]:
        """The eligible contenders behind the chosen one."""
        return self.ranked[self.ranked.index(self.choice.index) + 1 :]

    def named(self, i: int) -> str:
        """A contender by name, with what it does in plain words."""
        return f"{self.finalists[i].name} ({describe_system(self.systems[i])})"


def headline(found: Findings) -> str:
    """The decision in a few plain sentences."""
    chosen = found.finalists[found.choice.index]
    per_1000 = chosen.cost.per_1000
    price = "at an unknown price" if per_1000 is None else f"{format_money(per_1000, found.currency)} per 1,000 answers"
    named, measured = found.named(found.choice.index), f"{format_score(chosen)}, {price}."
    target = format_target(found.terms.target)
    if found.choice.verdict == "target met":
        meets = f"The cheapest {_kind(found)}system that meets your target of {target} is"
        sentences = [f"{meets} {named}: {measured}", _what_more_buys(found)]
    elif found.choice.verdict == "cheapest within the smallest effect":
        beats = f"the cheapest that no more expensive system beats by {format_effect(found.terms.smallest_effect)} or more"
        shown = beats if found.costlier else "shown to be better than every cheaper system"
        sentences = [f"{_nobody_meets(found)}.", f"{named} is {shown}: {measured}"]
    else:
        sentences = [f"Not shown: {_why_not(found)}.", f"The best guess is {named}: {measured}", _settle(found)]
    sentences.append(against_other_models(found.choice.index, found.systems, found.evidence, found.terms))
    reference = reference_sentence(found)
    order = [reference, *sentences] if _reference_would_win(found) else [*sentences, reference]
    return " ".join(filter(None, order))


def reference_sentence(found: Findings) -> str:
    """What to know about a reference that may not win, when no eligible system is shown to beat it; else empty."""
    references = [i for i, finalist in enumerate(found.finalists) if not finalist.eligible]
    if not references:
        return ""
    reference = max(references, key=lambda i: found.finalists[i].score.mean)
    lows = [found.evidence.limits[i, reference][0] for i in found.ranked]
    if any(low is not None and low > 0 for low in lows):
        return ""
    finalist = found.finalists[reference]
    per_1000 = finalist.cost.per_1000
    price = "" if per_1000 is None else f", {format_money(per_1000, found.currency)} per 1,000 answers"
    return f"No generative system is shown to beat {found.named(reference)}: {format_score(finalist)}{price}."


def _reference_would_win(found: Findings) -> bool:
    """Whether the rule would name a reference that may not win, if it might: then that is the first thing to know."""
    everyone = tuple(replace(contender, eligible=True) for contender in found.evidence.contenders)
    choice = choose(replace(found.evidence, contenders=everyone), found.terms, found.costs)
    return not found.finalists[choice.index].eligible


def reasons(found: Findings) -> tuple[str, ...]:
    """Why, one sentence each: the rule, cheaper systems, what is too little to say more, costs, unusable answers, the opening."""
    counts, name = found.unusable[found.choice.index], found.finalists[found.choice.index].name
    unusable = [f"{counts[outcome]:,} {words}" for outcome, words in UNUSABLE.items() if counts.get(outcome)]
    usable = [f"Of {found.n_test:,} answers of {name}, {listed(unusable)}; all of them count as wrong."] if unusable else []
    opening = (
        f"This was opening {found.opening} of the test set: anything called shown is wrong with a probability of at most "
        f"{format_error(found.alpha)}, over {counted(len(found.finalists), 'finalist')} and all their differences together."
    )
    return (
        *_by_verdict(found),
        *_contradictions(found),
        *_unlike_dev(found),
        *_too_few(found),
        *_out_of_reach(found),
        _cheapest_means(found),
        *usable,
        f"A score is {found.metric}.",
        opening,
    )


def _by_verdict(found: Findings) -> list[str]:
    chosen, limits = found.finalists[found.choice.index], found.evidence.limits
    index, target = found.choice.index, found.terms.target
    if found.choice.verdict == "target met":
        met = f"{chosen.name} is shown to reach {format_at_least(chosen.certified)} or more; the target is {format_target(target)}."
        return [met, *(_only_shown(found, i, "is cheaper, but") for i in found.cheaper)]
    if found.choice.verdict == "cheapest within the smallest effect":
        if found.costlier:
            highest = [(i, limits[i, index][1] or 0.0) for i in found.costlier]
            return [f"{found.finalists[i].name} costs more and {_gain(high)}." for i, high in highest]
        return [f"{chosen.name} is shown to score higher than {found.finalists[i].name}, which is cheaper." for i in found.cheaper]
    lines = [_only_shown(found, index, "is the best guess, but")]
    if found.all_right_shows < target:
        lines.append(
            f"Even {found.n_test:,} right answers of {found.n_test:,} would show only {format_at_least(found.all_right_shows)}: "
            + (
                "no test set can show a target of 100 %."
                if target >= 1
                else f"this test set is too small for a target of {format_target(target)}."
            )
        )
    elif all(found.finalists[i].score.mean < target for i in found.ranked):
        lines.append(f"Every {_kind(found)}system tested scores below the target: more test examples will hardly show it met.")
    return lines


def _what_more_buys(found: Findings) -> str:
    """What the best of the more expensive systems could add at most, and what it costs more."""
    if not found.costlier:
        return ""
    index = found.choice.index
    best = max(found.costlier, key=lambda i: found.finalists[i].score.mean)
    highs = [found.evidence.limits[i, index][1] for i in found.costlier]
    if all(high is not None and high <= 0 for high in highs):
        return "No more expensive system does better."
    high = found.evidence.limits[best, index][1]
    if high is None:
        return ""
    expensive, cheap = found.costs[best], found.costs[index]
    more = (
        ""
        if expensive is None or cheap is None
        else f" for {format_money(expensive - cheap, found.currency)} more over {_months(found)}"
    )
    return f"{found.named(best)} {_would_add(high)}{more}."


def _would_add(high: float) -> str:
    return f"would add at most {format_points(high)}" if high > 0 else "would add nothing"


def _gain(high: float) -> str:
    return f"scores at most {format_points(high)} higher" if high > 0 else "does not score higher"


def _only_shown(found: Findings, i: int, link: str) -> str:
    finalist = found.finalists[i]
    least, score = format_at_least(finalist.certified), format_percent(finalist.score.mean)
    shown = "" if finalist.certified > 0 else f"its score of {score} shows nothing"
    return f"{finalist.name} {link} {shown or f'only {least} or more is shown for its score of {score}'}."


def _nobody_meets(found: Findings) -> str:
    target = format_target(found.terms.target)
    # Said at the level of the scores' own limits: all must lie below the target, so that it errs no more often than one of them.
    highs = [found.finalists[i].score.high for i in found.ranked]
    meets = "meets" if all(high is not None and high < found.terms.target for high in highs) else "is shown to meet"
    return f"No {_kind(found)}system {meets} your target of {target}"


def _kind(found: Findings) -> str:
    """What the systems that may win are, where there is also a reference that may not."""
    return "" if all(finalist.eligible for finalist in found.finalists) else "generative "


def _why_not(found: Findings) -> str:
    against = [found.finalists[i] for i in contradicted(found.evidence, found.terms.target)]
    if not against:
        others = ", nor is a cheaper one shown to be as good as the more expensive ones" if len(found.ranked) > 1 else ""
        return f"n{_nobody_meets(found)[1:]}{others}"
    scores = listed([f"{finalist.name} with {format_score(finalist)}" for finalist in against])
    return f"the target of {format_target(found.terms.target)}, met on the development examples, is missed by {scores}"


def _contradictions(found: Findings) -> list[str]:
    return [
        f"{found.finalists[i].name} met the target on the development examples and misses it on the test set: trust the test set; "
        "trying more systems needs fresh test examples."
        for i in contradicted(found.evidence, found.terms.target)
    ]


def _unlike_dev(found: Findings) -> list[str]:
    """A warning where test rows are answered much better or worse than those of dev, which were drawn from the same."""
    if not found.unlike_dev:
        return []
    told = listed(
        [
            f"{finalist.name} scores {format_percent(dev)} on dev and {format_percent(finalist.score.mean)} on the test set"
            for finalist, (dev, _) in ((found.finalists[i], unlike) for i, unlike in found.unlike_dev.items())
        ]
    )
    better = any(found.finalists[i].score.mean > dev for i, (dev, _) in found.unlike_dev.items())
    why = (
        "documents, examples or prompts may show answers of test rows, or the two sets are of different kinds"
        if better
        else "the two sets may be of different kinds, or so many systems were tried on dev that its scores are too optimistic"
    )
    return [f"Dev and test differ by more than chance: {told}. Find out why before you trust this: {why}."]


def _too_few(found: Findings) -> list[str]:
    """What the test set holds too little of to say more than the limits do."""
    chosen, lines = found.finalists[found.choice.index], []
    score = chosen.score
    unit = "example" if score.clusters is None else "group"
    units = score.n if score.clusters is None else score.clusters
    if score.clusters is not None:
        lines.append(
            f"The {counted(score.n, 'test example')} come in {counted(units, 'group')}: near-duplicates and examples of one "
            "`group_by` value may be right or wrong together, so every limit counts groups, not examples."
        )
    if units < FEW:
        return [*lines, f"{counted(units, unit).capitalize()} prove almost nothing: collect more before you trust this answer."]
    if score.rests_on_few and score.low is not None and score.high is not None:
        low, high = (1 - score.high, 1 - score.low) if score.event == "wrong" else (score.low, score.high)
        some = f"Only {score.events} of the {units:,}" if score.events else f"None of the {units:,}"
        one = score.events in (0, 1)
        what = f"answers of {chosen.name} {'is' if one else 'are'} {score.event}"
        if score.clusters is not None:
            what = f"groups {'has' if one else 'have'} a {score.event} answer of {chosen.name}"
        lines.append(
            f"{some} {what}: with fewer than {FEW}, the share of {score.event} answers is known only roughly, "
            f"somewhere between {format_percent(low)} and {format_percent(high)}."
        )
    alike = [i for i in found.ranked if i != found.choice.index and found.differing[found.choice.index, i] < FEW]
    if alike:
        counts = listed([f"from {found.finalists[i].name} on only {found.differing[found.choice.index, i]}" for i in alike])
        lines.append(f"{chosen.name} differs {counts} of {units:,} {unit}s: too few to say which is better.")
    return lines


def _out_of_reach(found: Findings) -> list[str]:
    """What no answer of the chosen system can be, because no example that it learned from has the label."""
    rows, chosen = found.unknown[found.choice.index], found.finalists[found.choice.index]
    if not rows:
        return []
    which = f"{rows:,} of the {found.n_test:,} test examples {'has' if rows == 1 else 'have'} a label that no training example has"
    return [f"{which}: {chosen.name} cannot get these right, and can reach {format_at_most(1 - rows / found.n_test)} at most."]


def doubtful_rows(doubt: Doubt) -> list[str]:
    """That rows count as wrong in every limit, and why; nothing where there are none."""
    told = []
    if rows := len(doubt.changed) + doubt.gone:
        were, they, count = ("row of the test set was", "it", "it counts") if rows == 1 else _MANY
        told.append(
            f"{rows:,} {were} changed or removed after {they} had been seen: {count} as wrong in every limit. Put "
            f"{'it' if rows == 1 else 'them'} back as before, or use test rows that nobody has seen."
        )
    if rows := len(doubt.picked):
        were, they, count = ("row of the test set was", "it", "it counts") if rows == 1 else _MANY
        told.append(
            f"{rows:,} {were} seen together with other rows that are now gone: what is left may have been selected, so {count} as "
            "wrong in every limit. Put the others back, or use test rows that nobody has seen."
        )
    if rows := len(doubt.again):
        repeat, they = ("row repeats", "it") if rows == 1 else ("rows repeat", "them")
        told.append(
            f"{rows:,} test {repeat} "
            "rows that had been seen before: every limit holds with and without {they}, so repeating rows gains nothing."
        )
    if rows := len(doubt.read):
        stand, count = ("row stands", "it counts") if rows == 1 else ("rows stand", "they count")
        told.append(
            f"{rows:,} test {stand} word for word in the prompt or the documents, which says little about what will be asked: "
            f"{count} as wrong in every limit."
        )
    return told


def _settle(found: Findings) -> str:
    rows = found.rows_to_settle
    if rows is None or rows > MOST_ROWS:
        return ""
    return f"A fresh test set of about {format_about(rows)} examples would probably settle it."


def _cheapest_means(found: Findings) -> str:
    cost = found.costs[found.choice.index]
    if cost is None or any(other is None for other in found.costs):
        return "Not every price is known, so systems are ordered by tokens per answer."
    terms = found.terms
    return (
        f"Cheapest is the lowest total over {_months(found)} at {terms.answers_per_month:,.0f} answers a month, "
        f"{', '.join([format_errors(found.prices), *_changes_counted(found)])}: "
        f"{format_money(cost, found.currency)} for {found.finalists[found.choice.index].name}."
    )


def _changes_counted(found: Findings) -> list[str]:
    """How often things were taken to change, of what would cost a finalist something; assumptions are reported."""
    contenders = found.evidence.contenders
    told: dict[bool, list[str]] = {True: [], False: []}
    for what, often, prices in (
        ("documents", found.terms.document_changes, [c.per_document_change for c in contenders]),
        ("requirements", found.terms.rule_changes, [c.per_rule_change for c in contenders]),
    ):
        if any(price != 0 for price in prices):
            said = f"{what} changing {format_often(often)}" if often else f"{what} that never change"
            told[often is None].append(what if often is None else said)
    assumed = [f"assuming that {' and '.join(told[True])} do not change"] if told[True] else []
    return [*told[False], *assumed]


def _months(found: Findings) -> str:
    return f"{found.terms.months:g} month{'' if found.terms.months == 1 else 's'}"
