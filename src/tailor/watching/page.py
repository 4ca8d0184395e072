"""The page of a watched system: one HTML file that runs no script and fetches nothing, written again at each look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tailor.decide.formats import format_at_least, format_percent
from tailor.errors import StoreError, UserError
from tailor.files import write_atomically
from tailor.report.charts import ACCENT, NARROW, TARGET
from tailor.report.html import SLIM, WIDE, environment
from tailor.report.svg import Drawing, Margin, Tick, round_ticks
from tailor.report.words import whole_limits
from tailor.watching.inputs import WINDOW
from tailor.watching.levels import QUALITY
from tailor.watching.replay import Replay
from tailor.watching.watch import Watch
from tailor.watching.words import findings, format_p, sentences

if TYPE_CHECKING:
    from markupsafe import Markup

MARGIN = Margin(left=52, right=20, top=12, bottom=48)
LOST = "#f0a878"
MOST_DAYS = 400
TONES = {"as measured": "good", "changed, not worse": "fair", "changed, quality not known": "open", "worse": "open"}


def write_page(found: Watch, path: Path, replayed: Replay | None = None) -> Path:
    """Write the page; only its owner can read it.

    Raises:
        UserError: it cannot be written.
    """
    try:
        write_atomically(path, render_page(found, replayed))
    except (OSError, StoreError) as error:
        raise UserError(f"the page cannot be written to {path}: {error}", "give a file in a writable folder") from error
    return path


def render_page(found: Watch, replayed: Replay | None = None) -> str:
    """The page as one HTML document."""
    from markupsafe import Markup

    charts: dict[str, list[Markup]] = {"days": [], "evidence": []}
    for width in (WIDE, SLIM):
        if found.days:
            charts["days"].append(Markup(days_svg(found, width)))
        if found.quality.evidence and found.quality.certified:
            charts["evidence"].append(Markup(evidence_svg(found, width)))
    quality = found.quality
    page = (
        environment()
        .get_template("watch.html")
        .render(
            found=found,
            task=found.study.task,
            tone=TONES.get(found.state, "fair"),
            certified=format_at_least(quality.certified),
            audited=format_percent(quality.score.mean) if quality.values else "none yet",
            limits=whole_limits(quality.score) if quality.score.low is not None else "",
            rows=[(number, finding, format_p(finding)) for number, finding in findings(found)],
            sentences=list(sentences(found)),
            charts=charts,
            replayed=replayed,
            in_points=in_points,
            window=WINDOW,
            error=f"{100 * QUALITY:g} %",
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )
    return str(page).encode("utf-8", errors="replace").decode("utf-8")


def in_points(gain: tuple[float, float, float]) -> str:
    """A difference and its limits in whole points, such as "+3 [-2, +8]"."""
    mean, low, high = (f"{points:+d}" if (points := round(100 * share)) else "0" for share in gain)
    return f"{mean} [{low}, {high}]"


def days_svg(found: Watch, width: int) -> str:
    """Requests a day as columns; days on which some were not recorded have a mark on top, and days without any stay empty."""
    first, last = (date.fromisoformat(day) for day in (min(found.days), max(found.days)))
    lost = _lost_by_day(found)
    shown = [first + timedelta(days=n) for n in range((last - first).days + 1)][-MOST_DAYS:]
    counts = [found.days.get(day.isoformat(), 0) for day in shown]
    drawing = Drawing(width - MARGIN.left - MARGIN.right, 180 if width > NARROW else 150, MARGIN)
    top = max(counts, default=0) * 1.1 or 1
    step = drawing.width / len(shown)
    ticks = [(drawing.height * (1 - tick / top), f"{tick:,.0f}") for tick in round_ticks(0, top, 5) if tick == int(tick)]
    drawing.left_axis(ticks)
    drawing.bottom_axis(_date_ticks(shown, step, 3 if width <= NARROW else 6), "day, Coordinated Universal Time", grid=False)
    for place, (day, count) in enumerate(zip(shown, counts, strict=True)):
        wide = max(1.0, min(step * 0.8, 60.0))
        left = (place + 0.5) * step - wide / 2
        height = drawing.height * count / top
        drawing.rect((left, drawing.height - height), wide, height, ACCENT)
        if lost.get(day.isoformat()):
            drawing.rect((left, 0), wide, drawing.height - height, LOST)
    told = f"{sum(counts):,} requests from {shown[0].isoformat()} to {shown[-1].isoformat()}"
    gaps = f"; {sum(lost.values()):,} were not recorded" if lost else ""
    return drawing.svg("Requests a day", f"{told}{gaps}.", f"days-{width}")


def _lost_by_day(found: Watch) -> dict[str, int]:
    days: dict[str, int] = {}
    for gap in found.gaps:
        day = datetime.fromtimestamp(gap.since, UTC).date().isoformat()
        days[day] = days.get(day, 0) + gap.lost
    return {day: lost for day, lost in days.items() if lost}


def _date_ticks(days: Sequence[date], step: float, most: int) -> list[Tick]:
    every = math.ceil(len(days) / most)
    return [((place + 0.5) * step, f"{day.day} {day:%b}") for place, day in enumerate(days) if place % every == 0]


def evidence_svg(found: Watch, width: int) -> str:
    """The evidence that quality has fallen after each audited answer, and where it would be an alarm."""
    evidence, alarm = found.quality.evidence, -math.log(QUALITY)
    drawing = Drawing(width - MARGIN.left - MARGIN.right, 200 if width > NARROW else 170, MARGIN)
    low, high = min(-1.0, *evidence), max(alarm * 1.2, *evidence)

    def at(place: float, value: float) -> tuple[float, float]:
        return place / len(evidence) * drawing.width, (high - value) / (high - low) * drawing.height

    powers = [power for power in range(-12, 40) if low <= power * math.log(10) <= high]
    every = math.ceil(len(powers) / 5) if powers else 1
    drawing.left_axis([(at(0, power * math.log(10))[1], _power(power)) for power in powers if power % every == 0])
    ticks = [tick for tick in round_ticks(0, len(evidence), 3 if width <= NARROW else 7) if tick == int(tick)]
    drawing.bottom_axis([(at(tick, 0)[0], f"{tick:,.0f}") for tick in ticks], "audited answers", grid=False)
    line = at(0, alarm)[1]
    drawing.line((0, line), (drawing.width, line), TARGET, dash="5,4")
    drawing.text((4, line - 9), f"alarm at {1 / QUALITY:g}", TARGET, anchor="start", halo=True)
    drawing.path([at(0, 0.0), *(at(place, value) for place, value in enumerate(evidence, start=1))], ACCENT)
    when = f"it reached an alarm after {found.quality.alarm:,}" if found.quality.alarm else "it never reached an alarm"
    return drawing.svg("Evidence that quality has fallen", f"After {len(evidence):,} audited answers; {when}.", f"evidence-{width}")


def _power(power: int) -> str:
    return {0: "1", 1: "10", -1: "0.1", 2: "100", -2: "0.01", 3: "1,000"}.get(power, f"1e{power}")
