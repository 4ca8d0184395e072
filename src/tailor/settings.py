"""Groups of settings that stand below the task: which models are asked, what things cost, what is required, what is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from tailor.access import access
from tailor.doors import through
from tailor.keys import VARIABLE_NAME, looks_like_a_key, names_in, without_key
from tailor.plugins import MODELS

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Settings(BaseModel):
    """A group of settings: unknown keys are refused, values cannot change, numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def joined(value: object) -> object:
    """Several names as one text with commas between them; a text stays as it is."""
    return ", ".join(value) if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value) else value


def _on_this_machine(path: str) -> str:
    if _ADDRESS.match(path):
        raise ValueError(f"{path!r} is an address, and files are read from this machine; copy or mount them, and name the folder")
    return path


LocalPath = Annotated[str, AfterValidator(_on_this_machine)]
"""A place on this machine, and no address."""


class ModelSettings(Settings):
    """Which model answers: the built-in one, a local folder or Hub name, or an OpenAI-compatible endpoint."""

    name: str = Field("smollm2-135m", min_length=1)
    base_url: str = Field("", description="address of an OpenAI-compatible endpoint, such as http://localhost:8000/v1")
    api_key_env: str = Field("OPENAI_API_KEY", description="environment variable that holds the key; never the key itself")
    revision: str = Field("", description="branch, tag or commit of a Hub model")
    context_tokens: int | None = Field(None, gt=0, description="context window, when the model does not say it")
    same_as: str = Field(
        "", description="address that this one stands for, such as the provider behind a gateway: nothing is asked again"
    )
    timeout_seconds: float = Field(60.0, gt=0)
    patience_minutes: float = Field(5.0, gt=0, le=1440, description="how long an endpoint that does not answer is asked again")
    concurrency: int = Field(4, ge=1, le=64)
    batch: bool | float = Field(
        default=False,
        ge=0,
        le=1,
        description="wait for answers that cost less: the endpoint's Batch API; or its share of the price",
    )
    max_tokens: int | None = Field(
        default=None, gt=0, description="longest remote answer with its thought; left out, room is found by itself"
    )
    temperature: Literal["", "default"] = Field("", description="`default` leaves the temperature to the endpoint")
    reasoning_effort: str = Field("", description="how long the model may think, in the endpoint's words, such as low")
    media: tuple[Literal["image"], ...] = Field((), description="what it reads besides text; an endpoint's model alone: [image]")
    extra_body: dict[str, Any] = Field(default={}, description="further parameters of every call, as the endpoint names them")
    extra_headers: dict[str, str] = Field(default={}, description="further headers of every call; never a key")
    retires: date | None = Field(None, description="day on which its provider shuts it down, such as 2027-03-01")

    @property
    def address(self) -> str:
        """Where it is asked; empty for a model on this machine."""
        return self.base_url

    @property
    def is_remote(self) -> bool:
        """Whether an endpoint is asked."""
        return bool(self.base_url)

    @model_validator(mode="before")
    @classmethod
    def _through_a_door(cls, given: Any) -> Any:
        """A name such as openai/gpt-5-mini names an endpoint too; next to an address or a revision, a name is just that."""
        if not isinstance(given, dict) or given.get("base_url") or given.get("revision") or not isinstance(given.get("name"), str):
            return given
        found = through(given["name"])
        return {"api_key_env": found.pop("api_key_env"), **given, **found} if found else given

    @model_validator(mode="after")
    def _reads_media(self) -> ModelSettings:
        if self.media and not self.is_remote and self.name.partition(":")[0] not in MODELS:
            raise ValueError("`media` is for models of endpoints and of packages; other models on this machine read text alone")
        return self

    @field_validator("base_url")
    @classmethod
    def _addresswithout_key(cls, address: str) -> str:
        names = re.findall(r"[?&]([^=&#]+)=", address)
        return without_key(address, names, "an address")

    @field_validator("extra_headers")
    @classmethod
    def _headerswithout_key(cls, headers: dict[str, str]) -> dict[str, str]:
        looks = any(looks_like_a_key(word) for value in headers.values() for word in value.split())
        return without_key(headers, ["key"] if looks else list(headers), "a header")

    @field_validator("extra_body")
    @classmethod
    def _bodywithout_key(cls, body: dict[str, Any]) -> dict[str, Any]:
        return without_key(body, names_in(body), "a parameter")

    @field_validator("revision")
    @classmethod
    def _is_a_revision(cls, revision: str) -> str:
        if revision and (not re.fullmatch(r"[\w./-]{1,100}", revision) or ".." in revision):
            raise ValueError("a revision is a branch, a tag or a commit, of letters, digits, `.`, `_`, `/` and `-`")
        return revision

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        # The message must not repeat it: it is likely to be a key.
        if not VARIABLE_NAME.fullmatch(name) or looks_like_a_key(name):
            raise ValueError(
                "it is the name of an environment variable, such as OPENAI_API_KEY, and never the key itself; "
                "what is given is not one. If it is a key, do not keep it here"
            )
        return name


class TokenPrices(Settings):
    """What a model's tokens cost. Prices left out are looked up (remote) or follow from `machine_hour` (local)."""

    input_per_million: float | None = Field(None, ge=0, description="price of a million prompt tokens")
    output_per_million: float | None = Field(None, ge=0, description="price of a million answer tokens")
    cached_per_million: float | None = Field(
        default=None, ge=0, description="price of a million prompt tokens that the endpoint had read before"
    )


class FieldPrice(Settings):
    """What a wrong value of a field costs; one number stands for all three."""

    misread: float = Field(0.0, ge=0, description="another value than the right one")
    missed: float = Field(0.0, ge=0, description="no value, where there is one")
    invented: float = Field(0.0, ge=0, description="a value, where there is none")

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, given: Any) -> Any:
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        return dict.fromkeys(("misread", "missed", "invented"), given) if is_number else given


class Prices(TokenPrices):
    """What things cost."""

    currency: str = "USD"
    machine_hour: float = Field(0.10, ge=0, description="one hour of the machine that runs or trains a local model")
    label: float = Field(0.25, ge=0, description="one hand-labelled example")
    error: float = Field(0.0, ge=0, description="what one wrong answer costs the business")
    fields: dict[str, FieldPrice] = Field(
        default={}, description="what a wrong field costs, by its name; then `error` is the price of each of the others"
    )
    handover: float | None = Field(default=None, ge=0, description="what one question costs that a person answers instead")

    @property
    def count_errors(self) -> bool:
        """Whether an error costs anything."""
        fields = (price for field in self.fields.values() for price in (field.misread, field.missed, field.invented))
        return self.error > 0 or any(price > 0 for price in fields)


class FurtherModel(ModelSettings):
    """A further model of the same study, with the prices of its own tokens."""

    prices: TokenPrices = Field(
        default=TokenPrices(input_per_million=None, output_per_million=None), description="of this model's tokens, as in `prices`"
    )


def model_labels(models: Sequence[ModelSettings]) -> tuple[str, ...]:
    """What a study calls its models: by name, with the address or a number behind it where two names are equal; a single one is
    not named.
    """
    if len(models) == 1:
        return ("",)
    labels: list[str] = []
    for model in models:
        numbered = (f"{model.name} {number}" for number in range(2, len(models) + 1))
        choices = [model.name, *([f"{model.name} at {model.address}"] if model.address else []), *numbered]
        labels.append(next(label for label in choices if label not in labels))
    return tuple(labels)


class Limits(Settings):
    """How many of something a text may have."""

    at_least: int | None = Field(None, ge=1, description="the fewest")
    at_most: int | None = Field(None, ge=1, description="the most")

    @model_validator(mode="after")
    def _in_order(self) -> Limits:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give `at_least` or `at_most`, or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"`at_least` {self.at_least} is more than `at_most` {self.at_most}")
        return self


class MarkSettings(Settings):
    """What people mark next to their answer on an image, a video or a text, or link between a text and an image."""

    form: Literal["image", "video", "links", "relations"] = Field(
        "image",
        description="boxes, polygons and points on an image; segments and boxes on a video; phrases linked to regions; phrases of "
        "a text and relations between them",
    )
    column: str = Field(
        min_length=1, description="column with the image, with the video or the folder of its frames, or with the text of relations"
    )
    labels: tuple[str, ...] = Field(min_length=1, description="what marks are called, in the order of their number keys")
    text: str = Field("", description="column with the text whose phrases are linked; only for `links`")
    relations: tuple[str, ...] = Field((), description="what relations between phrases are called; only for `relations`")
    rate: float = Field(25.0, gt=0, le=1000, description="frames per second of the video")

    @model_validator(mode="after")
    def _fits(self) -> MarkSettings:
        if (self.form == "links") != bool(self.text):
            raise ValueError("`text` names the column whose phrases are linked: `form: links` needs it, and no other form has it")
        if (self.form == "relations") != bool(self.relations):
            raise ValueError("`relations` names what stands between phrases: `form: relations` needs it, and no other form has it")
        for names in (self.labels, self.relations):
            if len(set(names)) < len(names) or not all(name.strip() and len(name) <= 200 for name in names):
                raise ValueError("`labels` and `relations` are different texts of 1 to 200 characters")
        return self

    @property
    def draws(self) -> bool:
        """Whether shapes are drawn on a column of images."""
        return self.form in ("image", "links")

    @property
    def takes_phrases(self) -> bool:
        """Whether phrases of a text are marked."""
        return self.form in ("links", "relations")

    def check(self, asked: Sequence[str], images: Sequence[str]) -> None:
        """Refuse columns that are not shown, or that hold something else.

        Args:
            asked: columns that the task's input reads.
            images: those of them that hold images.

        Raises:
            ValueError: what is given, and what is accepted.
        """
        if missing := [name for name in (self.column, self.text) if name and name not in asked]:
            raise ValueError(f"`marks` names {missing[0]!r}, which `input` does not read; write {{{{{missing[0]}}}}} there")
        if self.draws != (self.column in images):
            raise ValueError(
                "`marks.column` is a column of `data.images` where images are marked, and none of these for a video or a text"
            )


class Requirements(Settings):
    """What every answer must keep to, checked without a model. An answer that breaks one is wrong, however good it is otherwise."""

    contains: tuple[str, ...] = Field((), description="texts that must be in the answer; {{column}} is what the row holds there")
    lacks: tuple[str, ...] = Field((), description="texts that must not be in it")
    words: Limits | None = Field(None, description="how many words it may have")
    sentences: Limits | None = Field(None, description="how many sentences")
    characters: Limits | None = Field(None, description="how many characters")
    valid_json: bool = Field(False, description="it must be a JSON object or list")
    cites: bool = Field(False, description="it must cite with [1] what it was given to read, and nothing else")
    numbers_from: tuple[str, ...] = Field(
        (), description="columns in which every number of the answer must stand; passages that were found count as well"
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Requirements:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError(f"`requirements` requires nothing; it may hold {', '.join(type(self).model_fields)}")
        if "" in (*map(str.strip, (*self.contains, *self.lacks)),):
            raise ValueError("an empty text is in every answer; take it out")
        return self

    @model_validator(mode="after")
    def _can_be_kept(self) -> Requirements:
        """Refuse what no answer can keep: a sentence has a word at least, and a word a character."""
        for text in self.contains:
            for lacked in self.lacks:
                if _inside(lacked, text):
                    raise ValueError(f"`contains` asks for {text!r} and `lacks` forbids {lacked!r}, so no answer keeps both")
        for few, many in (("sentences", "words"), ("sentences", "characters"), ("words", "characters")):
            least, most = getattr(self, few), getattr(self, many)
            if least and most and most.at_most is not None and (least.at_least or 0) > most.at_most:
                raise ValueError(
                    f"{least.at_least} {few} or more cannot be written in {most.at_most} {many} or fewer, so no answer keeps both"
                )
        return self


def _inside(part: str, whole: str) -> bool:
    """Whether a text that holds `whole` holds `part` as well, whatever its case and punctuation."""
    words, others = (re.findall(r"\w+", text.casefold()) for text in (part, whole))
    if "{{" in part or not words:
        return " ".join(part.split()) in " ".join(whole.split())
    return any(words == others[start : start + len(words)] for start in range(len(others) - len(words) + 1))


class KnownFacts(Settings):
    """What you know about the task before anything is measured, for `tailor advise`. All of it may be left out.

    What is elsewhere in ``tailor.yaml`` (target, prices, volume) or in the data is read there.
    """

    answers_in_documents: bool | None = Field(default=None, description="the answers are in documents; otherwise it is a skill")
    documents_pages: float | None = Field(default=None, ge=0, description="pages of 500 words, where `documents` is not named yet")
    documents_change: Literal["never", "yearly", "monthly", "weekly", "daily"] | None = None
    proprietary: bool | None = Field(default=None, description="the knowledge needed is yours alone, not public")
    sources_required: bool | None = Field(default=None, description="an answer must name the place it comes from")
    labels: int | None = Field(
        default=None, ge=0, description="labelled examples that you have, if the data hold only some of them"
    )
    rarest_label: int | None = Field(default=None, ge=0, description="examples of the rarest label, likewise")
    learnability: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="of what guessing gets wrong, the share that a simple classifier gets right; measured on the data"
    )
    obtainable_labels: int | None = Field(default=None, ge=0, description="further examples that you could have labelled")
    domain_language: bool | None = Field(default=None, description="the texts use specialist language, such as a trade's")
    every_time: bool | None = Field(default=None, description="it must be equally good every time, not only on average")
    stakes: Literal["low", "medium", "high"] | None = Field(default=None, description="what a wrong answer can do")
    stage: Literal["prototype", "production"] | None = None
    requirements_change: Literal["rarely", "sometimes", "often"] | None = None
    users_differ: bool | None = Field(default=None, description="different users need different behaviour")
    latency_seconds: float | None = Field(default=None, gt=0, description="longest time that an answer may take")
    runs_on: Literal["here", "own", "anywhere"] | None = Field(
        default=None, description="where it may run: this machine, servers of your own, any provider"
    )


class Search(Settings):
    """How documents are searched."""

    filter: str = Field(
        "",
        description="which documents a row may read, by their metadata, such as `tier == {{customer_tier}}`; checked before search",
    )

    rerank: tuple[str, ...] = Field(
        (), description="what may put passages into another order: `model`, or cross-encoders by folder or Hub name; each is tried"
    )
    queries: tuple[Literal["hyde", "several"], ...] = Field(
        (), description="what else may be searched for: a passage that the model writes, other wordings; each is tried"
    )

    @field_validator("filter")
    @classmethod
    def _can_be_read(cls, filter: str) -> str:
        access(filter)
        return filter


class Tuning(Settings):
    """How fine-tuning is done. Defaults follow what was measured in docs/log.md."""

    epochs: int = Field(3, ge=1, le=50)
    rank: int = Field(16, ge=1, le=256)
    learning_rate: float | None = Field(None, gt=0, description="1e-3 for LoRA and 5e-5 for full, unless given")
    layers: int = Field(0, ge=0, description="LoRA on the feed-forward parts of this many layers from the top; 0 for all")
    batch_rows: int = Field(8, ge=1)
    max_rows: int | None = Field(None, ge=1)
    seed: int = 0
    forgetting: Literal["say", "exclude", "skip"] = Field(
        "say", description="what a tuned finalist lost elsewhere: said, or one that is shown to have lost something cannot win"
    )
    replay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.2, description="share of general rows, which the model answers itself before it is tuned, with `lora-replay`"
    )


class Traffic(Settings):
    """What is kept of the requests that a served system answers, so that they can be watched."""

    share: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="share of the requests that are kept")
    audit: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="share of the requests that is drawn for the audit: each of them is to be found right or wrong"
    )
    texts: bool = Field(True, description="whether questions and answers are kept; without them, only figures such as lengths")
    days: int = Field(90, ge=1, description="how long texts are kept; figures stay")
