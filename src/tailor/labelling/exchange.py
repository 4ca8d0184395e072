"""Judgements out of labels of other tools, and labels for other tools out of judgements."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from tailor.data.example import Example
from tailor.data.finding import Finding
from tailor.data.identity import Identity, Known, identity, value_hashes
from tailor.files import real_path
from tailor.kinds.base import Unreadable, kind_of
from tailor.labelling.formats.base import Source
from tailor.labelling.judgement import LABEL, Judgement, Values, row_id
from tailor.labelling.marks import RATE, Answer, Item, Labels, Layer, Mark, Region, Size, Span, in_unit
from tailor.labelling.regionjson import LINKS, REGIONS, link_json, links_of, region_json, region_of
from tailor.task import VARIABLE, Task

SOURCE = "import"
UNNAMED = "unnamed"
"""Who labelled, where a file does not say."""
_ROLES = ("label", "adjudicated", "gold")


@dataclass(frozen=True)
class Taken:
    """What was read out of labels.

    Attributes:
        judgements: in the order of the file.
        rows: what the labelled rows are known again by.
        findings: what could not be taken, by name and count.
    """

    judgements: tuple[Judgement, ...]
    rows: tuple[Identity, ...]
    findings: tuple[Finding, ...]


def judgements_of(task: Task, rows: Sequence[Example], labels: Labels) -> Taken:
    """The judgements that labels hold of a project's rows.

    Items are found among the rows by what they ask; by the name of their image; by their id, where the data have ids. Each layer
    becomes one judgement of its annotator. The same file read again gives the same judgements, so that none is counted twice.

    Args:
        task: names the columns, and says what a right answer is.
        rows: of the project, labelled or not.
        labels: what was read.
    """
    found, lost = _Rows(task, rows), Counter[str]()
    made, known = list[Judgement](), dict[str, Identity]()
    for item in labels.items:
        place = found.place(item)
        if place is None:
            lost["items that are no rows of this project"] += 1
            continue
        example, row = rows[place], found.identities[place]
        for number, layer in enumerate(item.layers):
            judgement = _judgement(task, example, row_id(row), item, layer, number, labels.format, lost)
            if judgement is not None:
                made.append(judgement)
                known[judgement.row] = row
    told = "; ".join(f"{count:,} {what}" for what, count in lost.items() if count)
    findings = (*labels.findings, *([Finding("warning", f"Left out: {told}.")] if told else []))
    return Taken(tuple(made), tuple(known.values()), findings)


class _Rows:
    """Rows, to find items of other tools among them."""

    def __init__(self, task: Task, rows: Sequence[Example]) -> None:
        self.identities = [identity(VARIABLE.findall(task.input), row) for row in rows]
        self._known = Known(self.identities)
        self._ids = {row.id: place for place, row in enumerate(rows)} if task.data.id else {}
        self._media: dict[str, int] = {}
        for place, row in enumerate(rows):
            for part in row.media.values():
                self._media[part.path] = self._media[PurePosixPath(part.path).name] = place

    def place(self, item: Item) -> int | None:
        """The place of the row that an item is; None where it is none."""
        for value in item.fields.values():
            if isinstance(value, str) and (found := self._media.get(value, self._media.get(PurePosixPath(value).name))) is not None:
                return found
        hashes = value_hashes(str(value) for value in item.fields.values() if isinstance(value, str | int | float))
        if hashes:
            asked = Identity(hashes, hashes, characters=sum(len(str(value)) for value in item.fields.values()))
            if (place := self._known.find(asked)) is not None:
                return place
        return self._ids.get(item.id)


def _judgement(
    task: Task, example: Example, row: str, item: Item, layer: Layer, number: int, source: str, lost: Counter[str]
) -> Judgement | None:
    """One layer as a judgement; None, and counted, where it says nothing that can be kept."""
    if layer.role == "prediction":
        lost["predictions of models"] += 1
        return None
    if layer.rejected:
        lost["rejected suggestions, which say only what is wrong"] += 1
        return None
    values = {} if layer.skipped else _values(task, example, item, layer, lost)
    if not values and not layer.skipped:
        lost["layers that say nothing"] += 1
        return None
    said = Judgement(
        key="",
        row=row,
        annotator=layer.annotator.strip() or UNNAMED,
        values=values,
        at=layer.at,
        seconds=layer.seconds,
        skipped=layer.skipped,
        role=layer.role if layer.role in _ROLES else "label",
        source=source or SOURCE,
        extra={key: value for key, value in layer.extra.items() if key != "_"},
    )
    telling = json.dumps([row, item.id, number, said.annotator, said.role, values, layer.skipped], sort_keys=True, default=str)
    return replace(said, key=f"{SOURCE}-{hashlib.sha256(telling.encode()).hexdigest()[:32]}")


def _values(task: Task, example: Example, item: Item, layer: Layer, lost: Counter[str]) -> Values:
    """What a layer says, by name: the right answer of the row is "label"; regions, links and answers to other questions follow."""
    values: dict[str, Any] = {}
    placed = [_in_row(region, item, example) for region in layer.regions]
    regions = [region for region in placed if not _is_behind(region, example)]
    gone = {region.id for region in placed} - {region.id for region in regions}
    links = [link for link in layer.links if gone.isdisjoint((link.source, link.target))]
    lost["phrases that end behind the text"] += len(placed) - len(regions)
    lost["links of such phrases"] += len(layer.links) - len(links)
    if regions:
        values[REGIONS] = [region_json(region) for region in regions]
    if links:
        values[LINKS] = [link_json(link) for link in links]
    questions = list(dict.fromkeys(answer.by for answer in layer.answers))
    main = next((name for name in (task.output, LABEL) if name in questions), questions[0] if len(questions) == 1 else "")
    for name in questions:
        said = [value for answer in layer.answers if answer.by == name for value in _listed(answer.value)]
        if name == main:
            values |= _right(task, said, lost)
        else:
            values[name] = said[0] if len(said) == 1 else said
    spans = [region for region in regions if isinstance(region.shape, Span)]
    if spans and not main:
        values |= _right(task, [json.dumps(mark, ensure_ascii=False) for region in spans for mark in _marks(region)], lost)
    return values


def _in_row(region: Region, item: Item, example: Example) -> Region:
    """The region as one of the row: in pixels, on the row's own column."""
    on = region.on
    if on not in example.fields:
        names = (
            example.media if not isinstance(region.shape, Span) else [name for name in example.fields if name not in example.media]
        )
        on = next(iter(names), on)
    try:
        return replace(in_unit(region, "pixel", item.size), on=on)
    except ValueError:
        return replace(region, on=on)


def _is_behind(region: Region, example: Example) -> bool:
    """Whether it is a phrase that the text is too short for: another version of it was labelled, or places count something else."""
    return isinstance(region.shape, Span) and region.shape.end > len(example.fields.get(region.on, ""))


def _marks(region: Region) -> Iterator[dict[str, Any]]:
    if isinstance(region.shape, Span):
        for label in region.labels:
            yield {"start": region.shape.start, "end": region.shape.end, "label": label, "text": region.shape.text}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _right(task: Task, said: Sequence[Any], lost: Counter[str]) -> dict[str, Any]:
    """The right answer as judgements hold it: a text, a list of labels, or an object; none where the kind takes none."""
    kind, texts = kind_of(task), [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in said]
    try:
        answers = kind.accepted(task, texts[0] if len(texts) == 1 and not kind.several else texts)
    except Unreadable as error:
        lost[f"answers that {error.holds}, but {error.but}"] += 1
        return {}
    if not answers or (len(answers) > 1 and kind.closed):
        lost["answers that are no right answer of this task"] += bool(texts)
        return {}
    answer = answers[0]
    if kind.several:
        return {LABEL: list(kind.labels_in(answer))}
    return {LABEL: json.loads(answer) if kind.parted else answer}


# Out


def labels_of(task: Task, rows: Sequence[Example], names: Sequence[str], judgements: Sequence[Judgement], folder: Path) -> Labels:
    """The labels of a project's rows, for other tools: a layer for each judgement, and the row's own answer as the settled one.

    Args:
        task: names the columns.
        rows: of the project.
        names: under which name each row was labelled (`Judgements.names`).
        judgements: those that count.
        folder: the project's, in which images lie; their sizes are read there.
    """
    by_row: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        if not judgement.about and (judgement.values or judgement.skipped):
            by_row.setdefault(judgement.row, []).append(judgement)
    items = []
    for example, name in zip(rows, names, strict=True):
        layers = [_layer(task, one) for one in by_row.get(name, ())]
        if example.answers and not any(layer.role == "adjudicated" for layer in layers):
            layers.append(Layer("", "adjudicated", tuple(_answered(task, _value(task, example.answers[0])))))
        fields = {name: example.media[name].path if name in example.media else value for name, value in example.fields.items()}
        items.append(
            Item(example.id, fields, tuple(layers), _size(task, example, folder), rate=task.marks.rate if task.marks else RATE)
        )
    return Labels(tuple(items), tuple(task.labels))


def _size(task: Task, example: Example, folder: Path) -> Size | None:
    """Width and height of a row's image, or of the frames of its video, where they are images."""
    marks = task.marks
    names = [part.path for name, part in example.media.items() if marks is None or name == marks.column]
    if marks is not None and marks.form == "video" and (inside := example.fields.get(marks.column, "").strip()):
        place = real_path(folder / inside)
        if place.is_dir() and place.is_relative_to(real_path(folder)):
            names = [f"{inside}/{one.name}" for one in sorted(place.iterdir())[:1]]
    return Source(folder, ()).image_size(names[0]) if names else None


def _value(task: Task, answer: str) -> Any:
    kind = kind_of(task)
    return list(kind.labels_in(answer)) if kind.several else json.loads(answer) if kind.parted else answer


def _layer(task: Task, judgement: Judgement) -> Layer:
    values = dict(judgement.values)
    regions = [region_of(one) for one in values.pop(REGIONS, ())]
    links = links_of(values.pop(LINKS, ()))
    marks: list[Mark] = [*regions, *links]
    told = values.pop(LABEL, None)
    entities = any(isinstance(region.shape, Span) for region in regions) and not (task.marks and task.marks.takes_phrases)
    if told is not None and not entities:  # entities are spans already
        marks += _answered(task, told)
    marks += [Answer(name, value, "choices" if isinstance(value, str | list) else "number") for name, value in values.items()]
    return Layer(
        annotator=judgement.annotator,
        role=judgement.role,
        marks=tuple(marks),
        skipped=judgement.skipped,
        at=judgement.at,
        seconds=judgement.seconds,
    )


def _answered(task: Task, value: Any) -> list[Mark]:
    """A right answer as an answer to the task's question; entities of one text as spans."""
    form = "choices" if kind_of(task).closed else "textarea"
    said = value if isinstance(value, str | list) else json.dumps(value, ensure_ascii=False)
    return [Answer(task.output, said, form)]
