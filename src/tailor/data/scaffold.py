"""Writes the `tailor.yaml` that a person would have written after a look at the data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tailor.data.columns import listed
from tailor.data.guess import GuessedTask
from tailor.errors import ConfigError, StoreError, quoted
from tailor.files import real_path, write_atomically
from tailor.kinds.base import Draft
from tailor.kinds.lines import as_yaml
from tailor.plugins import KINDS
from tailor.project import SETTINGS_FILE, load_project, refuse_documents_around

NAME_WORDS = 3  # a longer name of a column is a question of a form, and no name


def write_project(guess: GuessedTask, folder: Path | None = None, *, force: bool = False) -> Path:
    """Writes a commented `tailor.yaml` for what a task was taken for, and returns its path.

    Args:
        guess: what the task seems to be; its data stay where they are.
        folder: where to write; next to the data unless given, made if absent.
        force: replace an existing `tailor.yaml`.

    Raises:
        ConfigError: there is a `tailor.yaml` already, it cannot be written, or a column cannot be named in a template.
    """
    folder = real_path(folder or next(iter(guess.files.values())).parent)
    if guess.documents is not None:
        refuse_documents_around(folder, guess.documents)
    braced = [name for name in guess.asked.columns if "{" in name or "}" in name]
    if braced:
        raise ConfigError(f"the column {quoted(braced[0])} cannot be named in a template", "Rename it so that it holds no braces.")
    path = folder / SETTINGS_FILE
    if path.exists() and not force:
        raise ConfigError(f"{quoted(path, 200)} exists already", "Use --force to replace it, or --folder to write elsewhere.")
    text = "\n".join([*_question(guess), *_data(guess, folder), *_model(guess), *_money(guess), *_known(), ""])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text, mode=0o644)
    except (OSError, StoreError) as error:
        raise ConfigError(f"{quoted(path, 200)} cannot be written: {error}") from error
    load_project(path)
    return path


def _question(guess: GuessedTask) -> Iterator[str]:
    asked = " and ".join(f"the {_spoken(name, 'text')}" for name in guess.asked.pair or [guess.input])
    asked = "the user's last message" if guess.asked.conversation else asked
    draft = _draft(guess, asked)
    yield "# What is measured. Change what does not fit, then look at the data with `tailor check`."
    yield ""
    yield f"name: {as_yaml(guess.name)}"
    yield ""
    yield f"# {' '.join(f'{name}: {kind.says}.' for name, kind in KINDS.usable().items())}"
    yield f"kind: {guess.kind.name}"
    yield ""
    yield "# What the model is told to do. Say it as you would to a new colleague."
    yield f"instruction: {as_yaml(guess.kind.instruction(draft))}"
    yield "# Background in a sentence or two: who you are, what your words mean. Remove the # to use a line like this."
    yield '# context: "Lumo sells home internet and mobile plans; the Lumo Box is its router."'
    yield "# Limits on form, length or tone; whether they are kept is measured."
    yield '# constraints: ["Write in plain English."]'
    yield "# A role, tried as one of the variants of the prompt."
    yield '# persona: "You are an experienced member of the support team."'
    yield ""
    yield f"# What is asked. {{{{column}}}} stands for a column of the data; there are {listed(guess.columns)}."
    yield f"input: {as_yaml(guess.asked.template)}"
    yield "# The column with the right answer."
    yield f"output: {as_yaml(guess.output)}"
    yield from guess.kind.settings(draft)


def _spoken(name: str, otherwise: str) -> str:
    """The name of a column as it can be in a sentence; another word where it is a sentence itself."""
    words = name.replace("_", " ").split()
    return " ".join(words) if len(words) <= NAME_WORDS else otherwise


def _draft(guess: GuessedTask, asked: str) -> Draft:
    """What is known, for the kind of task to write its part."""
    return Draft(
        asked=asked,
        is_pair=bool(guess.asked.pair),
        right=_spoken(guess.output, guess.kind.noun),
        instruction=guess.asked.instruction,
        instructed=guess.asked.instructed,
        source="documents" if guess.documents else guess.asked.context.replace("_", " "),
        labels=guess.labels,
        n_labels=guess.n_labels,
        max_words=guess.max_words,
        is_image=guess.input in guess.images,
        longest=guess.longest,
        answers=guess.answers,
    )


def _data(guess: GuessedTask, folder: Path) -> Iterator[str]:
    yield ""
    yield "# The share of right answers that you need."
    yield "target: 0.9"
    yield "# Two systems that differ by less than this are equally good for you; the cheaper one is then chosen."
    yield "smallest_effect: 0.02"
    yield ""
    yield "# Where the examples are, relative to this file."
    yield "data:"
    yield from (f"  {name}: {as_yaml(_relative(path, folder))}" for name, path in guess.files.items())
    if guess.options.columns:
        yield "  # The files have no header row; their columns are:"
        yield f"  columns: [{', '.join(map(as_yaml, guess.options.columns))}]"
    if guess.options.encoding:
        yield f"  encoding: {as_yaml(guess.options.encoding)}"
    if guess.images:
        yield "  # The columns that name image files, relative to this file."
        yield f"  images: [{', '.join(map(as_yaml, guess.images))}]"
    if guess.split_by:
        yield "  # The column that says which rows are for training, for choosing (dev) and for the test."
        yield f"  split_by: {as_yaml(guess.split_by)}"
    if guess.id:
        yield "  # A unique name for each row; without it rows are numbered."
        yield f"  id: {as_yaml(guess.id)}"
    yield "  # Rows with the same value stay together, so that nobody's other messages give the answer away."
    yield f"  group_by: {as_yaml(guess.group_by)}" if guess.group_by else '  # group_by: "customer_id"'
    yield "  # Results are also shown for each value of these columns."
    yield f"  report_by: [{', '.join(map(as_yaml, guess.report_by))}]"
    if guess.kind.sourced:
        yield "  # The document that answers, and the sentence in it that does: they show whether the right passage was found."
        yield f"  source: {as_yaml(guess.source)}" if guess.source else '  # source: "page"'
        yield f"  quote: {as_yaml(guess.quote)}" if guess.quote else '  # quote: "quote"'
    if "file" in guess.files and not guess.split_by:
        yield ""
        yield "# Rows (240) or shares (0.5) for training, choosing and the sealed test; the rest is kept in reserve. For example:"
        yield "# split: {train: 0.5, dev: 0.15, test: 0.25}"
    yield ""
    yield "# A folder of Markdown, HTML, PDF, Office or other documents that the model may read."
    yield f"documents: {as_yaml(_relative(guess.documents, folder))}" if guess.documents else '# documents: "docs"'


def _model(guess: GuessedTask) -> Iterator[str]:
    yield ""
    yield "# The model that answers: the built-in one, a folder or Hub name, or an endpoint that speaks the OpenAI protocol:"
    reads = ", media: [image]" if guess.images else ""
    yield f'# model: {{name: "my-model", base_url: "http://localhost:8000/v1", api_key_env: "MY_KEY"{reads}}}'
    if guess.images:
        yield "# The built-in model reads text alone, so these rows need such an endpoint, of a model that reads images."
    yield "model: smollm2-135m"


def _money(guess: GuessedTask) -> Iterator[str]:
    yield ""
    yield "# How many answers you will need: what pays off depends on it."
    yield "volume:"
    yield "  answers_per_month: 10000"
    yield "  months: 12"
    yield ""
    yield "# What things cost you. These are guesses; replace them with yours."
    yield "prices:"
    yield '  currency: "USD"'
    yield "  # One hour of the machine that runs a local model. For an endpoint, token prices are looked up."
    yield "  machine_hour: 0.10"
    yield f"  # {guess.kind.label_work} by hand."
    yield f"  label: {guess.kind.label_price:.2f}"
    yield "  # What one wrong answer costs the business: the time to fix it, a refund, a lost customer. 0 leaves it out."
    yield "  error: 0.0"


def _known() -> Iterator[str]:
    yield ""
    yield "# What you know before anything is measured, for `tailor advise`. Say what you can; what is left out is not guessed."
    yield "# facts:"
    yield "#   every_time: true             # it must be equally good every time, not only on average"
    yield "#   stakes: high                 # what a wrong answer can do: low, medium or high"
    yield "#   sources_required: false      # an answer must name the place that it comes from"
    yield "#   documents_change: weekly     # never, yearly, monthly, weekly or daily"
    yield "#   proprietary: true            # the knowledge needed is yours alone, not public"
    yield "#   domain_language: true        # the texts use specialist language, such as a trade's"
    yield "#   obtainable_labels: 2000      # further examples that you could have labelled"
    yield "#   requirements_change: rarely  # rarely, sometimes or often"
    yield "#   users_differ: false          # different users need different behaviour"
    yield "#   stage: production            # prototype or production"
    yield "#   latency_seconds: 2           # longest time that an answer may take"
    yield "#   runs_on: own                 # here (this machine), own (your servers) or anywhere (any provider)"


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(real_path(path), folder)).as_posix()
