"""Label Studio's tasks: ids, relations, predictions, places and sizes come back as they were."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from label_files import data, label_studio, label_studio_box, put, seen, through, written_task
from label_marks import SIZE, TEXT, of_texts

from tailor.labelling.formats.door import read_labels, recognised, write_labels
from tailor.labelling.marks import Box, Item, KeyFrame, Labels, Layer, Region, Span, Track


def test_every_real_export_of_label_studio_is_written_as_it_was_read() -> None:
    files = sorted(data("labelstudio_exports").glob("*/*.json"))
    read = 0
    for path in files:
        if (way := recognised(path)) is not None and way.name == "labelstudio":
            written = write_labels(read_labels(path), "labelstudio")
            assert json.loads(written.files["labelstudio.json"]) == json.loads(path.read_text()), path
            assert not written.findings
            read += 1
    assert read == 14


def test_label_studio_keeps_ids_relations_skips_predictions_and_unknown_fields(tmp_path: Path) -> None:
    span = {
        "id": "r1",
        "from_name": "ent",
        "to_name": "text",
        "type": "labels",
        "value": {"start": 0, "end": 4, "text": "Acme", "labels": ["ORG"]},
    }
    other = {"id": "r2", "from_name": "ent", "to_name": "text", "type": "labels", "value": {"start": 5, "end": 9, "labels": ["X"]}}
    flat = {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right", "labels": ["pays"]}
    split = [
        {"id": "q", "type": "rectangle", "value": {"x": 1, "y": 2, "width": 3, "height": 4}},
        {"id": "q", "type": "labels", "value": {"labels": ["a"]}},
    ]
    task = {
        "id": 5,
        "data": {"text": "Acme paid", "image": "car.jpg"},
        "annotations": [
            {
                "id": 11,
                "completed_by": 3,
                "was_cancelled": False,
                "ground_truth": False,
                "lead_time": 4.2,
                "result": [span, other, flat],
            },
            {
                "id": 12,
                "completed_by": {"email": "ben@example.org"},
                "was_cancelled": True,
                "result": [],
                "unheard_of": {"deep": [1]},
            },
            {"id": 13, "completed_by": 9, "ground_truth": True, "result": [span, *split]},
        ],
        "predictions": [{"model_version": "m1", "score": 0.91, "result": [span, label_studio_box(score=0.5)]}, 77],
        "unknown": [None],
    }
    labels = read_labels(put(tmp_path, {"tasks.json": json.dumps([task]).encode()}))
    assert written_task(labels) == [task]
    said = labels.items[0].layers
    assert [(one.annotator, one.role, bool(one.skipped)) for one in said[:3]] == [
        ("3", "label", False),
        ("ben@example.org", "label", True),
        ("9", "gold", False),
    ]
    assert said[0].links == [replace(said[0].links[0], source="r1", target="r2", labels=("pays",))]
    assert said[2].regions[1].labels == ("a",) and isinstance(said[2].regions[1].shape, Box)
    assert said[3].role == "prediction" and said[3].annotator == "m1" and said[3].regions[1].score == 0.5


def test_nested_relations_are_read_and_written_flat(tmp_path: Path) -> None:
    nested = [{"type": "relation", "from_id": "b1", "to_id": "b2", "direction": "left"}]
    labels = label_studio(tmp_path, label_studio_box(), label_studio_box(id="b2"), nested)
    assert len(labels.items[0].layers[0].links) == 1
    assert written_task(labels)[0]["annotations"][0]["result"][2] == nested[0]


def test_label_studio_to_coco_and_back_keeps_boxes_within_a_hundredth_of_a_pixel(tmp_path: Path) -> None:
    labels = read_labels(data("labelstudio_exports") / "test_export_yolo" / "data.json")
    back, _ = through(labels, "coco", tmp_path / "coco")
    again, _ = through(back, "labelstudio", tmp_path / "ls")
    first, second = (sorted((mark[-1] for mark in seen(held)), key=lambda box: (box.x, box.y)) for held in (labels, again))
    for one, other in zip(first, second, strict=True):
        for side in ("x", "y", "width", "height"):
            assert abs(getattr(one, side) - getattr(other, side)) < 0.01
    assert len(first) == 6


@pytest.mark.parametrize(("words", "units"), [("paid", (8, 12)), ("$40", (14, 17)), ("🎉", (5, 7)), ("Jörg", (21, 25))])
def test_places_in_a_text_are_utf_16_units_in_label_studio_and_characters_in_tailor(
    words: str, units: tuple[int, int], tmp_path: Path
) -> None:
    value = {"start": units[0], "end": units[1], "text": words, "labels": ["X"]}
    labels = label_studio(
        tmp_path, {"id": "r", "from_name": "e", "to_name": "text", "type": "labels", "value": value}, data={"text": TEXT}
    )
    (region,) = labels.items[0].layers[0].regions
    assert isinstance(region.shape, Span) and TEXT[region.shape.start : region.shape.end] == words
    assert written_task(labels)[0]["annotations"][0]["result"][0]["value"] == value
    assert not labels.findings


@given(labels=of_texts(linked=False))
@settings(max_examples=20, deadline=None)
def test_no_place_is_moved_by_emoji_on_the_way_through_label_studio(labels: Labels) -> None:
    for item in json.loads(write_labels(labels, "labelstudio").files["labelstudio.json"]):
        units = item["data"]["text"].encode("utf-16-le")
        for result in item["annotations"][0]["result"]:
            value = result["value"]
            assert units[2 * value["start"] : 2 * value["end"]].decode("utf-16-le") == value["text"]


def test_marks_that_hold_other_words_than_their_places_are_told(tmp_path: Path) -> None:
    value = {"start": 0, "end": 4, "text": "Beta", "labels": ["X"]}
    labels = label_studio(tmp_path, {"id": "r", "to_name": "text", "type": "labels", "value": value}, data={"text": "Acme paid"})
    assert "1 marks of a text hold other words than stand at their places" in labels.findings[0].what
    assert written_task(labels)[0]["annotations"][0]["result"][0]["value"] == value


def test_regions_without_the_size_of_their_image_are_counted_and_not_misplaced() -> None:
    labels = Labels(
        (Item("1", {"image": "car.jpg"}, (Layer("anna", marks=(Region("b", Box(64, 96, 10, 10), ("dent",), "image"),)),)),)
    )
    for format in ("labelstudio", "yolo"):
        written = write_labels(labels, format)
        assert "1 regions on images whose size is not known" in written.findings[0].what
        assert b"64" not in b"".join(written.files.values())


def test_a_track_gets_the_times_that_label_studio_expects() -> None:
    track = Track((KeyFrame(0, Box(64, 48, 128, 240)), KeyFrame(24, Box(96, 48, 128, 240), goes_on=False)))
    region = Region("k1", track, ("person",), "video", size=SIZE)
    labels = Labels((Item("1", {"video": "clip.mp4"}, (Layer("anna", marks=(region,)),), SIZE, rate=25.0),))
    value = written_task(labels)[0]["annotations"][0]["result"][0]["value"]
    assert (value["framesCount"], value["duration"], [key["time"] for key in value["sequence"]]) == (25, 1.0, [0.04, 1.0])
    assert [key["frame"] for key in value["sequence"]] == [1, 25]


def test_a_turned_box_is_no_upright_box_elsewhere(tmp_path: Path) -> None:
    labels = label_studio(
        tmp_path, label_studio_box(value={"x": 50, "y": 50, "width": 10, "height": 5, "rotation": 90, "rectanglelabels": ["a"]})
    )
    written = write_labels(labels, "coco")
    assert json.loads(written.files["annotations.json"])["annotations"] == []
    assert "1 regions that are a rotated box" in written.findings[0].what
    # CVAT turns about the centre: 64 by 24 pixels, turned a quarter about (320, 240), has its centre at (308, 272).
    box = ET.fromstring(write_labels(labels, "cvat").files["annotations.xml"]).find("image/box")
    assert box is not None and box.attrib["rotation"] == "90.00"
    left, top, right, bottom = (float(box.attrib[corner]) for corner in ("xtl", "ytl", "xbr", "ybr"))
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((308, 272))
    assert (right - left, bottom - top) == pytest.approx((64, 24))
