"""A study as it is kept: what it shares with others, or has many times, is kept once and referred to.

A run of a study holds the rows that were asked, the system and its answers. The rows are in the study's splits, and so do
those that a prompt shows; a system has several runs, and the answers were saved before they were scored. What a packed study
refers to cannot change under it: parts are named by their content, answers are sealed, and a digest of the whole record tells
whether all of it came back as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tailor.data.example import answer_key
from tailor.store.database import dump, seal
from tailor.system import fingerprint_of

Json = dict[str, Any]
Saved = Callable[[str, Sequence[str]], Mapping[str, Json]]
"""The saved answers of a system, by its fingerprint and the keys of the examples."""

_SPLITS = ("train", "dev", "test", "reserve")
_PART = "part"
_ASKING = ("fields", "media")
"""What of a row, or of a worked example, is asked."""


def pack(record: Mapping[str, Any], saved: Saved) -> tuple[Json, dict[str, str]]:
    """The record with references, and the parts that it refers to by name: digest -> text.

    Args:
        record: a study, as JSON; anything in it that is not known here stays as it is.
        saved: where answers are looked up; those that are not there stay in the record.
    """
    packer = _Packer(saved)
    study = dict(record)
    if "splits" in study:
        study["splits"] = packer.splits(study["splits"])
    if "steps" in study:
        study["steps"] = [step | {"run": packer.run(step["run"])} if step["run"] else step for step in study["steps"]]
    if "tests" in study:
        study["tests"] = [packer.run(run) for run in study["tests"]]
    packed = {"study": study, "systems": packer.systems, "whole": _digest(record)}
    return packed, packer.parts


def unpack(packed: Mapping[str, Any], part: Callable[[str], Any], saved: Saved) -> Json | None:
    """The record that was packed; None where something that it refers to is gone or is not what it was.

    Args:
        packed: what `pack` gave; a record that refers to nothing, as older versions kept it, is given as it is.
        part: the part of this name, as JSON; None where there is none that is whole.
        saved: as for `pack`.
    """
    if "whole" not in packed:
        return dict(packed)
    try:
        record = _unpacked(packed, part, saved)
    except KeyError:
        return None
    return record if _digest(record) == packed["whole"] else None


def parts_of(packed: Mapping[str, Any]) -> set[str]:
    """Names of the parts that a packed study refers to."""
    if "whole" not in packed:
        return set()
    named = [packed["study"].get("splits"), *(system["prompt"]["shots"] for system in packed["systems"])]
    return {value[_PART] for value in named if isinstance(value, dict)}


class _Packer:
    def __init__(self, saved: Saved) -> None:
        self.saved = saved
        self.parts: dict[str, str] = {}
        self.systems: list[Json] = []
        self._fingerprints: list[str] = []  # of the systems, as their answers are saved
        self._numbers: dict[str, int] = {}  # text of a system -> its place in `systems`
        self._places: dict[str, int] = {}  # text of a row -> its place in the splits
        self._asked: dict[str, int] = {}  # text of what a row asks -> the first place in the splits where it stands

    def splits(self, splits: Json) -> Json:
        rows = [row for name in _SPLITS for row in splits[name]]
        self._places = {dump(row): place for place, row in enumerate(rows)}
        self._asked = {dump(_asking(row)): place for place, row in reversed(list(enumerate(rows)))}
        return self._part(splits | {name: _columns(splits[name]) for name in _SPLITS})

    def run(self, run: Json) -> Json:
        number = self._system(run["system"])
        answers = [self._answer(*both) for both in self._with_saved(run, self._fingerprints[number])]
        return run | {
            "system": number,
            "examples": [self._places.get(dump(row), row) for row in run["examples"]],
            "answers": _columns(answers),
            "scores": _columns(run["scores"]),
        }

    def _with_saved(self, run: Json, system: str) -> Iterator[tuple[Json, str, Json | None]]:
        """Each answer, the id of its row, and what is saved of it."""
        found = self.saved(system, _keys(run["examples"]))
        for answer, row in zip(run["answers"], run["examples"], strict=True):
            yield answer, row["id"], found.get(answer_key(row["fields"], row["occurrence"]))

    @staticmethod
    def _answer(answer: Json, example: str, saved: Json | None) -> Json:
        """What of an answer is not saved, or saved otherwise; the answer itself where that is all of it."""
        if saved is None or saved.keys() != answer.keys():
            return {"whole": answer}
        saved = saved | {"example": example}
        return {"but": {name: value for name, value in answer.items() if not _same(value, saved[name])}}

    def _system(self, system: Json) -> int:
        text = dump(system)
        if text not in self._numbers:
            self._numbers[text] = len(self.systems)
            self._fingerprints.append(_asked(system))
            prompt = system["prompt"]
            shots: Any = [self._shot(shot) for shot in prompt["shots"]]
            if prompt["nearest"]:  # they are chosen out of all training rows, which many systems do
                shots = self._part(_columns(shots))
            self.systems.append(system | {"prompt": prompt | {"shots": shots}})
        return self._numbers[text]

    def _shot(self, shot: Json) -> Json:
        """A worked example, by the place of its row."""
        place = self._asked.get(dump(_asking(shot))) if "fields" in shot else None
        return shot if place is None else {"row": place} | {name: shot[name] for name in shot if name not in _ASKING}

    def _part(self, value: Any) -> Json:
        text = dump(value)
        name = seal(_PART, text)
        self.parts[name] = text
        return {_PART: name}


def _unpacked(packed: Mapping[str, Any], part: Callable[[str], Any], saved: Saved) -> Json:
    """The record; what it refers to must be there.

    Raises:
        KeyError: it is not.
    """

    def given(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if (found := part(value[_PART])) is None:
            raise KeyError(value[_PART])
        return found

    study: Json = dict(packed["study"])
    rows: list[Json] = []
    if "splits" in study:
        splits = given(study["splits"])
        study["splits"] = splits | {name: _rows(splits[name]) for name in _SPLITS}
        rows = [row for name in _SPLITS for row in study["splits"][name]]

    def shot(kept: Json) -> Json:
        if "row" not in kept:
            return kept
        return _asking(rows[kept["row"]]) | {name: kept[name] for name in kept if name != "row"}

    def shown(system: Json) -> Json:
        shots = [shot(kept) for kept in _rows(given(system["prompt"]["shots"]))]
        return system | {"prompt": system["prompt"] | {"shots": shots}}

    systems = [shown(system) for system in packed["systems"]]
    fingerprints = [_asked(system) for system in systems]

    def run(kept: Json) -> Json:
        examples = [rows[row] if isinstance(row, int) else row for row in kept["examples"]]
        found = saved(fingerprints[kept["system"]], _keys(examples))
        answers = [
            answer["whole"]
            if "whole" in answer
            else found[answer_key(row["fields"], row["occurrence"])] | {"example": row["id"]} | answer["but"]
            for answer, row in zip(_rows(kept["answers"]), examples, strict=True)
        ]
        return kept | {"system": systems[kept["system"]], "examples": examples, "answers": answers, "scores": _rows(kept["scores"])}

    if "steps" in study:
        study["steps"] = [step | {"run": run(step["run"])} if step["run"] else step for step in study["steps"]]
    if "tests" in study:
        study["tests"] = [run(kept) for kept in study["tests"]]
    return study


def _asked(system: Json) -> str:
    """The fingerprint that the answers were saved under: a prior is taken off what was saved without it."""
    return fingerprint_of(system | {"decoding": system["decoding"] | {"prior": []}})


def _keys(examples: Sequence[Json]) -> list[str]:
    """The keys of the examples that the answers were saved under."""
    return [answer_key(row["fields"], row["occurrence"]) for row in examples]


def _asking(row: Json) -> Json:
    """What of a row is asked, as a worked example has it."""
    return {name: row[name] for name in _ASKING if row.get(name) or name == "fields"}


def _columns(rows: Sequence[Json]) -> Json | list[Json]:
    """Records with the same names as columns, so that no name is written for each; one value where all are the same."""
    names = list(rows[0]) if rows else []
    if not names or any(row.keys() != rows[0].keys() for row in rows):
        return list(rows)
    columns: dict[str, Json] = {}
    for name in names:
        column = [row[name] for row in rows]
        columns[name] = {"all": column[0]} if all(_same(value, column[0]) for value in column) else {"each": column}
    return {"rows": len(rows), "columns": columns}


def _rows(columns: Json | Sequence[Json]) -> list[Json]:
    """What `_columns` was given."""
    if not isinstance(columns, dict):
        return list(columns)
    number = columns["rows"]
    each = {name: column["each"] if "each" in column else [column["all"]] * number for name, column in columns["columns"].items()}
    return [{name: values[place] for name, values in each.items()} for place in range(number)]


def _same(one: object, other: object) -> bool:
    """Whether both are written alike; most values are texts, which need not be written to be told apart."""
    return one == other if isinstance(one, str) and isinstance(other, str) else dump(one) == dump(other)


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(dump(record).encode("ascii")).hexdigest()
