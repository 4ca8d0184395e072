"""What probes of the finalists showed, in sentences: whether answers follow the documents, and what hostile pages can do."""

from __future__ import annotations

from tailor.decide.formats import format_percent
from tailor.evaluate.freshness import Freshness
from tailor.evaluate.hostile import Injection
from tailor.stats.intervals import Interval


def freshness_sentence(found: Freshness) -> str:
    """Whether a system's answers follow the documents."""
    facts = f"{found.changed:,} fact{'' if found.changed == 1 else 's'} changed in the documents, of which it knew {found.right:,}"
    if not found.right:
        return f"{found.system}: {facts}, so nothing can be said of it."
    after = f" {found.index_seconds:.1f} s after the change" if found.reads == "index" else ""
    followed = f"{format_percent(found.followed.mean)}{limits(found.followed)} of its answers followed{after}"
    stale = f"{format_percent(found.stale.mean)} stayed what they were"
    return f"{found.system}: {facts}; {followed}, {stale}; of deleted ones, {format_percent(found.gone.mean)} were gone."


def injection_sentence(found: Injection) -> str:
    """How often a system obeyed, and what the fence around passages is worth."""
    said = f"{found.system} obeyed {format_percent(found.rate.mean)}{limits(found.rate)} of {found.rate.n} planted instructions"
    lowered = found.lowered
    if lowered.low is not None and lowered.low > 0:
        worth = f"the fence around passages lowers it, from {format_percent(found.unfenced.mean)}"
    elif lowered.high is not None and lowered.high < 0:
        worth = f"the fence around passages raises it, from {format_percent(found.unfenced.mean)}"
    else:
        worth = f"it is not shown that the fence around passages lowers it ({format_percent(found.unfenced.mean)} without)"
    return f"{said}; {worth}."


def limits(found: Interval) -> str:
    """The limits of a share behind it, such as " [4 %, 15 %]"; empty where there are none."""
    if found.low is None or found.high is None:
        return ""
    return f" [{format_percent(found.low)}, {format_percent(found.high)}]"
