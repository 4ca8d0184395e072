"""The typed findings of a study; drawing them is the report's work."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from tailor.data.doubt import NO_DOUBT
from tailor.data.doubt import Doubt as Doubt
from tailor.errors import quoted
from tailor.stats.intervals import Interval as Interval
from tailor.stats.kappa import Agreement as Agreement

Verdict = Literal["target met", "cheapest within the smallest effect", "not shown"]
ChangeKind = Literal["label", "rule", "document"]
Work = Literal["train", "index", "measure"]


@dataclass(frozen=True)
class Rates:
    """Prices per million tokens in the task's currency; None = unknown, never 0.

    Attributes:
        input_per_million: of prompt tokens.
        output_per_million: of answer tokens, those of a thought among them.
        training_per_million: of tokens trained on.
        how: where they come from, in words.
        cached_per_million: of prompt tokens that the endpoint had read before; None = as others.
        currency: theirs; what an endpoint says that a call cost is in USD.
    """

    input_per_million: float | None
    output_per_million: float | None
    training_per_million: float | None
    how: str
    cached_per_million: float | None = None
    currency: str = "USD"

    def price(self, tokens_in: float, tokens_out: float, *, cached: float = 0.0, billed: float | None = None) -> float | None:
        """The price of a call: what the endpoint billed, where it says so in this currency, else that of its tokens; None where
        neither is known. No tokens cost nothing, even at an unknown price.
        """
        if billed is not None and self.currency == "USD":
            return billed
        again = self.input_per_million if self.cached_per_million is None else self.cached_per_million
        parts = ((tokens_in - cached, self.input_per_million), (cached, again), (tokens_out, self.output_per_million))
        if any(tokens and price is None for tokens, price in parts):
            return None
        return sum(tokens * (price or 0.0) for tokens, price in parts) / 1_000_000

    def times(self, share: float) -> Rates:
        """The same with a share of each price of reading and writing."""
        read, written, again = (
            None if price is None else share * price
            for price in (self.input_per_million, self.output_per_million, self.cached_per_million)
        )
        return replace(self, input_per_million=read, output_per_million=written, cached_per_million=again)

    @property
    def is_known(self) -> bool:
        """Whether what a call costs is known."""
        return self.input_per_million is not None and self.output_per_million is not None

    def worst(self, tokens_in: int, tokens_out: int) -> float | None:
        """The most that a call can cost that takes so many tokens at most; None where no price is known."""
        if self.input_per_million is None or self.output_per_million is None:
            return None
        price_in = max(self.input_per_million, self.cached_per_million or 0.0)
        return (tokens_in * price_in + tokens_out * self.output_per_million) / 1_000_000


@dataclass(frozen=True)
class Pace:
    """How often things change, in changes a month; None = nobody said, which is then said, and counted as never."""

    documents: float | None = None
    rules: float | None = None


@dataclass(frozen=True)
class Changing:
    """What it takes to bring a system up to date after one change.

    Attributes:
        kind: a label (classify: a new one in the set; else a newly labelled example), a rule (the instruction) or a document.
        work: what the machine has to do; empty when nothing.
        price: that work on tokens, in the task's currency, and what decisions count; None when a price is unknown.
        seconds: that work as timed on this machine, shown and never ranked on; None where a part of it was not timed.
    """

    kind: ChangeKind
    work: tuple[Work, ...]
    price: float | None
    seconds: float | None = None


@dataclass(frozen=True)
class Cost:
    """What a system costs, in the task's currency.

    Attributes:
        per_1000: 1,000 answers, without errors; None when a price is unknown.
        one_off: labels and training.
        errors_per_1000: expected cost of wrong answers among 1,000.
        total: one-off + months x (upkeep + answers x (answer + expected error)); None when a price is unknown.
        how: where the prices come from, in words.
        training: the part of `one_off` that is training; None when its price is unknown.
        upkeep: keeping up with changes, a month, at the pace that was given; None when a price is unknown.
        changing: what one change of each kind takes.
        per_1000_right: 1,000 right answers: what all answers cost, divided by the share that is right; None when a price is
            unknown or none is right.
    """

    per_1000: float | None
    one_off: float
    errors_per_1000: float
    total: float | None
    how: str = ""
    training: float | None = 0.0
    upkeep: float | None = 0.0
    changing: tuple[Changing, ...] = ()
    per_1000_right: float | None = None

    def change(self, kind: ChangeKind) -> Changing | None:
        """What one change of this kind takes, or None where it was not worked out."""
        return next((changing for changing in self.changing if changing.kind == kind), None)


Key = tuple[str, str]
"""A system's name, which is only a label that others may have too, and the fingerprint that tells it from them."""


@dataclass(frozen=True)
class Finalist:
    """A system that met the sealed test set.

    Attributes:
        name: the system's name.
        fingerprint: the system's fingerprint.
        role: why it is a finalist, such as "baseline" or "best with retrieval".
        score: the metric on the test set with a two-sided interval at `level`.
        certified: lower limit for "target met", one-sided, joint over all finalists and openings.
        meets_target: whether `certified` reaches the target.
        cost: what it costs.
        eligible: whether it may win (the reference classifier may only with `allow_classifier`).
    """

    name: str
    fingerprint: str
    role: str
    score: Interval
    certified: float
    meets_target: bool
    cost: Cost
    eligible: bool = True

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.name, self.fingerprint


@dataclass(frozen=True)
class Difference:
    """Paired difference `better - worse` in the metric on the same test rows.

    Attributes:
        first: name of the first system.
        second: name of the second system.
        estimate: mean of first - second with simultaneous limits over all pairs.
        p_value: exact McNemar for rates (with groups the exact sign-flip test over groups), else the paired bootstrap;
            Holm-adjusted over all pairs.
        first_fingerprint: of the first system.
        second_fingerprint: of the second one.
    """

    first: str
    second: str
    estimate: Interval
    p_value: float
    first_fingerprint: str = field(default="", compare=False)
    second_fingerprint: str = field(default="", compare=False)

    @property
    def keys(self) -> tuple[Key, Key]:
        """Of both systems."""
        return (self.first, self.first_fingerprint), (self.second, self.second_fingerprint)


@dataclass(frozen=True)
class BreakEven:
    """The number of answers a month from which `expensive` is the cheaper of two systems, errors and upkeep included; None = never.

    `cheap` costs less before the first answer (at equal cost, less for each answer). Earlier studies say `dear` for `expensive`.
    """

    cheap: str
    expensive: Annotated[str, Field(validation_alias=AliasChoices("expensive", "dear"))]
    answers_per_month: float | None
    cheap_fingerprint: str = field(default="", compare=False)
    expensive_fingerprint: Annotated[str, Field(validation_alias=AliasChoices("expensive_fingerprint", "dear_fingerprint"))] = (
        field(default="", compare=False)
    )

    @property
    def keys(self) -> tuple[Key, Key]:
        """Of both systems."""
        return (self.cheap, self.cheap_fingerprint), (self.expensive, self.expensive_fingerprint)


@dataclass(frozen=True)
class JudgeCheck:
    """How a judge compares with people on a sample of the finalists' answers, and whether it may decide.

    Attributes:
        judge: the judge's model.
        judgements: answers of the finalists that were judged on the test set; answers alike count once.
        failed: those of them that the judge refused to judge, or whose verdict could not be read; they count as no.
        wanted: answers in the sample that people are asked to rate.
        rated: those of them that have a rating.
        unused: rated answers in the file that are not in the sample: answers of other finalists, or under another rubric.
        rows: test rows in the sample.
        all_rows: whether these are all test rows; then people decide and the judge does not matter.
        agreement: of people with the judge on what is rated so far; None without ratings.
        people: of two people with each other; None where no answer was rated by two.
        gate: the least kappa asked for.
        passed: whether decisions may rest on the judge's verdicts, corrected by the ratings.
    """

    judge: str
    judgements: int
    failed: int
    wanted: int
    rated: int
    unused: int
    rows: int
    all_rows: bool
    agreement: Agreement | None
    people: Agreement | None
    gate: float
    passed: bool


@dataclass(frozen=True)
class TieBreak:
    """Two finalists side by side, where their scores do not tell them apart.

    Attributes:
        one: the best guess.
        other: the finalist that it is compared with.
        preferred: name of the one that is preferred; empty where that is not decided.
        rows: test rows on which both gave different answers that can be judged.
        flipped: verdicts of the judge that changed with the order, which count as ties.
        wanted: pairs in the sample that people are asked to compare.
        rated: those of them that they compared.
        share: how often the one is preferred, a tie being one half, corrected by people; without limits by the judge alone.
        more: further comparisons that would probably decide; None where it is decided or that is unknown.
    """

    one: str
    other: str
    preferred: str
    rows: int
    flipped: int
    wanted: int
    rated: int
    share: Interval
    more: int | None


@dataclass(frozen=True)
class HandOver:
    """What a finalist comes to on the test set that hands over to a person what it is not sure of.

    Attributes:
        system: the finalist's name.
        fingerprint: the finalist's fingerprint.
        threshold: confidence, a probability, from which it answers by itself; chosen on dev.
        answered: share of the questions that it answers.
        answered_at_least: lower limit of that share.
        error: share of wrong answers among those; None where it answers nothing.
        error_at_most: upper limit of that share. Both limits hold together, and with those of "target met".
        n_answered: test rows that it answers.
        n: test rows.
        total: as `Cost.total`, with the price of hand-overs, and of errors among answers; None when a price is unknown.
    """

    system: str
    fingerprint: str
    threshold: float
    answered: float
    answered_at_least: float
    error: float | None
    error_at_most: float
    n_answered: int
    n: int
    total: float | None


@dataclass(frozen=True, repr=False)
class Decision:
    """What follows from the sealed test set, by the rule fixed before it was opened.

    Attributes:
        verdict: which part of the rule decided.
        chosen: name of the chosen system, or of the best guess when the verdict is "not shown".
        headline: the decision in one or two plain sentences.
        reasons: why, one sentence each.
        changes: what would change it, one sentence each.
        finalists: cheapest first.
        differences: every pair of finalists.
        break_even: between every two finalists whose prices are known.
        target: the target.
        smallest_effect: differences below this do not matter to the user.
        alpha: error probability spent on this opening.
        opening: number of this opening of the test set, from 1.
        n_test: rows of the sealed test set.
        rows_to_settle: rows of a test set that would probably settle a "not shown"; None when settled or unknowable.
        reference: sentence about the reference classifier, or empty.
        dev_contradicted: whether the test set contradicts the dev set: a system met the target on dev and clearly missed it here.
        pace: how often documents and rules were said to change.
        judge: how the judge compares with people; None where no judge scores.
        answers_changed: test rows whose right answers were changed after an opening had shown them.
        doubt: rows that every limit takes for wrong.
        handover: what handing over comes to, of every finalist that would; empty where hand-overs have no price.
        handing_over: sentences on that, which are among the reasons.
        fingerprint: of the chosen system.
        tie_break: the best guess side by side with the next best, where they were compared.
    """

    verdict: Verdict
    chosen: str
    headline: str
    reasons: tuple[str, ...]
    changes: tuple[str, ...]
    finalists: tuple[Finalist, ...]
    differences: tuple[Difference, ...]
    break_even: tuple[BreakEven, ...]
    target: float
    smallest_effect: float
    alpha: float
    opening: int
    n_test: int
    rows_to_settle: int | None = None
    reference: str = ""
    dev_contradicted: bool = False
    pace: Pace = Pace()
    judge: JudgeCheck | None = None
    answers_changed: int = 0
    doubt: Doubt = NO_DOUBT
    handover: tuple[HandOver, ...] = ()
    handing_over: tuple[str, ...] = ()
    fingerprint: str = ""
    tie_break: TieBreak | None = None

    @property
    def winner(self) -> Finalist:
        """The chosen finalist, or the best guess."""
        return next(finalist for finalist in self.finalists if finalist.key == (self.chosen, self.fingerprint))

    @property
    def winner_handover(self) -> HandOver | None:
        """What handing over comes to for the chosen finalist; None where it hands nothing over."""
        return next((found for found in self.handover if found.fingerprint == self.fingerprint), None)

    def __repr__(self) -> str:
        finalists = f"{len(self.finalists)} finalists on {self.n_test:,} test rows, opening {self.opening}"
        return f"<Decision {self.verdict}: {quoted(self.chosen)}, {finalists}>"
