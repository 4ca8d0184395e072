"""Opening the workbench: a project of a file that has none yet, the secret behind the links, and the server's socket."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tailor.data.columns import columns_of, listed
from tailor.data.guess import named_after
from tailor.data.table import read_table
from tailor.errors import ConfigError, DataError, StoreError, did_you_mean, quoted
from tailor.files import Held, hold_alone, private_folder, real_path, seen_from_here, write_atomically
from tailor.kinds.base import Draft, kind_of
from tailor.kinds.lines import as_yaml
from tailor.labelled import counted, load_splits
from tailor.labelling.judgements import Judgements
from tailor.plugins import KINDS
from tailor.project import SETTINGS_FILE, Project, load_project
from tailor.seals import identities
from tailor.trust import note_made_here
from tailor.web.door import LONGEST_NAME, SECRET_BYTES, Door, Keys
from tailor.web.listening import Listening, listen
from tailor.workbench.app import Workbench
from tailor.workbench.choosing import Choosing
from tailor.workbench.desk import Desk

SERVER = "label-server"
"""File that is locked by the server that gives out rows, and holds its address."""
SECRET = "links.key"
KIND = "classify"


@dataclass(frozen=True)
class Started:
    """A project to label, and what was done to have one.

    Attributes:
        project: the project.
        said: what was done, in sentences.
    """

    project: Project
    said: tuple[str, ...] = ()


class ServedAlready(ConfigError):
    """The rows of a project are given out by another server.

    Args:
        address: where.
        links: each person's link to it, by name.
    """

    def __init__(self, address: str, links: Mapping[str, str]) -> None:
        super().__init__(f"the rows of this project are given out at {address} already", "Open a link there, or stop it first.")
        self.address, self.links = address, links


@dataclass(frozen=True)
class Bench:
    """An open workbench.

    Attributes:
        app: its pages.
        listening: where it is served.
        links: each person's link, by name.
        told: what there is to label, in a sentence.
        desk: its rows.
    """

    app: Door
    listening: Listening
    links: dict[str, str]
    told: str
    desk: Desk

    def summary(self) -> str:
        """What there is now, and what to do with it."""
        labels = len(
            counted(
                self.desk.task, (judgement for judgement in self.desk.judgements.standing() if judgement.row in self.desk.items)
            )
        )
        folder = seen_from_here(self.desk.project.folder)
        where = "" if folder == "." else f" {folder}"
        told = f"{labels:,} of {len(self.desk.items):,} rows {'has' if labels == 1 else 'have'} a label that counts."
        return f"{told} Look at them with tailor check{where}, measure with tailor run{where}." if labels else told


def started(given: Path, *, labels: Sequence[str] = (), kind: str = "", input: str = "") -> Started:
    """The project in a folder, or one made of a file of rows without labels.

    Args:
        given: a project's folder or settings, or a data file; a file that has a project next to it opens that.
        labels: the labels of a new project; none to have them written on the page.
        kind: the kind of task of a new project; `classify` where it is empty.
        input: the column that is asked, of a new project; guessed where it is empty.

    Raises:
        ConfigError: there is no project and none can be made, or the one that is there has other labels, kind or columns.
        DataError: the file cannot be read.
    """
    if given.is_dir() or given.suffix in (".yaml", ".yml"):
        return Started(_as_asked(load_project(given), labels, kind, input))
    settings = real_path(given).parent / SETTINGS_FILE
    if settings.exists():
        project = load_project(settings)
        if real_path(given) in project.data_files:
            _as_asked(project, labels, kind, input)
            return Started(project, (f"{quoted(str(given), 200)} belongs to the project in {seen_from_here(project.folder)}.",))
        raise ConfigError(
            f"{quoted(str(settings), 200)} is the project of other data",
            f"Move {given.name} into a folder of its own, or label that project: tailor label {seen_from_here(project.folder)}",
        )
    kind = kind or KIND
    if kind not in KINDS:
        raise ConfigError(f"{quoted(kind)} is not one of {', '.join(KINDS.names)}{did_you_mean(kind, KINDS.names)}")
    path = _write(given, labels, kind, input)
    try:
        project = load_project(path)
    except ConfigError as error:
        path.unlink()  # what was asked for makes no project, and the file would be in the way of another try
        hint = f"Name them with --labels, or write a {SETTINGS_FILE} with these settings: a file without answers does not say it."
        raise ConfigError(str(error), error.hint or hint) from error
    note_made_here(path.parent)
    asked = listed(project.task.variables)
    wrote = f"Wrote {seen_from_here(path)}: what is asked is {asked}. Set the instruction and the target there at any time."
    return Started(project, (wrote,))


def _as_asked(project: Project, labels: Sequence[str], kind: str, input: str) -> Project:
    """The project, if it is what was asked for: the same command may be given again, and never changes the settings.

    Raises:
        ConfigError: it is another one.
    """
    task = project.task
    wanted = {"--labels": labels, "--kind": [kind] if kind else [], "--input": [input] if input else []}
    for (option, given), there in zip(wanted.items(), (task.labels, [task.kind], task.variables), strict=True):
        if given and set(given) != set(there):
            raise ConfigError(
                f"{option} says {listed(given)}, but the project in {seen_from_here(project.folder)} has {listed(there) or 'none'}",
                f"Change {SETTINGS_FILE} there, or leave {option} out: it is for a file that has no project yet.",
            )
    return project


def _write(data: Path, labels: Sequence[str], kind_name: str, input: str) -> Path:
    table = read_table(data)
    columns = columns_of((table,))
    if input and input not in columns:
        raise ConfigError(f"--input names {quoted(input)}{did_you_mean(input, columns)}", f"There are {listed(columns)}.")
    asked = input or max(columns, key=lambda name: columns[name].words)
    if "{" in asked or "}" in asked:
        raise ConfigError(f"the column {quoted(asked)} cannot be named in a template", "Rename it so that it holds no braces.")
    kind = KINDS.load(kind_name)
    output = "labels" if kind.several else kind.noun  # what the answers are called, since the file has none
    if output == asked:
        output = f"right {output}"
    draft = Draft(
        asked=f"the {asked}", is_pair=False, right=output, instruction="", instructed=False, source="", labels=tuple(labels),
        n_labels=len(labels), max_words=25,
    )  # fmt: skip
    lines = [
        "# Made by `tailor label`. Say what is asked, set the target, then measure with `tailor run`.",
        f"name: {as_yaml(named_after(data))}",
        f"kind: {kind_name}",
        f"instruction: {as_yaml(kind.instruction(draft))}",
        f"input: {as_yaml('{{' + asked + '}}')}",
        "# The column with the right answer; a row without one takes the label that people gave.",
        f"output: {as_yaml(output)}",
        *(["labels:", *(f"  - {as_yaml(label)}" for label in labels)] if labels else []),
        "data:",
        f"  file: {as_yaml(data.name)}",
        "target: 0.9",
        "model:",
        "  name: smollm2-135m",
        "",
    ]
    path = real_path(data).parent / SETTINGS_FILE
    try:
        write_atomically(path, "\n".join(lines), mode=0o644)
    except (OSError, StoreError) as error:
        raise ConfigError(f"{quoted(str(path), 200)} cannot be written: {error}") from error
    return path


def rows_shown_again(desk: Desk) -> str:
    """How many rows of the sealed test set are given out again, and what that costs, in a sentence.

    These are rows that have a label already: in the file, or by one person where another labels them too. Empty where no such row
    is given out, or where there are too few rows for a test set yet. The run that follows counts them (`tailor.seals`).

    Args:
        desk: what is labelled.
    """
    try:
        splits = load_splits(desk.project)
    except DataError:
        return ""
    tested = sum(row in desk.items for row in desk.judgements.names(identities(desk.task, splits.test)))
    if not tested:
        return ""
    rows = "1 of these rows is" if tested == 1 else f"{tested:,} of these rows are"
    return (
        f"{rows} in the sealed test set and labelled. Once someone else labels one, or a difference is settled, that counts as "
        "an opening of the test set: the next run must be surer of what it claims."
    )


@contextmanager
def open_workbench(
    project: Project,
    people: Sequence[str],
    *,
    overlap: int = 1,
    everything: bool = False,
    settles: str = "",
    host: str = "127.0.0.1",
    port: int = 0,
    names: Sequence[str] = (),
    choose: bool = True,
) -> Iterator[Bench]:
    """The pages of a project, ready to be served; the labels are closed when the block ends.

    Args:
        project: what is labelled.
        people: names of those who label; each gets a link.
        overlap: how many people label each row.
        everything: whether rows with a label in the file are labelled too.
        settles: who settles differences, and gets a link for it; everyone where it is empty.
        host: the interface.
        port: 0 for one that is free.
        names: what others call this machine.
        choose: whether rows are chosen that teach most; else all come at random.

    Raises:
        ServedAlready: the rows are given out by another server.
        ConfigError: a name cannot be used, or the port.
        DataError: the data cannot be read.
        StoreError: the labels cannot be read.
    """
    people = tuple(dict.fromkeys((*people, *([settles] if settles else []))))
    for person in people:
        if not 0 < len(person.strip()) <= len(person) <= LONGEST_NAME or not person.isprintable():
            raise ConfigError(
                f"{quoted(person)} is no name for a person who labels",
                f"1 to {LONGEST_NAME} characters that can be printed are accepted.",
            )
    keys = Keys(_secret(project.store))
    listening = listen(host, port, names)
    with _only_server(project.store, listening, keys, people), Judgements(project.store) as judgements:
        desk = Desk(project, judgements, overlap=overlap, everything=everything)
        choosing = Choosing(desk) if choose else None
        bench = Workbench(desk, keys, settles=settles, choosing=choosing)
        links = {person: f"{listening.address}/#{keys.ticket(person)}" for person in people}
        if choosing is not None:
            choosing.start()
        try:
            yield Bench(bench.app(listening.hosts), listening, links, _told(desk), desk)
        finally:
            if choosing is not None:
                choosing.close()


def _told(desk: Desk) -> str:
    """What there is to label."""
    rows, done = len(desk.items), desk.counts("")["finished"]
    if not rows:
        return f"No row lacks {kind_of(desk.task).a_noun}. Start with --all to label those that have one, too."
    left = "1 row" if rows == 1 else f"{rows:,} rows"
    return f"{left} to label{f', {done:,} of them done' if done else ''}; open a link:"


@contextmanager
def _only_server(folder: Path, listening: Listening, keys: Keys, people: Sequence[str]) -> Iterator[None]:
    """Keep other servers from the project's rows, since each knows its own leases only; the system frees them when it ends.

    Raises:
        ServedAlready: another server gives out these rows.
        StoreError: it cannot be told whether one does.
    """
    try:
        held = hold_alone(private_folder(folder) / SERVER, listening.address)
    except (Held, StoreError) as error:
        listening.socket.close()
        if isinstance(error, StoreError):
            raise
        raise ServedAlready(error.told, {person: f"{error.told}/#{keys.ticket(person)}" for person in people}) from None
    with held:
        yield


def _secret(folder: Path) -> bytes:
    """What the links follow from: made once for a project, readable by its owner only."""
    path = private_folder(folder) / SECRET
    if path.exists():
        try:
            kept = bytes.fromhex(path.read_text("ascii").strip())
        except (OSError, ValueError):
            kept = b""
        if len(kept) != SECRET_BYTES:
            raise ConfigError(
                f"{quoted(str(path), 200)} cannot be read, and all links follow from it", "Delete it to make new links."
            )
        return kept
    fresh = secrets.token_bytes(SECRET_BYTES)
    write_atomically(path, fresh.hex())
    return fresh
