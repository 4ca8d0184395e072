"""Watching a served system: what has changed, whether the answers are worse, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from tailor.decide.formats import format_at_least, format_percent
from tailor.errors import ConfigError
from tailor.models.catalogue import open_embedder
from tailor.models.remote_embedder import embedder_settings
from tailor.project import Project
from tailor.results import Study
from tailor.saved import chosen_system, load_study
from tailor.stats.shift import Floats
from tailor.store.traffic import TRAFFIC, Gap, Request, Traffic
from tailor.system import System
from tailor.watching.inputs import Embed, Finding, Known, Window, cut, known_of, tested
from tailor.watching.quality import Quality, decided_at, quality_of
from tailor.watching.upkeep import Notice, upkeep

State = Literal["as measured", "changed, not worse", "changed, quality not known", "worse", "too little seen"]


@dataclass(frozen=True)
class Watch:
    """What was found of a served system.

    Attributes:
        study: the study that chose it.
        system: which system.
        state: what follows, in a few words.
        sentence: the same in a sentence.
        windows: the requests, window by window, oldest first.
        quality: what the audited stream says.
        notices: prices and models that have changed since the study.
        days: day as an ISO date -> how many requests were kept, oldest first.
        gaps: when requests were answered and not kept.
        spans: when requests were kept.
        without: why something was not looked at, one sentence each.
    """

    study: Study
    system: System
    state: State
    sentence: str
    windows: tuple[Window, ...]
    quality: Quality
    notices: tuple[Notice, ...]
    days: dict[str, int]
    gaps: tuple[Gap, ...]
    spans: tuple[tuple[float, float], ...]
    without: tuple[str, ...] = ()

    @property
    def is_alarm(self) -> bool:
        """Whether someone should look at it."""
        return self.state not in ("as measured", "too little seen")


def watch(project: Project) -> Watch:
    """Look at what the served system was asked since the last study, and at what was said of its answers. No model answers.

    Windows that are full are tested once, and what was found is kept.

    Raises:
        ConfigError: nothing was decided, or nothing was recorded yet.
        StoreError: the record cannot be read.
    """
    study = load_study(project.folder)
    system = chosen_system(study)
    with recorded(project) as traffic:
        windows, without = tested_windows(project, study, system, traffic)
        quality = quality_of(study, system, drawn_since(study, system, traffic), traffic.feedback())
        days = traffic.days(system.fingerprint, decided_at(study))
        gaps, spans = tuple(traffic.gaps()), tuple(traffic.spans())
    state = state_of(windows, quality, study.task.smallest_effect)
    return Watch(
        study=study,
        system=system,
        state=state,
        sentence=sentence_of(state, study, windows, quality),
        windows=tuple(windows),
        quality=quality,
        notices=upkeep(project, study),
        days=days,
        gaps=gaps,
        spans=spans,
        without=tuple(without),
    )


def recorded(project: Project) -> Traffic:
    """The traffic of a project.

    Raises:
        ConfigError: nothing was recorded.
        StoreError: it cannot be read.
    """
    if not (project.store / TRAFFIC).exists():
        raise ConfigError(
            f"{project.folder.name} was not served yet, so there is nothing to watch",
            f"Serve it with `tailor serve {project.folder.name}`.",
        )
    return Traffic(project.store)


def drawn_since(study: Study, system: System, traffic: Traffic) -> list[Request]:
    """The requests to a system since the study that chose it that were drawn for the audit, in order."""
    return list(traffic.requests(system=system.fingerprint, audited=True, since=decided_at(study)))


def tested_windows(project: Project, study: Study, system: System, traffic: Traffic) -> tuple[list[Window], list[str]]:
    """All full windows of a system's requests since the study, and why something was not tested; new ones are tested and kept."""
    since = decided_at(study)
    windows = [window for record in traffic.windows(system.fingerprint) if (window := window_of(record)).at >= since]
    last = windows[-1].last if windows else 0
    new = list(cut(traffic.requests(system=system.fingerprint, after=last, since=since), windows))
    if not new:
        return windows, []
    known = known_of(study, system.fingerprint)
    embed, vectors, without = embedding(project, known)
    for part, nth in new:
        alarmed = changed_since(windows) is not None
        window = tested(study.task, part, nth, known, embed, vectors, alarmed=alarmed)
        traffic.add_window(system.fingerprint, window.first, window.last, window.at, asdict(window))
        windows.append(window)
    return windows, without


def embedding(project: Project, known: Known) -> tuple[Embed | None, Floats | None, list[str]]:
    """What makes vectors of texts on this machine, and those of the study's rows."""
    if embedder_settings(project.task.embedder) is not None:
        why = (
            "What questions say is not compared, since the embedder is behind an endpoint: it would see and charge for all of them."
        )
        return None, None, [why]
    embedder = open_embedder(project.task.embedder, base=project.folder)
    return embedder.embed, embedder.embed(list(known.texts)), []


def window_of(record: dict[str, object]) -> Window:
    """A window as it was kept."""
    findings = tuple(Finding(**finding) for finding in record["findings"])  # type: ignore[attr-defined]
    return Window(**{**record, "findings": findings})  # type: ignore[arg-type]


def state_of(windows: Sequence[Window], quality: Quality, effect: float) -> State:
    """What follows from inputs and quality.

    Args:
        windows: the requests, window by window.
        quality: what the audited stream says.
        effect: a difference below this does not matter.
    """
    if quality.alarm is not None:
        return "worse"
    since = changed_since(windows)
    if since is not None:
        return "changed, not worse" if quality.not_worse_since(since, effect) else "changed, quality not known"
    return "as measured" if windows or quality.values else "too little seen"


def changed_since(windows: Sequence[Window]) -> int | None:
    """Number of the first request of the first window that says that inputs have changed; None where none does."""
    return next((window.first for window in windows if window.alarms), None)


def sentence_of(state: State, study: Study, windows: Sequence[Window], quality: Quality) -> str:
    """What follows, in a sentence or two."""
    counted, level = f"{len(quality.values):,} audited answers", format_at_least(quality.certified)
    since = changed_since(windows)
    changed = ", ".join(dict.fromkeys(finding.name for window in windows for finding in window.alarms))
    if state == "worse":
        also = f" What is asked has changed as well ({changed})." if since is not None else ""
        return (
            f"The answers have become worse: {format_percent(quality.score.mean)} of {counted} are right, "
            f"and at least {level} was certified.{also}"
        )
    if state == "changed, not worse":
        margin = format_at_least(max(0.0, quality.certified - study.task.smallest_effect))
        return (
            f"Changed, not worse: what is asked has changed ({changed}), and the answers audited since then show {margin} or more."
        )
    if state == "changed, quality not known":
        wanted = quality.rows_wanted(since or 0, study.task.smallest_effect, measured_score(study))
        have = sum(number >= (since or 0) for number in quality.numbers)
        more = f"about {wanted:,} would tell" if wanted is not None else "no number of them would tell, as nothing was certified"
        return (
            f"What is asked has changed ({changed}). No fall in quality is shown, but neither is that there is none: "
            f"{have:,} answers were audited since then, and {more}."
        )
    if state == "too little seen":
        return "Too little was seen to say anything: no window of requests is full, and no audited answer counts yet."
    looks = "1 window of requests looks" if len(windows) == 1 else f"{len(windows):,} windows of requests look"
    parts = [f"{looks} like the study's rows"] if windows else []
    parts += [f"{counted} give no sign of less than {level}, the level that was certified"] if quality.values else []
    return f"Nothing has changed that can be told: {', and '.join(parts)}."


def measured_score(study: Study) -> float:
    """What the chosen system scored on the sealed test set."""
    return study.decision.winner.score.mean if study.decision else 0.0
