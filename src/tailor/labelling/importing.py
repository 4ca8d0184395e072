"""Labels of another tool into a project: kept as judgements under the names of those who gave them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailor.data.finding import Finding
from tailor.data.unlabelled import load_bare_rows
from tailor.errors import DataError
from tailor.files import private_files, tighten
from tailor.labelling.exchange import judgements_of
from tailor.labelling.formats.door import read_labels
from tailor.labelling.judgements import Judgements
from tailor.project import Project


@dataclass(frozen=True)
class Imported:
    """What an import added.

    Attributes:
        format: the format that was read.
        added: judgements that are new.
        known: those that were there before.
        people: names of those who gave them.
        findings: what was left out, by name and count.
    """

    format: str
    added: int
    known: int
    people: tuple[str, ...]
    findings: tuple[Finding, ...]


def import_labels(project: Project, path: Path, format: str = "") -> Imported:
    """Read labels of a file or folder, and keep them as judgements of the project's rows.

    Args:
        project: the project; rows with and without a label count.
        path: the file or folder.
        format: name of the format; told by the content unless given.

    Raises:
        DataError: nothing can be read, or nothing is of a row of this project.
        StoreError: they cannot be kept.
    """
    labels = read_labels(path, format)
    rows = load_bare_rows(project)
    taken = judgements_of(project.task, rows, labels)
    if not taken.judgements:
        why = " ".join(finding.what for finding in taken.findings)
        raise DataError(
            f"{path.name} holds no labels of this project's rows. {why}".strip(), "Its texts must be those of the data."
        )
    with private_files(), Judgements(tighten(project.store)) as judgements:
        before = len(judgements.all())
        judgements.append(*taken.judgements, rows=taken.rows)
        added = len(judgements.all()) - before
    people = tuple(dict.fromkeys(judgement.annotator for judgement in taken.judgements))
    return Imported(labels.format, added, len(taken.judgements) - added, people, taken.findings)
