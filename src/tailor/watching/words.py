"""What was found of a served system, in words: for the command and the page alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

from tailor.decide.formats import counted, format_at_least, format_percent
from tailor.watching.inputs import Finding
from tailor.watching.levels import QUALITY
from tailor.watching.replay import Replay
from tailor.watching.watch import Watch


def sentences(found: Watch) -> Iterator[str]:
    """Everything but the verdict and the windows, one sentence each."""
    quality = found.quality
    days = f"on {counted(len(found.days), 'day')}, in {counted(len(found.windows), 'full window')}"
    yield f"{counted(sum(found.days.values()), 'request')} to {found.system.name} {days}."
    if quality.values:
        yield (
            f"{len(quality.values):,} of {counted(quality.drawn, 'drawn request')} count, {format_percent(quality.score.mean)} of "
            f"them right; {format_at_least(quality.certified)} or more was certified. The evidence of a fall is "
            f"{format_percent(quality.share_of_alarm)} of the way to an alarm."
        )
    if quality.waiting:
        wait = "drawn request waits" if len(quality.waiting) == 1 else "drawn requests wait"
        yield f"{len(quality.waiting):,} {wait} for a verdict; what was drawn after the first of them does not count yet."
    wrong, said = quality.complaints
    if said:
        yield f"Of requests that were not drawn, users called {wrong:,} of {said:,} wrong: no random sample, so it counts nowhere."
    for gap in found.gaps:
        if gap.lost:
            were = "request or remark was" if gap.lost == 1 else "requests or remarks were"
            yield f"{gap.lost:,} {were} not recorded: {gap.why.rstrip('.')}."
    yield from found.without
    yield from (notice.says for notice in found.notices)


def findings(found: Watch) -> Iterator[tuple[int, Finding]]:
    """Number of a window and a test of it: all tests of the last one, and those that alarmed of the others."""
    for number, window in enumerate(found.windows, start=1):
        for finding in window.findings if number == len(found.windows) else window.alarms:
            yield number, finding


def format_p(finding: Finding) -> str:
    """A p-value with as many digits as it has: above its level it rests on few permutations."""
    return f"{finding.p_value:.1g}" if finding.p_value < 0.1 else f"{finding.p_value:.1f}"


def as_record(found: Watch, replayed: Replay | None = None) -> dict[str, object]:
    """What was found, as JSON; `format` grows when its shape changes."""
    quality = found.quality
    return {
        "format": 1,
        "state": found.state,
        "sentence": found.sentence,
        "system": found.system.name,
        "requests": found.days,
        "windows": [asdict(window) | {"changed": [finding.name for finding in window.alarms]} for window in found.windows],
        "quality": {
            "certified": quality.certified,
            "drawn": quality.drawn,
            "audited": len(quality.values),
            "waiting": len(quality.waiting),
            "mean": quality.score.mean if quality.values else None,
            "evidence": quality.evidence[-1] if quality.evidence else 0.0,
            "alarm_at": -math.log(QUALITY),
            "alarm_after": quality.alarm,
            "complaints": list(quality.complaints),
        },
        "replay": None if replayed is None else asdict(replayed),
        "notices": [asdict(notice) for notice in found.notices],
        "gaps": [asdict(gap) for gap in found.gaps],
        "not_looked_at": list(found.without),
    }
