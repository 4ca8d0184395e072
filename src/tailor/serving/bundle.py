"""A bundle: a folder with the chosen system and all it needs, which serves on a machine without the project.

It holds the certified system with its measured rows, tuned weights, documents with their index, a model card, recipes for other
runtimes, and the SHA-256 of every file. It is opened, and held to its measured rows, before it is called written.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from tailor.documents.places import found_files, root_of
from tailor.errors import ConfigError, StoreError, quoted
from tailor.files import private_files, real_path, write_atomically
from tailor.ledger import Ledger
from tailor.limits import BUNDLE_RECORD_BYTES
from tailor.models.base import Model
from tailor.models.cache import file_sha256
from tailor.models.local import as_local
from tailor.models.merged import save_merged
from tailor.outside import read_file
from tailor.project import Project
from tailor.serving.bundled_images import Images
from tailor.serving.card import card_of, recipes_of, requirements_of
from tailor.serving.certified import CERTIFIED, Certified
from tailor.serving.parity import BILLED_AGREEMENT, BILLED_ROWS, hold
from tailor.serving.served import Served, opened
from tailor.serving.source import ProjectSource
from tailor.serving.worker import Worker
from tailor.task import DataFiles, Task
from tailor.watching.recorder import Recorder

MANIFEST, RECORD = "bundle.json", "certified.json"
FORMAT = 1
MODEL, MERGED, DOCUMENTS, STORE = "model", "merged", "documents", "store"


@dataclass(frozen=True)
class BundledProject(Project):
    """A bundle as a project: its store lies where everybody sees it."""

    @property
    def store(self) -> Path:
        """Tuned weights and index."""
        return self.folder / STORE


class BundleSource:
    """A bundle.

    Args:
        folder: where it is.
        rows: measured rows to hold it to, at most.
        model: stands in for the generative model that it names.
    """

    def __init__(self, folder: Path, *, rows: int, model: Model | None = None) -> None:
        self._folder, self._rows, self._model = real_path(folder), rows, model
        self._ledger = Path(tempfile.mkdtemp(prefix="tailor-serve-"))  # a bundle may lie where nothing can be written
        weakref.finalize(self, shutil.rmtree, self._ledger, ignore_errors=True)
        Ledger(self._ledger).close()  # makes it; what is served only shares one

    @property
    def project(self) -> Project:
        """The bundle as a project.

        Raises:
            StoreError: it is damaged.
        """
        return BundledProject(self._folder, self._certified().task)

    def recorder(self, served: Served) -> Recorder | None:
        """Keeps what is asked, if the bundle lies where that can be done."""
        return Recorder(served.project.store, served.certified.task) if os.access(served.project.store, os.W_OK) else None

    def opened(self, model: Model | None = None) -> Served:
        """The system in it, after every file was compared with its SHA-256."""
        check_files(self._folder)
        found = self._certified()
        project = BundledProject(self._folder, found.task)
        return opened(project, found, self._ledger, model or self._model)

    def _certified(self) -> Certified:
        try:
            found = CERTIFIED.validate_json(read_file(self._folder / RECORD, BUNDLE_RECORD_BYTES))
        except (OSError, ValidationError) as error:
            raise StoreError(f"{self._folder / RECORD} cannot be read as what was certified", "Export the bundle again.") from error
        return replace(found, rows=found.rows[: self._rows])


def is_bundle(folder: Path) -> bool:
    """Whether a folder holds a bundle."""
    return (folder / MANIFEST).is_file() and (folder / RECORD).is_file()


def export_bundle(
    project: Path,
    target: Path,
    *,
    rows: int,
    merge: bool = False,
    force: bool = False,
    model: Model | None = None,
    say: Callable[[str], None],
) -> None:
    """Write the system that the last study of a project chose as a bundle.

    Args:
        project: the project's folder.
        target: folder to write; it must not be there unless `force` is given.
        rows: measured rows that it holds, with their texts: what is served is held to them.
        merge: write tuned weights merged into their base as well, as a folder that other runtimes load.
        force: replace a bundle that is there.
        model: stands in for the generative model that the project names.
        say: told what the gate found.

    Raises:
        ConfigError: `target` is there, the task cannot be bundled, or there is nothing to merge.
        StoreError: what was written does not answer as it was measured.
    """
    if target.exists() and not (force and is_bundle(target)):
        raise ConfigError(f"{quoted(target, 200)} is there already", "Name another --output, or give --force to replace a bundle.")
    source = ProjectSource(project, rows=rows, model=model)
    served = source.opened()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with private_files():
            _fill(served, part, merge=merge)
            if merge:
                say(f"Merged weights: {write_merged(served, part / MERGED)}")
            _hold(part, rows, served.model, say)
            _seal(part)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
    finally:
        served.close()
        shutil.rmtree(part, ignore_errors=True)


def check_files(folder: Path) -> None:
    """Compare every file of a bundle with its SHA-256.

    Raises:
        StoreError: one is damaged, gone or a link.
    """
    try:
        manifest = json.loads(read_file(folder / MANIFEST, BUNDLE_RECORD_BYTES))
        files, format = dict(manifest["files"]), manifest["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder / MANIFEST} is damaged", "Export the bundle again.") from error
    if format != FORMAT:
        raise StoreError(
            f"{folder} was written in format {format}, and this Tailor reads {FORMAT}", "Use the Tailor that wrote it."
        )
    for name, digest in files.items():
        path = folder / name
        if not real_path(path).is_relative_to(real_path(folder)) or path.is_symlink() or not path.is_file():
            raise StoreError(f"{quoted(name, 100)} of the bundle is gone, or no file", "Export the bundle again.")
        if file_sha256(path) != digest:
            raise StoreError(f"{quoted(name, 100)} of the bundle is damaged", "Export the bundle again.")


def write_merged(served: Served, target: Path) -> str:
    """Write the tuned weights merged into their base, and hold the model in that folder to what was measured; says what was found.

    Raises:
        ConfigError: nothing was tuned.
        StoreError: the merged weights are not those that were measured, or do not answer alike.
    """
    found, project = served.certified, served.project
    weights = found.system.weights
    if not weights.tuned or not found.system.is_generative:
        raise ConfigError(f"{found.system.name} has no tuned weights to merge", "Leave out --merge.")
    base = as_local(served.model, "merged")
    written = save_merged(base, project.store / weights.tuned, target)
    base.release()
    alone = found.system.with_(weights={"tuned": "", "tuned_digest": "", "method": "none"})
    merged, worker = opened(project, replace(found, system=alone), project.store, written), Worker()
    try:
        held = hold(merged, worker, rows=len(found.rows), agreement=1.0)
    finally:
        worker.close()
        merged.close()
    if not held.holds:
        shutil.rmtree(target)
        raise StoreError(f"the merged weights do not answer as was measured: {held.why}", "Export the bundle without --merge.")
    return next(held.sentences())


def _fill(served: Served, folder: Path, *, merge: bool) -> None:
    """Everything but the index and the checksums."""
    project, images = served.project, Images(served.project.folder, folder)
    found = images.of(served.certified)
    task = _moved(found.task, project, folder)
    (folder / STORE).mkdir()
    if tuned := found.system.weights.tuned:
        shutil.copytree(project.store / tuned, folder / STORE / tuned)
    if project.documents is not None and found.system.has_knowledge:
        _copy_documents(project, project.documents, folder / DOCUMENTS)
    write_atomically(folder / RECORD, CERTIFIED.dump_json(replace(found, task=task)))
    write_atomically(folder / "README.md", card_of(found, served.model))
    write_atomically(folder / "recipes.md", recipes_of(found, served.model, merged=MERGED if merge else ""))
    write_atomically(folder / "requirements.txt", requirements_of(found))


def _copy_documents(project: Project, source: Path, folder: Path) -> None:
    """The documents and nothing else: no hidden file, no link out of their folder, no data of the project."""
    root, paths = found_files(source)
    own = {real_path(path) for path in project.own_files}
    for path in paths:
        if real_path(path) not in own:
            place = folder / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def _documents_there(source: Path) -> str:
    """The setting that names the documents in a bundle: their folder, the pattern or the file below it."""
    within = "." if source.is_dir() else source.name if source.is_file() else source.relative_to(root_of(source)).as_posix()
    return f"{DOCUMENTS}/{within}".removesuffix("/.")


def _moved(task: Task, project: Project, folder: Path) -> Task:
    """The task with everything that it names inside the bundle.

    Raises:
        ConfigError: it names what cannot be taken along.
    """
    if (project.folder / task.embedder).is_dir():
        raise ConfigError("an embedder in a folder is not bundled yet", "Name an embedder that is fetched by its name.")
    changes: dict[str, object] = {"data": DataFiles(file="", columns=(), report_by=(), images=task.data.images), "judge": None}
    if task.judge is not None:
        changes["metric"] = None
    if project.documents is not None:
        changes["documents"] = _documents_there(project.documents)
    if not task.model.is_remote and (own := project.folder / task.model.name).is_dir():
        shutil.copytree(own, folder / MODEL)
        changes["model"] = task.model.model_copy(update={"name": f"./{MODEL}"})
    return task.model_copy(update=changes)


def _hold(folder: Path, rows: int, model: Model, say: Callable[[str], None]) -> None:
    """Open the bundle as another machine would, which makes its index, and hold it to what was measured.

    Raises:
        StoreError: it does not answer as measured.
    """
    _seal(folder)
    source = BundleSource(folder, rows=rows, model=model)  # it lives as long as what it opened
    served, worker = source.opened(), Worker()
    try:
        held = hold(
            served, worker, rows=BILLED_ROWS if served.is_billed else rows, agreement=BILLED_AGREEMENT if served.is_billed else 1.0
        )
    finally:
        worker.close()
        served.close()
    for sentence in held.sentences():
        say(sentence)
    if not held.holds:
        raise StoreError(f"the bundle does not answer as it was measured: {held.why}", "Run `tailor run` again.")


def _seal(folder: Path) -> None:
    files = {name: file_sha256(folder / name) for name in sorted(_names(folder))}
    write_atomically(folder / MANIFEST, json.dumps({"format": FORMAT, "tailor": version("tailor"), "files": files}, indent=1))


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            yield name
