"""The task: what is asked, what an answer must look like, the target, and what counts.

A `Task` is read from ``tailor.yaml`` by `tailor.project.load_project`; nothing here touches files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from tailor.doors import through
from tailor.errors import ConfigError, did_you_mean, quoted
from tailor.jsonform import check_expression, check_schema
from tailor.mistakes import Plain
from tailor.plugins import KINDS
from tailor.settings import FurtherModel, LocalPath, MarkSettings, joined, model_labels
from tailor.settings import KnownFacts as KnownFacts
from tailor.settings import ModelSettings as ModelSettings
from tailor.settings import Prices as Prices
from tailor.settings import Requirements as Requirements
from tailor.settings import Search as Search
from tailor.settings import Settings as Settings
from tailor.settings import TokenPrices as TokenPrices
from tailor.settings import Traffic as Traffic
from tailor.settings import Tuning as Tuning

VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")

CHAT = "chat"
"""The column with the number of the chat that a turn is from, where each turn of the assistant is a right answer."""
ENGLISH_EMBEDDER = "minilm-l6"
"""The built-in embedder, which learned from English."""
ONE_WAY = "give either `file` (Tailor splits it) or `train` and `test`"

Fraction = Annotated[float, Field(gt=0, le=1)]


class DataFiles(Settings):
    """Where the examples are and how their columns are used.

    Give `file` and let Tailor split it, or give `train` and `test` (and `dev`; else dev is cut from train). A wildcard names the
    parts of one table, such as ``train-*.parquet``. A task from Python, whose rows are given to it, names none.
    """

    file: str = ""
    train: str = ""
    dev: str = ""
    test: str = ""
    columns: tuple[str, ...] = Field((), description="names of the columns of files without a row of names")
    encoding: str = Field("", description="how files of text are encoded, such as cp1252; UTF-8 unless given")
    split_by: str = Field("", description="column of `file` that names the split of each row: train, dev or test")
    id: str = Field("", description="column with a unique name per row; otherwise rows are numbered")
    group_by: str = Field("", description="column whose values must each stay in one split, such as a customer number")
    turns: Literal["last", "all"] = Field(
        "last", description="in chats of several turns: the assistant's last turn is a right answer, or each of its turns"
    )
    report_by: tuple[str, ...] = Field((), description="columns by whose values results are also shown")
    images: tuple[str, ...] = Field((), description="columns of `input` that name image files inside the project's folder")
    quote: str = Field("", description="column with the sentence of the documents that answers the question")
    source: str = Field("", description="column with the name of the document that answers the question")
    personal: Literal["ask", "allowed"] = Field(
        "ask", description="whether Tailor asks before rows with what looks like personal data leave the machine"
    )

    @property
    def groups(self) -> str:
        """The column whose values must each stay in one split: the one given, else the chat that a turn is from."""
        return self.group_by or (CHAT if self.turns == "all" else "")

    @model_validator(mode="after")
    def _one_way(self) -> DataFiles:
        if self.file and self.train:
            raise ValueError(ONE_WAY)
        if self.train and not self.test:
            raise ValueError("`train` also needs `test`; with one file use `file`")
        if self.split_by and self.train:
            raise ValueError("`split_by` names a column of `file`; `train` and `test` are files of their own")
        return self


class SplitSizes(Settings):
    """How many examples each split gets: whole numbers are rows, numbers below 1 are shares.

    What is left over after train, dev and test is the reserve, which stays unopened. `None` chooses shares by size:
    50 % train, 15 % dev, 25 % test, 10 % reserve.
    """

    train: float | None = Field(None, gt=0)
    dev: float | None = Field(None, gt=0)
    test: float | None = Field(None, gt=0)
    seed: int = 0


class Volume(Settings):
    """How many answers are needed, for how long."""

    answers_per_month: float = Field(10_000, ge=0)
    months: float = Field(12, gt=0)


class JudgeSettings(Settings):
    """A judge for free text: another model, the rubric it goes by, and the people it is compared with before it may decide."""

    rubric: str | dict[str, str] = Field(
        description="what a good answer is, in plain words, for judge and people alike; or several criteria by name, all to be met"
    )
    together: bool = Field(False, description="judge all criteria in one call, in an order that differs from row to row")
    model: ModelSettings = Field(description="which model judges; best another than the one that answers")
    prices: TokenPrices = Field(
        default=TokenPrices(input_per_million=None, output_per_million=None), description="of the judge's tokens, as in `prices`"
    )
    compare: bool = Field(
        False,
        description="compare the two best finalists side by side, in both orders, where scores do not tell them apart",
    )
    gate: float = Field(0.6, ge=0, le=1, description="least kappa between the judge and people with which it may decide")
    ratings: str = Field("judge.csv", pattern=r"\.csv$", description="file with people's ratings")
    sample: int = Field(60, ge=10, description="about how many answers people rate")

    @field_validator("model", mode="before")
    @classmethod
    def _plain_model(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("rubric", mode="before")
    @classmethod
    def _is_said(cls, given: object) -> object:
        said = [*given, *given.values()] if isinstance(given, Mapping) else [given]
        if not said or not all(isinstance(text, str) and text.strip() for text in said):
            raise ValueError('write a text, or criteria by name, such as {kind: "It is kind."}; names like yes or true need quotes')
        return given

    @field_validator("rubric")
    @classmethod
    def _is_plain(cls, rubric: str | dict[str, str]) -> str | dict[str, str]:
        if columns_in(*([rubric] if isinstance(rubric, str) else rubric.values())):
            raise ValueError("a rubric is plain text; the judge sees question, reference and answer as well, so no {{column}}")
        return rubric

    @model_validator(mode="after")
    def _has_several(self) -> JudgeSettings:
        if self.together and len(self.criteria) < 2:
            raise ValueError("`together` needs a `rubric` of several criteria, by name")
        return self

    @property
    def criteria(self) -> dict[str, str]:
        """Each criterion by its name; a rubric in one piece is one without a name."""
        return {"": self.rubric.strip()} if isinstance(self.rubric, str) else {k: v.strip() for k, v in self.rubric.items()}

    @property
    def told(self) -> str:
        """The rubric in one piece, for people."""
        return "\n".join(f"{name}: {says}" if name else says for name, says in self.criteria.items())


class _Kind(Protocol):
    """What a Task asks of its kind; all of it is in `tailor.kinds.base.Kind`."""

    def check(self, task: Task) -> None: ...

    def metric(self, name: str | None) -> Any: ...


class Task(Settings, Plain):
    """What is asked, what an answer must look like, the target, and what counts.

    Raises:
        ConfigError: a setting is unknown, missing or not accepted.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")
    kind: Annotated[str, AfterValidator(KINDS.known)]
    instruction: str = Field(min_length=1)
    context: str = Field("", description="background the model should know, in a sentence or two")
    persona: str = Field("", description='tried as a variant: "You are a ..."')
    constraints: tuple[str, ...] = Field((), description="limits on form, length or tone; adherence is measured")
    input: str = Field(description="template of what is asked; {{column}} inserts a column of the data")
    output: Annotated[str, BeforeValidator(joined)] = Field(description="column with the right answer, or several")
    labels: tuple[str, ...] = Field((), description="the closed set of labels, where a kind has one; else read from the rows")
    not_found: str = Field("not in the documents", min_length=1, description="what to say when the documents do not say")
    max_words: int = Field(25, ge=1, description="longest free answer that still counts as following the form")
    pattern: str = Field("", description="regular expression that a free answer must match")
    json_schema: str = Field("", description="JSON schema that a free answer must fit, as settings or as text")
    requirements: Requirements | None = Field(None, description="what every answer must keep to, where a kind checks it")
    marks: MarkSettings | None = Field(None, description="what people mark on images, video or texts when they label")
    fields: dict[str, Any] = Field(
        default={}, description="what is extracted, such as {customer: text, total: number(0.01)}; or policies for a `json_schema`"
    )
    metric: str | None = Field(None, description="how an answer is scored; left out, as is usual for its kind")
    target: Fraction = 0.9
    smallest_effect: Annotated[float, Field(gt=0, lt=1)] = 0.02
    data: DataFiles = DataFiles(columns=(), report_by=(), images=())
    split: SplitSizes = SplitSizes(train=None, dev=None, test=None)
    documents: LocalPath = Field("", description="folder of documents, a pattern, or a JSONL or Parquet file with one in each row")
    retrieval: Search = Search()
    model: ModelSettings = ModelSettings(context_tokens=None)
    models: tuple[FurtherModel, ...] = Field(
        (), description="further models that the same study measures; the first of them is `model` where that is left out"
    )
    embedder: str = ENGLISH_EMBEDDER
    approaches: tuple[str, ...] = Field((), description="further approaches, tried on the rung of prompts; by name, or of packages")
    judge: JudgeSettings | None = Field(None, description="who judges free text; needed by metric `judged`")
    volume: Volume = Volume()
    prices: Prices = Prices(input_per_million=None, output_per_million=None)
    budget: float | None = Field(
        default=None, gt=0, description="the most that all runs together may pay endpoints, in the currency of `prices`"
    )
    ask_again: bool | None = Field(
        default=None, description="whether finalists are asked again to see how steady they are; left out, as far as it is worth it"
    )
    tuning: Tuning = Tuning(learning_rate=None, max_rows=None)
    facts: KnownFacts = KnownFacts()
    traffic: Traffic = Traffic()
    allow_classifier: bool = Field(False, description="let a reference classifier win, rather than only be reported")

    @property
    def _kind(self) -> _Kind:
        kind: _Kind = KINDS.load(self.kind)
        return kind

    @field_validator("embedder")
    @classmethod
    def _has_an_address(cls, name: str) -> str:
        through(name)
        return name

    @field_validator("data", mode="before")
    @classmethod
    def _plain_file(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value

    @field_validator("model", mode="before")
    @classmethod
    def _plain_model(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _first_of_models(cls, given: Any) -> Any:
        """Where only `models` is given, its first one takes the place of `model`, and its prices for those of the task."""
        models = given.get("models") if isinstance(given, Mapping) and "model" not in given else None
        if not isinstance(models, list | tuple) or not models or not isinstance(models[0], str | Mapping):
            return given
        first: dict[str, Any] = {"name": models[0]} if isinstance(models[0], str) else dict(models[0])
        own, shared = first.pop("prices", None) or {}, given.get("prices") or {}
        if not isinstance(own, Mapping):
            raise ValueError(f"`models.0.prices` is {quoted(own)}, but a group of settings is accepted")
        prices = {**shared, **own} if isinstance(shared, Mapping) else shared
        return {**given, "model": first, "models": models[1:], **({"prices": prices} if prices else {})}

    @field_validator("models", mode="before")
    @classmethod
    def _plain_models(cls, value: object) -> object:
        return [{"name": one} if isinstance(one, str) else one for one in value] if isinstance(value, list | tuple) else value

    @field_validator("pattern")
    @classmethod
    def _is_expression(cls, pattern: str) -> str:
        check_expression(pattern)
        return pattern

    @field_validator("json_schema", mode="before")
    @classmethod
    def _is_schema(cls, value: object) -> object:
        try:
            schema = json.loads(value) if isinstance(value, str) and value else value
            text = json.dumps(schema, ensure_ascii=False)
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"it is not JSON: {error}") from error
        if not value:
            return ""
        if not isinstance(schema, dict):
            raise ValueError("a JSON schema is a group of settings, such as {type: object}")
        check_schema(schema)
        return text

    @model_validator(mode="after")
    def _form_fits(self) -> Task:
        if self.pattern and self.json_schema:
            raise ValueError("give `pattern` or `json_schema`, one of the two")
        self._kind.check(self)
        if self.pattern and any(model.is_remote for model in self.asked):
            raise ValueError("`pattern` needs a model on this machine; an endpoint can be held to a `json_schema`")
        return self

    @model_validator(mode="after")
    def _metric_fits(self) -> Task:
        judged = self._kind.metric(self.metric).judged
        if judged and self.judge is None:
            raise ValueError(f"metric {self.metric!r} needs a group `judge` with a `rubric` and a `model`")
        if self.judge is not None and not judged:
            raise ValueError("`judge` also needs `metric: judged`; take `judge` out to score without a judge")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"`labels` lists {max(self.labels, key=self.labels.count)!r} more than once")
        if not self.variables:
            raise ValueError("`input` names no column; write, for example, {{text}}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _judged_by_its_judge(cls, given: Any) -> Any:
        """A task with a judge is scored by it, unless another metric is named."""
        judged = isinstance(given, Mapping) and given.get("judge") and given.get("metric") is None
        return {**given, "metric": "judged"} if judged else given

    @model_validator(mode="after")
    def _requires_other_columns(self) -> Task:
        if self.requirements and self.output in (*columns_in(*self.requirements.contains), *self.requirements.numbers_from):
            raise ValueError(f"`requirements` names {self.output!r}, the column with the right answer, which no answer can know")
        return self

    @model_validator(mode="after")
    def _images_are_asked(self) -> Task:
        asked = columns_in(self.input)
        if self.marks is not None:
            self.marks.check(asked, self.data.images)
        if unasked := [name for name in self.data.images if name not in asked]:
            raise ValueError(f"`data.images` names {unasked[0]!r}, which `input` does not read; write {{{{{unasked[0]}}}}} there")
        texts = columns_in(self.instruction, self.context, self.persona, *self.constraints)
        if elsewhere := [name for name in self.data.images if name in texts]:
            raise ValueError(f"{{{{{elsewhere[0]}}}}} holds images, which can stand in `input` alone")
        if self.data.images and self.judge is not None:
            raise ValueError("`judge` reads text alone and cannot judge answers about images; score them by another metric")
        return self

    @property
    def reads_text(self) -> bool:
        """Whether rows are asked about by texts, too, and not by images alone."""
        return not set(columns_in(self.input)) <= set(self.data.images)

    @property
    def asked(self) -> tuple[ModelSettings, ...]:
        """Every model whose systems are measured, `model` first."""
        return (self.model, *self.models)

    @property
    def model_labels(self) -> tuple[str, ...]:
        """What the study calls each of them (`tailor.settings.model_labels`)."""
        return model_labels(self.asked)

    def place_of(self, name: str) -> int:
        """The place in `asked` of the model that the study calls so; a single one goes by its name.

        Raises:
            ConfigError: the study has none of this name.
        """
        labels = self.model_labels if self.models else (self.model.name,)
        if name not in labels:
            known = ", ".join(map(quoted, labels))
            raise ConfigError(f"this study has no model {quoted(name)}{did_you_mean(name, labels)}", f"Its models are {known}.")
        return labels.index(name)

    def asking_only(self, place: int) -> Task:
        """The same with one of its models, at its prices, and without the others."""
        model = ModelSettings.model_validate(self.asked[place].model_dump(include=set(ModelSettings.model_fields)))
        return self.model_copy(update={"model": model, "models": (), "prices": self.prices_of(place)})

    def prices_of(self, place: int) -> Prices:
        """The prices that hold for a model, by its place in `asked`: its own for its tokens, the task's for all else."""
        if place == 0:
            return self.prices
        own = self.models[place - 1].prices
        return self.prices.model_copy(update={name: getattr(own, name) for name in TokenPrices.model_fields})

    @property
    def scored_by(self) -> str:
        """The metric in force: the one given, else the first of its kind."""
        return self.metric or str(self._kind.metric(None).name)

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that any template of the task reads, in order of first use."""
        return columns_in(self.instruction, self.context, self.persona, *self.constraints, self.input, self.retrieval.filter)

    @property
    def checked(self) -> tuple[str, ...]:
        """Columns that requirements read and no template does: the model does not see them."""
        if self.requirements is None:
            return ()
        named = (*columns_in(*self.requirements.contains, *self.requirements.lacks), *self.requirements.numbers_from)
        return tuple(name for name in dict.fromkeys(named) if name not in self.variables)


def columns_in(*templates: str) -> tuple[str, ...]:
    """Columns that templates name, in order of first use."""
    return tuple(dict.fromkeys(VARIABLE.findall(" ".join(templates))))


def fill(template: str, fields: Mapping[str, str]) -> str:
    """The template with every ``{{column}}`` replaced by its value; values are inserted as they are, once.

    Raises:
        KeyError: a column named by the template is absent from `fields`.
    """
    return VARIABLE.sub(lambda match: fields[match.group(1)], template)
