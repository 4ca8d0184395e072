"""Probes of a study's finalists after the decision: whether they follow changed documents, and whether they obey hostile ones."""

from __future__ import annotations

from dataclasses import replace

from tailor.decide.probed import freshness_sentence, injection_sentence
from tailor.decide.step import Observer
from tailor.errors import ConfigError
from tailor.evaluate.freshness import Freshness, freshness
from tailor.evaluate.hostile import Injection, injection
from tailor.files import private_files, tighten
from tailor.labelled import load_splits
from tailor.ledger import Ledger
from tailor.models.base import Model
from tailor.open_engine import open_engine
from tailor.project import Project
from tailor.results import Study
from tailor.saved import STUDY, load_study


def probe(project: Project, observer: Observer, *, fresh: bool = True, hostile: bool = True, model: Model | None = None) -> Study:
    """Probe the finalists of the last study, which is saved with what they showed.

    Rows of dev are asked, never those of the test set. Nothing of the project's documents or indexes changes.

    Args:
        project: where the study is.
        observer: told what happens.
        fresh: change facts in copies of the documents, and delete documents.
        hostile: plant instructions in what is retrieved.
        model: the generative model, if not the one that the task names.

    Raises:
        ConfigError: the study has no finalists, or the task no documents.
        TailorError: a model, the documents or the disk is in the way.
    """
    study = load_study(project.folder)
    if not study.tests:
        raise ConfigError("the last run has no finalists to probe", "run `tailor run` with more time")
    if project.documents is None:
        raise ConfigError("this project has no documents, so there is nothing to change or to plant", "name them as `documents`")
    rows = load_splits(project).dev
    with private_files(), Ledger(tighten(project.store)) as ledger:
        engine = open_engine(project, ledger, model)
        finalists = [run.system for run in study.tests if run.system.is_generative]
        followed: list[Freshness] = []
        obeyed: list[Injection] = []
        for system in finalists:
            if fresh:
                observer.began("freshness", system.name)
                followed += filter(None, [freshness(study.task, system, rows, engine, observer.progress)])
            if hostile:
                observer.began("hostile pages", system.name)
                obeyed += filter(None, [injection(system, rows, engine, observer.progress)])
        for sentence in (*map(freshness_sentence, followed), *map(injection_sentence, obeyed)):
            observer.message(sentence)
        study = replace(
            study,
            freshness=tuple(followed) if fresh else study.freshness,
            injections=tuple(obeyed) if hostile else study.injections,
        )
        ledger.amend_study(STUDY.dump_python(study, mode="json"))
    return study
