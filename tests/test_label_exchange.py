"""Labels of other tools as judgements of a project's rows, and judgements as labels for other tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailor.data.example import Example
from tailor.labelling.exchange import judgements_of, labels_of
from tailor.labelling.formats.door import read_labels, write_labels
from tailor.labelling.judgement import Judgement, checked, standing
from tailor.labelling.judgements import Judgements
from tailor.labelling.marks import Answer, Box, Item, Labels, Layer, Link, Region, Segment, Span, Track
from tailor.labelling.regionjson import checked_marks, region_json, region_of
from tailor.task import DataFiles, Task


def task(kind: str, **more: object) -> Task:
    output = {"classify": "team", "tags": "topics", "extract": "entities"}[kind]
    given = {
        "name": "t",
        "kind": kind,
        "instruction": "Answer.",
        "input": "{{text}}",
        "output": output,
        "data": DataFiles(file="a.csv"),
    }
    return Task.model_validate({**given, **more})


def rows(*texts: str) -> list[Example]:
    return [Example(str(number), {"text": text}, ()) for number, text in enumerate(texts, start=1)]


def answered(who: str, value: object, role: str = "label", **more: object) -> Layer:
    made = Layer(who, "adjudicated" if role == "adjudicated" else "gold" if role == "gold" else "label", (Answer("team", value),))
    return made if not more else Layer(made.annotator, made.role, made.marks, **more)  # type: ignore[arg-type]


def test_each_annotator_s_layer_becomes_a_judgement_under_their_name() -> None:
    items = (
        Item("9", {"text": "There is a hole in the road"}, (answered("anna", "roads"), answered("ben", "water", seconds=3.5))),
        Item("8", {"text": "My bin was not emptied"}, (answered("", "waste", "adjudicated"), Layer("ben", skipped="unclear"))),
        Item("7", {"text": "Something else"}, (answered("anna", "roads"),)),
    )
    given = rows("My bin was not emptied", "There is a hole in the road")
    taken = judgements_of(task("classify"), given, Labels(items, (), "labelstudio"))
    told = [(one.annotator, one.values, one.skipped, one.role, one.seconds, one.source) for one in taken.judgements]
    assert told == [
        ("anna", {"label": "roads"}, "", "label", None, "labelstudio"),
        ("ben", {"label": "water"}, "", "label", 3.5, "labelstudio"),
        ("unnamed", {"label": "waste"}, "", "adjudicated", None, "labelstudio"),
        ("ben", {}, "unclear", "label", None, "labelstudio"),
    ]
    assert len({one.row for one in taken.judgements}) == 2 == len(taken.rows)
    assert [finding.what for finding in taken.findings] == ["Left out: 1 items that are no rows of this project."]
    assert [checked(one) for one in taken.judgements] == list(taken.judgements)


def test_a_phrase_that_ends_behind_the_text_is_left_out_and_told() -> None:
    text = "Mary Hart knows Jo"
    inside = Region("r1", Span(0, 9, "Mary Hart"), ("person",), on="text")
    behind = Region("r2", Span(16, 19, "Joe"), ("person",), on="text")
    layer = Layer("anna", "label", (inside, behind, Link("r1", "r2", ("knows",)), Link("r1", "r1", ("is",))))
    about = {"marks": {"form": "relations", "column": "text", "labels": ["person"], "relations": ["knows", "is"]}}
    taken = judgements_of(task("classify", **about), rows(text), Labels((Item("9", {"text": text}, (layer,)),), (), "labelstudio"))
    (said,) = taken.judgements
    assert [region["id"] for region in said.values["regions"]] == ["r1"] and len(said.values["links"]) == 1
    (told,) = taken.findings
    assert told.what == "Left out: 1 phrases that end behind the text; 1 links of such phrases."


def test_the_same_file_read_twice_adds_nothing_the_second_time(tmp_path: Path) -> None:
    items = (Item("1", {"text": "There is a hole"}, (answered("anna", "roads"), answered("ben", "water"))),)
    taken = judgements_of(task("classify"), rows("There is a hole"), Labels(items))
    with Judgements(tmp_path) as kept:
        kept.append(*taken.judgements, rows=taken.rows)
        kept.append(*taken.judgements, rows=taken.rows)
        assert len(kept.all()) == 2 == len(kept.standing())


def test_what_a_model_predicted_and_what_was_rejected_are_no_judgements() -> None:
    layers = (answered("anna", "roads", rejected=True), Layer("m1", "prediction", (Answer("team", "roads"),)), Layer("ben"))
    taken = judgements_of(task("classify"), rows("There is a hole"), Labels((Item("1", {"text": "There is a hole"}, layers),)))
    assert not taken.judgements
    (finding,) = taken.findings
    for what in ("1 predictions of models", "1 rejected suggestions", "1 layers that say nothing"):
        assert what in finding.what


def test_a_set_of_labels_and_marked_entities_take_the_form_that_the_kind_has() -> None:
    given = rows("Acme paid Bob")
    layer = Layer("anna", marks=(Answer("topics", ["money", "people"]), Answer("mood", "good")))
    (tags,) = judgements_of(task("tags"), given, Labels((Item("1", {"text": "Acme paid Bob"}, (layer,)),))).judgements
    assert tags.values == {"label": ["money", "people"], "mood": "good"}
    spans = (Region("r1", Span(0, 4, "Acme"), ("ORG",), "text"), Region("r2", Span(10, 13, "Bob"), ("PER",), "text"))
    linked = Layer("anna", marks=(*spans, Link("r1", "r2", ("pays",))))
    fields = {"entities": "span"}
    (found,) = judgements_of(
        task("extract", fields=fields), given, Labels((Item("1", {"text": "Acme paid Bob"}, (linked,)),))
    ).judgements
    assert [mark["text"] for mark in found.values["regions"]] == ["Acme", "Bob"]
    assert found.values["links"] == [{"from": "r1", "to": ["r2"], "state": "located", "label": "pays"}]
    entities = found.values["label"]["entities"]
    assert [(one["type"] if "type" in one else one["label"]) for one in entities] == ["ORG", "PER"]


def test_labels_of_a_project_come_back_from_a_file_of_label_studio(tmp_path: Path) -> None:
    given = [Example("a", {"text": "There is a hole"}, ("roads",)), Example("b", {"text": "No bin"}, ())]
    what = task("classify", labels=["roads", "waste"])
    first = Labels((Item("b", {"text": "No bin"}, (answered("anna", "waste"), Layer("ben", skipped="dark"))),))
    taken = judgements_of(what, given, first)
    names = [judgement_row(what, one) for one in given]
    out = labels_of(what, given, names, standing(taken.judgements), tmp_path)
    assert [[layer.role for layer in item.layers] for item in out.items] == [["adjudicated"], ["label", "label"]]
    written = write_labels(out, "labelstudio")
    assert not written.findings
    (tmp_path / "tasks.json").write_bytes(written.files["labelstudio.json"])
    again = judgements_of(what, given, read_labels(tmp_path / "tasks.json"))
    assert [(one.annotator, one.values, one.skipped, one.role) for one in again.judgements] == [
        ("unnamed", {"label": "roads"}, "", "adjudicated"),
        ("anna", {"label": "waste"}, "", "label"),
        ("ben", {}, "dark", "label"),
    ]


def judgement_row(what: Task, example: Example) -> str:
    item = Item(example.id, example.fields, (answered("x", "roads"),))
    return judgements_of(what, [example], Labels((item,))).judgements[0].row


@pytest.mark.parametrize(
    "region",
    [
        Region("a", Box(1.5, 2.0, 3.0, 4.0, 30.0), ("dent",), "image"),
        Region("a", Span(2, 6, "Acme"), ("ORG",), "text", score=0.5),
        Region("a", Segment(3.0, 50.0), ("open",), "video", "timeline"),
    ],
)
def test_regions_come_back_from_json(region: Region) -> None:
    assert region_of(json.loads(json.dumps(region_json(region)))) == region


def test_a_track_comes_back_from_json() -> None:
    frames = [
        {"frame": 4, "form": "box", "x": 1, "y": 1, "width": 2, "height": 2},
        {"frame": 0, "form": "box", "x": 0, "y": 0, "width": 2, "height": 2, "goes_on": True},
    ]
    region = region_of({"id": "t", "form": "track", "labels": ["person"], "on": "video", "frames": frames})
    assert isinstance(region.shape, Track) and region.shape.at(2) == Box(0.5, 0.5, 2, 2)
    assert region_of(region_json(region)) == region


PHRASE = {"id": "p", "form": "span", "start": 0, "end": 3}
BAD = [
    ({"regions": [{"id": "a", "form": "box", "x": 0, "y": 0, "width": 0, "height": 1}]}, "a box of 0 by 1"),
    ({"regions": [{"id": "a", "form": "box", "x": float("nan"), "y": 0, "width": 1, "height": 1}]}, "no number"),
    ({"regions": [{"id": "", "form": "point", "x": 0, "y": 0}]}, "has none"),
    ({"regions": [{"id": "a", "form": "point", "x": 0, "y": 0}] * 2}, "share an id"),
    ({"regions": [{"id": "a", "form": "polygon", "points": [[0, 0], [1, 1]]}]}, "a polygon of 2 points"),
    ({"regions": [{"id": "a", "form": "<svg>"}]}, "the form '<svg>'"),
    ({"regions": {}}, "is no list"),
    ({"regions": [{**PHRASE, "end": 0}]}, "a span from 0 to 0"),
    ({"regions": [], "links": [{"from": "p", "to": [], "state": "absent"}]}, "is not there"),
    ({"regions": [PHRASE], "links": [{"from": "p", "to": [], "state": "located"}]}, "names what it is"),
    ({"regions": [PHRASE], "links": [{"from": "p", "to": [], "state": "perhaps"}]}, "none of the states"),
]


@pytest.mark.parametrize(("sent", "why"), BAD)
def test_marks_that_cannot_be_kept_are_refused_with_the_reason(sent: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        checked_marks(sent)


def test_a_phrase_is_located_absent_or_unanswered() -> None:
    phrases = [
        {"id": f"p{number}", "form": "span", "start": number, "end": number + 1, "labels": ["phrase"], "on": "text"}
        for number in range(3)
    ]
    box = {"id": "b", "form": "box", "x": 0, "y": 0, "width": 1, "height": 1, "labels": ["car"], "on": "image"}
    links = [
        {"from": "p0", "to": ["b"], "state": "located"},
        {"from": "p1", "to": [], "state": "absent"},
        {"from": "p2", "to": [], "state": "unanswered"},
    ]
    kept = checked_marks({"regions": [*phrases, box], "links": links, "onload": "alert(1)"})
    assert set(kept) == {"regions", "links"} and [one["state"] for one in kept["links"]] == ["located", "absent", "unanswered"]
    said = Judgement("k", "r", "anna", kept)
    labels = labels_of(task("classify"), [Example("1", {"text": "abc"}, ())], ["r"], [said], Path())
    assert [(link.source, link.target) for link in labels.items[0].layers[0].links] == [("p0", "b")]
