"""Numbers and names as the report says them: pure functions from values to short texts."""

from __future__ import annotations

from datetime import datetime

from tailor.decide.formats import format_effect, format_money, format_percent, format_points, format_points_at_least
from tailor.decide.types import Decision, Difference, Interval
from tailor.score.types import Outcome, Verdict

MEASURES = {
    "abstain_precision": "“Not found” was true",
    "abstain_recall": "Unanswerable ones noticed",
    "retrieved": "Right passage found",
    "cited": "Cited passage holds the answer",
    "form": "Required form was kept",
    "f1": "Overlap with the right answer (F1)",
    "exact": "Exact match",
    "correct": "Right answer",
}

VERDICTS: dict[Verdict, str] = {
    "correct": "correct",
    "empty": "rightly empty",
    "misread": "misread",
    "missed": "missed",
    "invented": "invented",
}

OUTCOMES: dict[Outcome, str] = {
    "right": "right",
    "wrong": "wrong",
    "unparsed": "not in the required form",
    "cut": "cut off at the maximum length",
    "refused": "refused",
    "failed": "no answer came",
    "unjudged": "not judged",
}


def percent(value: float, digits: int = 1) -> str:
    """A share as percent, such as "93.1 %"."""
    return f"{100 * value:.{digits}f} %"


def limits(interval: Interval, digits: int = 1) -> str:
    """The limits in percent, such as "[86.4, 97.0]"; a text that says so when there are none."""
    if interval.low is None or interval.high is None:
        return "[too few to say]"
    return f"[{100 * interval.low:.{digits}f}, {100 * interval.high:.{digits}f}]".replace("-", "−")


def whole_limits(interval: Interval) -> str:
    """The limits as the decision's sentences give them, such as "[86, 97]"."""
    if interval.low is None or interval.high is None:
        return "[too few to say]"
    return f"[{format_percent(interval.low)}, {format_percent(interval.high)}]".replace(" %", "")


def amount(value: float | None, currency: str = "") -> str:
    """An amount of money, with its currency or, in a column that names it, without; "unknown" for None."""
    return "unknown" if value is None else format_money(value, currency).strip()


def points(value: float, *, signed: bool = True, digits: int = 1) -> str:
    """A difference of shares in percentage points, such as "+1.6"; the sign is a true minus."""
    rounded = round(100 * value, digits) + 0.0
    text = f"{rounded:+.{digits}f}" if signed and rounded else f"{rounded:.{digits}f}"
    return text.replace("-", "−")


def duration(seconds: float) -> str:
    """A time span in the two largest units, such as "0.4 s", "38 s", "12 min 05 s" or "2 h 10 min"."""
    if seconds < 0.01:
        return f"{1000 * seconds:.1f} ms" if seconds > 0 else "0 s"
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def minutes(seconds: float | None) -> str:
    """A time to wait for, in minutes, such as "12 min" or "0.4 min"; "not timed" for None."""
    if seconds is None:
        return "not timed"
    if seconds < 6:
        return "< 0.1 min" if seconds > 0 else "0 min"
    return f"{seconds / 60:.1f} min" if seconds < 570 else f"{seconds / 60:,.0f} min"


def moment(iso: str) -> str:
    """An ISO time as a date and a time of day, such as "14 March 2026, 09:20 UTC"; another text as it is."""
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{time.day} {time:%B %Y, %H:%M %Z}".rstrip()


def count(value: float) -> str:
    """A count with thousands separated."""
    return f"{value:,.0f}"


def plural(number: int, one: str, many: str = "") -> str:
    """A count and its noun, such as "1 row" or "4 rows"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def p_value(value: float) -> str:
    """A p-value, such as "0.032" or "< 0.001"."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def shorten(text: str, length: int) -> str:
    """The text on one line, cut at `length` characters with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def badge(decision: Decision | None) -> tuple[str, str]:
    """The verdict in words, and its tone: good, fair or open."""
    if decision is None:
        return "No decision yet", "open"
    if decision.verdict == "target met":
        return "Target met", "good"
    if decision.verdict == "not shown":
        return "Not shown", "open"
    return f"Cheapest within {format_effect(decision.smallest_effect)}", "fair"


def loss(difference: Difference) -> str:
    """What the limits of a paired difference say about its first system, in words."""
    low, high = difference.estimate.low, difference.estimate.high
    if low is None or high is None:
        return "too few examples to say"
    if low <= 0 <= high:
        return f"at most {format_points(-low)} worse" if low < 0 else "not worse"
    word, gap = ("better", low) if low > 0 else ("worse", -high)
    if difference.p_value >= 1 - difference.estimate.level:
        # Interval and test are two procedures; near the edge they can disagree, and then nothing is claimed.
        return f"{word} by its interval, but not by the test"
    return f"shown to be {word}, by {format_points_at_least(gap)} or more"


def headline(decision: Decision) -> tuple[str, str]:
    """The decision's sentences without the one about the reference classifier, and that one; together where it comes first."""
    main = decision.headline.removesuffix(decision.reference).rstrip()
    apart = main and main != decision.headline
    return (main, decision.reference) if apart else (decision.headline, "")
