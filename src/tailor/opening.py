"""Opening what a project needs: its engine, and the one that judges free text."""

from __future__ import annotations

from tailor.engine import Engine
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.models.catalogue import open_embedder, open_model
from tailor.project import Project
from tailor.retrieval.documents import read_documents


def open_engine(project: Project, ledger: Ledger, model: Model | None = None, judge: Model | None = None) -> Engine:
    """The engine of a project, with its documents read; `model` and `judge` stand in for those that the task names."""
    task = project.task
    documents = read_documents(project.documents, project.own_files) if project.documents is not None else []
    engine = Engine(model or open_model(task.model), open_embedder, ledger, project.store, documents)
    if task.judge is not None:
        judging = judge or open_model(task.judge.model)
        engine.judge = Engine(judging, open_embedder, ledger, project.store, check=lambda: engine.check())
    return engine
