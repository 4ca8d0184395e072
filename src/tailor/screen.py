"""What is shown of work while it goes on: in a terminal, in a notebook, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as RichTask
from rich.segment import Segment
from rich.text import Text

from tailor.card import paragraph, progress_bar
from tailor.decide.bill import paid_amount
from tailor.decide.formats import format_money, format_percent
from tailor.decide.step import Observer, Step
from tailor.errors import printable
from tailor.store.spending import Spent

STYLES = {"measured": "bold", "measured in part": "bold", "stopped early": "dim", "no time": "yellow", "failed": "red"}
REDRAW_SECONDS = 0.2  # a notebook page is drawn again no more often than this


class Screen(Console):
    """A console that takes text as text: no markup, no `:emoji:` codes, no guessed colours.

    Much of what is shown comes from outside: answers, documents, names, paths. Whatever is printed, in a table or a progress bar
    too, loses what would act on the terminal or hide (`printable`); only Rich's own control codes pass.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of something printable, with the text in them made safe."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def plain_console(stderr: bool = False) -> Screen:
    """A screen whose lines end between words on a terminal; a file or a pipe gets them whole."""
    console = Screen(stderr=stderr)
    console.soft_wrap = not console.is_terminal
    return console


class Paid(ProgressColumn):
    """What endpoints were paid so far, as the bar is drawn."""

    def __init__(self, amount: Callable[[], str]) -> None:
        super().__init__()
        self.amount = amount

    def render(self, task: RichTask) -> Text:
        """The amount."""
        return Text(f"{self.amount()} paid")


class Live:
    """Shows a climb in the terminal: one line per step, a moving line for what runs now, time left and money paid."""

    def __init__(self, console: Screen, currency: str, max_minutes: float | None = None) -> None:
        self.console = console
        self.currency = currency
        self.ends = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self.last_note = ""
        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.now = self.bar.add_task("starting", total=None)

    def began(self, rung: str, system: str) -> None:
        """Show what runs now."""
        self.bar.reset(self.now, total=None, description=f"{rung}: {system}{_left(self.ends)}")

    def pays(self, spent: Callable[[], Spent]) -> None:
        """Show what endpoints are paid: every answered call, those of a judge, of asking again and of further tries included."""
        self.bar.columns = (*self.bar.columns, Paid(lambda: paid_amount(spent(), self.currency)))

    def progress(self, done: int, total: int) -> None:
        """Move the bar."""
        self.bar.update(self.now, completed=done, total=total)

    def ended(self, step: Step) -> None:
        """Print the step's line."""
        self.console.print(step_line(step, self.currency), soft_wrap=True)  # a row of a table is never folded
        self.last_note = step.note
        if step.note:
            self.console.print(f"  {step.note}", style="dim")

    def message(self, text: str) -> None:
        """Print a sentence, unless it stands right above."""
        if text != self.last_note:
            self.console.print(text)


class Page:
    """Shows a climb in a notebook: one display that grows, with a bar below it for as long as something runs."""

    def __init__(self, currency: str, max_minutes: float | None = None) -> None:
        from IPython.display import HTML, display

        self.currency = currency
        self.ends = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self.paid: Callable[[], str] | None = None
        self._html = HTML
        self._lines: list[str] = []
        self._now, self._done, self._total = "starting", 0, 0
        self._drawn = 0.0
        self._shown = display(HTML(self._body()), display_id=True)

    def began(self, rung: str, system: str) -> None:
        """Show what runs now."""
        self._now, self._done, self._total = f"{rung}: {system}{_left(self.ends)}", 0, 0
        self._draw()

    def pays(self, spent: Callable[[], Spent]) -> None:
        """Show what endpoints are paid."""
        self.paid = lambda: paid_amount(spent(), self.currency)

    def progress(self, done: int, total: int) -> None:
        """Move the bar."""
        self._done, self._total = done, total
        self._draw()

    def ended(self, step: Step) -> None:
        """Add the step's line."""
        self._lines.append(step_line(step, self.currency).plain.rstrip())
        if step.note:
            self._lines.append(f"  {step.note}")
        self._draw()

    def message(self, text: str) -> None:
        """Add a sentence, unless it stands right above."""
        if not (self._lines and self._lines[-1].strip() == text):
            self._lines.append(text)
            self._draw()

    def close(self) -> None:
        """Take the bar away; the lines stay."""
        self._now = ""
        self._drawn = 0.0
        self._draw()

    def _draw(self) -> None:
        if time.monotonic() - self._drawn >= REDRAW_SECONDS and self._shown is not None:
            self._drawn = time.monotonic()
            self._shown.update(self._html(self._body()))

    def _body(self) -> str:
        paid = f", {self.paid()} paid" if self.paid and self._now else ""
        bar = progress_bar(f"{self._now}{paid}", self._done, self._total) if self._now else ""
        return paragraph(self._lines) + bar


class Silent:
    """Shows nothing."""

    def began(self, rung: str, system: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int) -> None:
        """Nothing."""

    def ended(self, step: Step) -> None:
        """Nothing."""

    def pays(self, spent: Callable[[], Spent]) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""


@contextmanager
def watching(currency: str, *, quiet: bool = False, max_minutes: float | None = None) -> Iterator[Observer]:
    """An observer for as long as the block runs: in a terminal on standard error, in a notebook below the cell.

    Args:
        currency: of what is paid.
        quiet: show nothing.
        max_minutes: the time limit, which is then counted down.
    """
    if quiet:
        yield Silent()
        return
    console = plain_console(stderr=True)
    if console.is_jupyter:
        page = Page(currency, max_minutes)
        try:
            yield page
        finally:
            page.close()
        return
    live = Live(console, currency, max_minutes)
    with live.bar:
        yield live


def step_line(step: Step, currency: str) -> Text:
    """One line of a table: rung, system, score with its limits, price, time; or why there is no score."""
    line = Text(f"{step.rung:<20} {step.system:<34}", STYLES.get(step.status, "dim"))
    if step.dev is None:
        return line.append(f" {step.status}")
    line.append(f" {format_percent(step.dev.mean):>7}", "bold")
    if step.dev.low is not None and step.dev.high is not None:
        line.append(f" {f'[{100 * step.dev.low:.0f}, {100 * step.dev.high:.0f}]':>9}")
    if step.cost is not None and step.cost.per_1000 is not None:
        line.append(f"  {format_money(step.cost.per_1000, currency)} per 1,000")
    return line.append(f"  {step.seconds:.0f} s")


def _left(ends: float | None) -> str:
    return "" if ends is None else f", {max(0.0, ends - time.monotonic()) / 60:.1f} min left"
