"""A decision next to the one that it takes the place of, where it was decided again."""

from __future__ import annotations

from tailor.decide.formats import format_at_least, format_score
from tailor.decide.types import Decision


def side_by_side(old: Decision | None, new: Decision | None) -> list[tuple[str, str, str]]:
    """The old decision next to the new one: what, then, now."""

    def said(decision: Decision | None) -> tuple[str, ...]:
        if decision is None:
            return ("no decision", "", "", "", "")
        winner = decision.winner
        certified = format_at_least(winner.certified)
        return decision.chosen, decision.verdict, format_score(winner), certified, f"{decision.opening} ({decision.n_test:,} rows)"

    names = ("chosen", "verdict", "score", "certified", "opening")
    return list(zip(names, said(old), said(new), strict=True))


def outcome(old: Decision | None, new: Decision | None) -> str:
    """What has become of the decision, in a sentence."""
    if new is None:
        return "Nothing was decided this time, so the old decision stands."
    if old is None:
        return new.headline
    what = "best guess" if new.verdict == "not shown" else "decision"
    verdict = "" if old.verdict == new.verdict else f" The verdict changes, too: `{new.verdict}` now, `{old.verdict}` before."
    if old.chosen != new.chosen:
        return f"The {what} changes: {new.chosen} instead of {old.chosen}.{verdict}"
    learned = "" if old.fingerprint == new.fingerprint else ", learned again from what there is now"
    return f"The {what} stays: {new.chosen}{learned}.{verdict.replace(' changes, too', ' changes')}"
