"""Opening what a project needs: its engine, and the one that judges free text."""

from __future__ import annotations

from tailor.documents.reading import read_documents
from tailor.engine import Engine
from tailor.ledger import Ledger
from tailor.models.base import Embedder, Model
from tailor.models.catalogue import open_embedder, open_model
from tailor.project import Project
from tailor.trust import require_allowed


def open_engine(project: Project, ledger: Ledger, model: Model | None = None, judge: Model | None = None) -> Engine:
    """The engine of a project, with its documents read; `model` and `judge` stand in for those that the task names."""
    task = project.task
    require_allowed(project, [role for role, given in (("model", model), ("judge", judge)) if given is None])

    def embedder(name: str) -> Embedder:
        return open_embedder(name, base=project.folder)

    documents = read_documents(project.documents, project.own_files) if project.documents is not None else []
    engine = Engine(model or open_model(task.model, base=project.folder), embedder, ledger, project.store, documents)
    if task.judge is not None:
        judging = judge or open_model(task.judge.model, base=project.folder)
        engine.judge = Engine(judging, embedder, ledger, project.store, check=lambda: engine.check())
    return engine
