"""What was promised for endpoints, tried: kills, signals, calls that hang, limits, waits, prices and clocks."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from biller import PRICES, Biller, Listener, quiz
from endpoint import Answer, Endpoint, completion, refusal
from flow import timeless
from pacing import Allowance, asked, figures

from benchmarks.endpoint_kills import answer_all, saved_words, since
from benchmarks.loopback import loopback
from tailor.decide.types import Rates
from tailor.errors import EndpointError
from tailor.experiment import run
from tailor.ledger import Ledger
from tailor.models.base import Reply, Request, message
from tailor.models.endpoint import faults
from tailor.models.endpoint.crew import Crew
from tailor.models.endpoint.rows import Rules
from tailor.models.remote import RemoteModel
from tailor.project import load_project
from tailor.results import Study
from tailor.store import spending
from tailor.task import ModelSettings

Figures = dict[str, int]


@contextmanager
def alone() -> Iterator[Path]:
    """A folder of one's own, and a user's state in it."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAILOR_STATE", str(Path(folder) / "state"))
        yield Path(folder)


def process_for(target: Callable[..., object], *given: object) -> multiprocessing.process.BaseProcess:
    """A process that is quick to start, since what takes long to import was imported before."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["endpoint_trials", "httpx2", "sklearn.linear_model", "sklearn.model_selection"])
    return context.Process(target=target, args=given)


# --- R3


def hasty(folder: Path, state: str, began: Event | None = None) -> Study:
    """A run of a project by a user whose state lies there; it says when it begins."""
    os.environ["TAILOR_STATE"] = state
    if began is not None:
        began.set()
    project = load_project(folder)
    return run(project, Listener(), model=RemoteModel(project.task.model, backoff_seconds=0.01))


class Slowly:
    """An endpoint that takes a moment, whoever answers."""

    def __init__(self) -> None:
        self.biller = Biller()

    def __call__(self, payload: Mapping[str, Any]) -> Answer:
        return Answer(self.biller(payload).body, pause=0.01)


def resumed(counts: Sequence[int] = (0, 1, 5, 50)) -> Figures:
    """R3: a run that was killed so many times ends as one that was left alone, and its bill holds every attempt."""
    found = {"runs": len(counts), "cut_off": 0, "other": 0, "unbilled": 0}
    chance, expected, slowly = random.Random(3), None, Slowly()
    with Endpoint(slowly) as endpoint:
        for count in counts:
            slowly.biller = Biller()
            with alone() as folder:
                project, state = quiz(folder / "quiz", endpoint.url), str(folder / "state")
                for _ in range(count):
                    began = multiprocessing.get_context("forkserver").Event()
                    process = process_for(hasty, project, state, began)
                    process.start()
                    began.wait(60)
                    time.sleep(chance.uniform(0.0, 6.0 / count))
                    process.kill()
                    process.join(60)
                    found["cut_off"] += process.exitcode == -signal.SIGKILL
                time.sleep(0.1)  # what was under way at the endpoint is billed
                study = hasty(project, state)
            spent, billed = study.spent, slowly.biller.billed
            told = {name: value for name, value in timeless(study).items() if name not in ("spent", "expected")}
            expected = expected or told
            found["other"] += told != expected
            assert spent is not None
            found["unbilled"] += not spent.paid - 1e-9 <= billed <= spent.paid + spent.maybe + 1e-9
    return found


# --- R10


def hung(rows: int = 3200, share: float = 0.05, seconds: float = 0.1) -> Figures:
    """R10: calls that are never answered; the time that a run takes with them, in percent of that without."""
    over = threading.Event()

    def time_of(hanging: float) -> float:
        chance, lock = random.Random(10), threading.Lock()

        def ask(request: Request) -> Reply:
            with lock:
                hangs = chance.random() < hanging
            if hangs:
                over.wait(60)
            time.sleep(seconds)
            return Reply("yes")

        started = time.monotonic()
        crew = Crew(ask, Rules(places=16, timeout=60.0))
        crew.run([Request((message("user", f"{number}"),)) for number in range(rows)], lambda replies: None)
        return time.monotonic() - started

    without, with_ = time_of(0.0), time_of(share)
    over.set()
    return {"rows": rows, "time": round(100 * with_ / without)}


# --- R11

WAITS: dict[str, Callable[[], dict[str, str]]] = {
    "seconds": lambda: {"retry-after": "1"},
    "milliseconds": lambda: {"retry-after-ms": "700"},
    "a date": lambda: {"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)},
    "none": lambda: {"retry-after": "0"},
    "less than none": lambda: {"retry-after": "-1"},
    "garbage": lambda: {"retry-after": "soon"},
    "an hour": lambda: {"retry-after": "3600"},
}


def told_to_wait(names: Sequence[str] = tuple(WAITS)) -> Figures:
    """R11: an endpoint that asks to wait in several ways: how often it is asked too early, and how often without end."""
    found = {"ways": len(names), "early": 0, "endless": 0}
    for name in names:
        state = {"until": 0.0, "calls": 0, "refusals": 0}

        def answer(payload: Mapping[str, Any], state: dict[str, float] = state, name: str = name) -> Answer:
            now = time.monotonic()
            found["early"] += now < state["until"] - 0.02
            state["calls"] += 1
            if name != "an hour" and state["calls"] > 3:
                return Answer(completion())
            headers = WAITS[name]()
            told = faults.retry_after(headers, datetime.now(UTC))
            state["until"] = now + (told or 0.0)
            return Answer(refusal(429, "slow down").body, 429, headers)

        with Endpoint(answer) as endpoint:
            settings = ModelSettings(name="m", base_url=endpoint.url, concurrency=1, context_tokens=None)
            model = RemoteModel(settings, backoff_seconds=0.05)
            with suppress(EndpointError):
                model.reply([Request((message("user", "x"),))])
            found["endless"] += endpoint.calls != (1 if name == "an hour" else 4)
    return found


# --- R12


def hidden_limits(minutes: int = 40, seeds: Sequence[int] = (1, 2)) -> Figures:
    """R12: limits on requests or tokens a minute, told of or not, that stay or change after twenty minutes: the least that was used
    of a limit five minutes after the start and the change, in percent, and the most that was refused, in tenths of a percent.
    """
    least, most, tried = 1.0, 0.0, 0
    for seed, told, tokens, change in itertools.product(seeds, (True, False), (True, False), (0.5, 1.0, 2.0)):
        chance = random.Random(seed)
        base = 150_000.0 if tokens else 300.0

        def limit(now: float, base: float = base, change: float = change) -> float:
            return base * (change if now >= 1200 else 1.0)

        def size(chance: random.Random = chance, tokens: bool = tokens) -> float:
            return chance.uniform(100, 900) if tokens else 1.0

        endpoint = Allowance(limit, told)
        asked(endpoint, size, minutes=minutes, places=16, seed=seed)
        for span in ((5, 20), (25, minutes)):
            used, refused = figures(endpoint, *span)
            least, most = min(least, used), max(most, refused)
        tried += 1
    return {"limits": tried, "used_least": int(100 * least), "refused_most": round(1000 * most)}


# --- R13


def interrupted(signals: int = 100, seed: int = 13, *, hard: int = 5) -> Figures:
    """R13: a run gets Ctrl-C or SIGTERM at random; what is under way is saved. A second one ends it within two seconds."""
    chance, context = random.Random(seed), multiprocessing.get_context("forkserver")
    found, rows, way = {"signals": signals, "lost": 0, "ended_late": 0}, 4000, "uniform-10-60"
    with loopback() as endpoint, alone() as folder:
        seen = 0
        for number in range(signals):
            began = context.Event()
            store = folder / f"store {number // 10}"  # before all rows are answered
            process = process_for(until_stopped, store, endpoint.url(way), rows, began)
            process.start()
            began.wait(60)
            time.sleep(chance.uniform(0.05, 0.4))
            os.kill(process.pid or 0, signal.SIGINT if number % 2 else signal.SIGTERM)
            process.join(60)
            asked_for, _, seen = since(endpoint, seen)
            found["lost"] += len(set(asked_for) - saved_words(store, endpoint.url(way), rows))
        for number in range(hard):
            began = context.Event()
            process = process_for(until_stopped, folder / f"hard {number}", endpoint.url("fixed-20000"), 8, began)
            process.start()
            began.wait(60)
            time.sleep(0.5)
            os.kill(process.pid or 0, signal.SIGINT)
            time.sleep(0.2)
            second = time.monotonic()
            os.kill(process.pid or 0, signal.SIGINT)
            process.join(30)
            found["ended_late"] += time.monotonic() - second > 2
    return found


def until_stopped(folder: Path, url: str, rows: int, began: Event) -> None:
    """Ask for all rows, until a signal ends it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        answer_all(folder, url, 16, rows, began)
    os._exit(0)  # threads still wait for answers after a second signal, as they do in the command


# --- R25


def recomputed() -> Figures:
    """R25: runs at prices that are edited between them: what each call and answer cost follows from the prices kept with it."""
    found = {"calls": 0, "not_recomputed": 0, "not_kept": 0}
    with alone() as folder, Endpoint(Biller()) as endpoint:
        edited = {"input_per_million": 3.0, "output_per_million": 4.0}
        studies = []
        for prices, words in ((PRICES, "Say the last word."), (edited, "Last word?")):
            project = quiz(folder / "quiz", endpoint.url, prices=prices, instruction=words)
            studies.append(hasty(project, str(folder / "state")))
        with Ledger(folder / "quiz" / ".tailor", shared=True) as ledger:
            calls = list(ledger.spending()._known.values())
    found["calls"] = len(calls)
    for call in calls:
        read, written, cached = call.prices or (None, None, None)
        price = Rates(read, written, None, "", cached).price(call.tokens_in, call.tokens_out, cached=call.cached)
        found["not_recomputed"] += price is None or call.paid is None or abs(price - call.paid) > 1e-12
    answers = [answer for study in studies for step in study.steps if step.run for answer in step.run.answers]
    found["not_kept"] = sum(answer.payment is None for answer in answers if answer.tokens_in)
    return found


# --- R28


class Jumping(datetime):
    """A clock that is moved while it is read."""

    offsets: Iterator[timedelta] = itertools.repeat(timedelta())

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """The time, wrong by the next offset."""
        return datetime.now(tz) + next(cls.offsets)


def moved_clocks(jumps: Sequence[timedelta] = (timedelta(hours=-1), timedelta(days=1), timedelta(hours=2))) -> Figures:
    """R28: the clock is put back or forward while a run asks, and while it is told to wait until a date."""
    found = {"jumps": len(jumps), "early": 0, "negative": 0, "other": 0}
    headline = ""
    for jump in jumps:
        found["early"] += _early(jump)
        offsets = itertools.chain(itertools.repeat(timedelta(), 3), itertools.repeat(jump))
        with alone() as folder, Endpoint(Biller()) as endpoint, pytest.MonkeyPatch.context() as patch:
            patch.setattr(Jumping, "offsets", offsets)
            for module in ("tailor.experiment", "tailor.store.answers", "tailor.store.openings", "tailor.store.studies"):
                patch.setattr(f"{module}.datetime", Jumping)
            patch.setattr(spending, "datetime", Jumping)
            patch.setenv("TZ", "Pacific/Kiritimati")
            time.tzset()
            study = hasty(quiz(folder / "quiz", endpoint.url), str(folder / "state"))
        time.tzset()
        assert study.decision is not None
        headline = headline or study.decision.headline
        found["negative"] += study.finished < study.started or any(step.seconds < 0 for step in study.steps)
        found["other"] += study.decision.headline != headline
    return found


def _early(jump: timedelta) -> bool:
    """Whether an endpoint that names a date, by its own clock, is asked before it where the clock here is wrong."""
    wrong = datetime.now(UTC) + jump
    right = datetime.now(UTC).replace(microsecond=0)
    headers = {
        "date": format_datetime(right, usegmt=True),
        "retry-after": format_datetime(right + timedelta(seconds=30), usegmt=True),
    }
    return faults.retry_after(headers, wrong) != 30.0


MOVED = "The clock is put back by an hour or forward by up to a day, and the time zone changed, while a run asks."
LIMITS = (
    "Hidden limits on requests or tokens a minute, announced or not, which stay, are halved or are doubled; in simulated time, "
    "from five minutes after the start or the change."
)
WAYS = "An endpoint asks to wait: in seconds, milliseconds, by a date, for 0, for less, for an hour, or says nothing readable."
ROWS: tuple[tuple[str, str, Callable[[], Figures], str], ...] = (
    ("R3", "A run against an endpoint is killed 0, 1, 5 or 50 times, and then ends: its study and its bill.", resumed, "runs"),
    ("R10", "5 % of the calls are never answered; 16 are under way at once, of 0.1 s each.", hung, "rows"),
    ("R11", WAYS, told_to_wait, "ways"),
    ("R12", LIMITS, hidden_limits, "limits"),
    ("R13", "Ctrl-C or SIGTERM at random, with 16 calls under way; a second one ends five more.", interrupted, "signals"),
    ("R25", "Prices are edited between runs; what each call cost is recomputed from what is kept with it.", recomputed, "calls"),
    ("R28", MOVED, moved_clocks, "jumps"),
)
WORDS = {
    "ended_late": "ended after more than two seconds",
    "cut_off": "kills in the middle of one",
    "other": "ended otherwise",
    "unbilled": "bills that do not hold what was billed",
    "time": "percent of the time without",
    "early": "asked too early",
    "endless": "asked more often than allowed",
    "used_least": "percent of the limit used at least",
    "refused_most": "tenths of a percent refused at most",
    "not_recomputed": "not recomputed",
    "not_kept": "answers without their price",
    "negative": "negative durations",
}
