"""Formats of labels: what is read is written again, and what a format cannot hold is counted by name."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_marks import NAMES, SIZE, TEXT, of_everything, of_images, of_texts, of_videos, two_people

from tailor.errors import ConfigError, DataError
from tailor.labelling.formats.base import Losses
from tailor.labelling.formats.door import format_named, read_labels, recognised, write_labels
from tailor.labelling.formats.imagesize import image_size
from tailor.labelling.formats.xmltree import parse_xml
from tailor.labelling.marks import Answer, Box, Item, KeyFrame, Labels, Layer, Link, Region, Segment, Span, Track, in_unit
from tailor.labelling.marks import Path as Places
from tailor.plugins import LABEL_FORMATS

DATA = Path(__file__).parents[2] / "shared" / "data"
SINGLE = ("coco", "voc", "yolo", "cvat", "doccano", "conll")
quick = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def data(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not there")
    return DATA / name


def sample(name: str) -> bytes:
    return (Path(__file__).parent / "label_samples" / name).read_bytes()


def rows(text: bytes) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def put(folder: Path, files: Any) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / next(iter(files)) if len(files) == 1 else folder


def through(labels: Labels, format: str, folder: Path) -> tuple[Labels, str]:
    """Labels written in a format and read again, and what was told to be lost."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    written = write_labels(labels, format)
    return read_labels(put(folder, written.files), format), " ".join(finding.what for finding in written.findings)


def seen(labels: Labels, unit: Any = "pixel") -> list[Any]:
    """What labels say, without ids and without what belongs to one format alone."""
    said: list[Any] = []
    for item in labels.items:
        for layer in item.layers:
            for region in layer.regions:
                shape = in_unit(region, unit, item.size).shape
                if isinstance(shape, Track):
                    shape = Track(tuple(replace(key, extra={}) for key in shape.frames))
                said.append((layer.annotator, layer.role, region.labels, shape))
            said += [(layer.annotator, link.labels) for link in layer.links]
    return said


# Round trips


@quick
@given(labels=of_texts(("anna", "ben")))
@pytest.mark.parametrize("format", ["labelstudio", "potato", "prodigy"])
def test_spans_of_several_people_come_back_from_formats_that_hold_several(format: str, labels: Labels, tmp_path: Path) -> None:
    back, lost = through(labels, format, tmp_path / format)
    links = [] if format == "potato" else [None]
    expected = [mark for mark in seen(labels) if len(mark) == 4 or links]
    assert sorted(map(repr, seen(back))) == sorted(map(repr, expected))
    count = sum(len(layer.links) for item in labels.items for layer in item.layers)
    assert ("links between regions" in lost) == (format == "potato" and count > 0)


@quick
@given(labels=of_texts())
def test_spans_and_relations_come_back_from_doccano(labels: Labels, tmp_path: Path) -> None:
    back, lost = through(labels, "doccano", tmp_path / "out")
    who = [item.fields["text"] for item in labels.items]
    assert [item.fields["text"] for item in back.items] == who and not lost
    assert [mark[-1] for mark in seen(back)] == [mark[-1] for mark in seen(labels)]


@quick
@given(labels=of_texts(linked=False))
def test_conll_keeps_the_words_of_spans_that_do_not_overlap(labels: Labels, tmp_path: Path) -> None:
    back, lost = through(labels, "conll", tmp_path / "out")
    expected = []
    for item in labels.items:
        kept: list[Region] = []
        for region in sorted(item.layers[0].regions, key=lambda one: (-length(one), one.shape.start, one.labels)):  # type: ignore[union-attr]
            assert isinstance(region.shape, Span)
            if all(region.shape.start >= other.shape.end or region.shape.end <= other.shape.start for other in kept):  # type: ignore[union-attr]
                kept.append(region)
        words = [(region.labels, "".join(region.shape.text.split())) for region in kept]  # type: ignore[union-attr]
        expected += sorted(pair for pair in words if pair[1])
        assert (len(kept) < len(item.layers[0].regions)) <= ("overlap" in lost)
    found = []
    for item in back.items:
        found += sorted((region.labels, "".join(region.shape.text.split())) for region in item.layers[0].regions)  # type: ignore[union-attr]
    assert found == expected


def length(region: Region) -> int:
    assert isinstance(region.shape, Span)
    return region.shape.end - region.shape.start


@quick
@given(labels=of_images())
@pytest.mark.parametrize("format", ["labelstudio", "coco", "cvat"])
def test_boxes_polygons_and_points_come_back(format: str, labels: Labels, tmp_path: Path) -> None:
    back, lost = through(labels, format, tmp_path / format)
    assert [mark[2:] for mark in seen(back)] == [mark[2:] for mark in seen(labels)]
    assert "regions" not in lost
    assert [item.fields["image"] for item in back.items] == [item.fields["image"] for item in labels.items]


@quick
@given(labels=of_images())
@pytest.mark.parametrize("format", ["voc", "yolo", "prodigy"])
def test_formats_of_fewer_shapes_keep_those_that_they_hold_and_count_the_others(
    format: str, labels: Labels, tmp_path: Path
) -> None:
    held: tuple[type, ...] = (Box,) if format == "voc" else (Box, Places)
    back, lost = through(labels, format, tmp_path / format)
    sized = Labels(tuple(replace(item, size=SIZE) for item in back.items), back.names)
    expected = [mark[2:] for mark in seen(labels) if isinstance(mark[3], held)]
    assert [mark[2:] for mark in seen(sized)] == expected
    points = sum(not isinstance(mark[3], held) for mark in seen(labels))
    told = sum(
        int(part.split()[0].replace(",", ""))
        for part in lost.partition(": ")[2].rstrip(".").split("; ")
        if "regions that are a" in part
    )
    assert told == points


@quick
@given(labels=of_videos())
def test_tracks_come_back_from_cvat_and_label_studio_and_segments_from_label_studio(labels: Labels, tmp_path: Path) -> None:
    back, _ = through(labels, "labelstudio", tmp_path / "ls")
    assert [mark[2:] for mark in seen(back)] == [mark[2:] for mark in seen(labels)]
    back, lost = through(labels, "cvat", tmp_path / "cvat")
    assert [mark[2:] for mark in seen(back)] == [mark[2:] for mark in seen(labels) if isinstance(mark[3], Track)]
    assert ("regions that are a segment" in lost) == any(isinstance(mark[3], Segment) for mark in seen(labels))


@pytest.mark.parametrize("format", LABEL_FORMATS.own)
def test_what_was_read_in_a_format_is_written_in_it_without_any_loss(format: str, tmp_path: Path) -> None:
    first = write_labels(of_everything(), format)
    labels = read_labels(put(tmp_path / "first", first.files), format)
    second = write_labels(labels, format)
    assert second.findings == ()
    assert read_labels(put(tmp_path / "second", second.files), format) == labels


# What is told to be lost


def test_each_format_names_what_it_does_not_hold() -> None:
    told = {name: " ".join(finding.what for finding in write_labels(of_everything(), name).findings) for name in LABEL_FORMATS.own}
    assert told["labelstudio"] == ""
    assert "1 links between regions" in told["coco"] and "1 regions that are a rotated box" in told["coco"]
    assert "1 regions that are a span" in told["coco"] and "1 predictions" in told["coco"]
    assert "1 answers about whole items" in told["voc"] and "1 times that a label took" in told["voc"]
    assert "rotated box" not in told["cvat"] and "answers" not in told["cvat"]
    assert "1 fields `image` of items" in told["conll"]
    for name in SINGLE:
        assert f"{name} does not hold, so that they are left out" in told[name]


def test_fields_of_another_format_are_named_when_they_are_left_out(tmp_path: Path) -> None:
    task = {"id": 1, "data": {"image": "car.jpg"}, "annotations": [{"result": [label_studio_box(origin="manual", parentID="x")]}]}
    labels = read_labels(put(tmp_path, {"tasks.json": json.dumps([task]).encode()}))
    (finding,) = write_labels(labels, "coco").findings
    assert "1 fields `parentID` of labelstudio" in finding.what and "`from_name`" not in finding.what


# Several annotators


@pytest.mark.parametrize("format", ["coco", "voc", "yolo", "cvat", "doccano"])
def test_two_annotators_never_become_two_images(format: str, tmp_path: Path) -> None:
    written = write_labels(two_people(), format)
    folders = {name.rpartition("/")[0] for name in written.files}
    assert folders == {"annotators/anna", "annotators/ben", "adjudicated"}
    if format == "coco":
        held = {name: json.loads(content) for name, content in written.files.items()}
        assert [image["file_name"] for image in held["annotators/anna/annotations.json"]["images"]] == ["car.jpg", "van.jpg"]
        assert len(held["annotators/anna/annotations.json"]["annotations"]) == 2
        assert [one["bbox"] for one in held["adjudicated/annotations.json"]["annotations"]] == [[66.0, 96.0, 160.0, 60.0]]
    back = read_labels(put(tmp_path, written.files), format)
    cars = next(item for item in back.items if "car" in str(item.fields.get("image", item.fields.get("filename"))))
    assert [(layer.annotator, layer.role) for layer in cars.layers] == [("anna", "label"), ("ben", "label"), ("", "adjudicated")]


def test_a_person_s_name_makes_no_folder_elsewhere(tmp_path: Path) -> None:
    labels = two_people()
    hostile = Labels(
        tuple(
            replace(item, layers=tuple(replace(one, annotator=f"../../{one.annotator}/<b>") for one in item.layers))
            for item in labels.items
        )
    )
    for name in write_labels(hostile, "coco").files:
        assert ".." not in name and "<" not in name and not name.startswith("/")


def test_people_s_choices_come_back_from_a_table(tmp_path: Path) -> None:
    answers = [Layer("anna", marks=(Answer("label", "refund"),)), Layer("ben", marks=(Answer("label", ["=1+1", "other"]),))]
    settled = Layer("", "adjudicated", (Answer("label", "-refund"),))
    labels = Labels((Item("1", {"id": "1", "text": "money\r\nback"}, (*answers, settled)),))
    written = write_labels(labels, "annotators")
    assert not written.findings
    (row,) = csv.DictReader(written.files["labels.csv"].decode().splitlines(keepends=True))
    assert row["label (adjudicated)"] == "'-refund"
    back = read_labels(put(tmp_path, written.files))
    assert back.items == labels.items and back.format == "annotators"
    skipped = Labels((Item("1", {}, (answers[0], Layer("ben", skipped="unclear", seconds=3.0))),))
    again = read_labels(put(tmp_path / "long", write_labels(skipped, "annotators").files))
    assert [(one.annotator, one.skipped, one.seconds) for one in again.items[0].layers] == [
        ("anna", "", None),
        ("ben", "unclear", 3.0),
    ]


# Label Studio


def label_studio_box(**more: object) -> dict[str, object]:
    value = {"x": 10.0, "y": 20.0, "width": 25.0, "height": 12.5, "rotation": 0, "rectanglelabels": ["dent"]}
    about = {
        "id": "b1",
        "from_name": "box",
        "to_name": "img",
        "type": "rectanglelabels",
        "original_width": 640,
        "original_height": 480,
    }
    return {**about, "value": value, **more}


def label_studio(folder: Path, *results: object, data: object = None, **annotation: object) -> Labels:
    task = {"id": 1, "data": data or {"image": "car.jpg"}, "annotations": [{"result": list(results), **annotation}]}
    return read_labels(put(folder, {"tasks.json": json.dumps([task]).encode()}))


def written_task(labels: Labels) -> Any:
    return json.loads(write_labels(labels, "labelstudio").files["labelstudio.json"])


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


# Formats of images


def test_real_coco_files_are_written_as_they_were_read() -> None:
    for path in (
        data("images_bccd") / "annotations.coco.json",
        data("labelstudio_exports") / "test_import_coco" / "coco_import_input.json",
    ):
        labels = read_labels(path)
        assert labels.format == "coco"
        written = write_labels(labels, "coco")
        assert json.loads(written.files["annotations.json"]) == json.loads(path.read_text())
        assert not written.findings


def same(first: ET.Element, second: ET.Element) -> Any:
    def flat(node: ET.Element) -> Any:
        return node.tag, (node.text or "").strip(), sorted(node.attrib.items()), sorted(map(flat, node))

    return flat(first) == flat(second)


def test_real_pascal_voc_files_are_written_as_they_were_read() -> None:
    folder = data("images_bccd") / "annotations_voc"
    labels = read_labels(folder)
    written = write_labels(labels, "voc")
    assert len(written.files) == 292 and not written.findings
    assert sum(len(item.layers[0].regions) for item in labels.items) == 3943
    for name, content in written.files.items():
        assert same(ET.fromstring(content), ET.parse(folder / name).getroot()), name


@pytest.mark.slow
def test_the_same_boxes_come_from_voc_and_coco_and_yolo(tmp_path: Path) -> None:
    """The COCO file of the set was made from its VOC files by others; YOLO is ours, with images next to it for their sizes."""
    voc = read_labels(data("images_bccd") / "annotations_voc")
    coco = read_labels(data("images_bccd") / "annotations.coco.json")

    def by_image(labels: Labels) -> dict[str, Any]:
        def placed(region: Region, item: Item) -> Any:
            box = in_unit(region, "pixel", item.size).shape
            assert isinstance(box, Box)
            return region.labels, round(box.x, 4), round(box.y, 4), round(box.width, 4), round(box.height, 4)

        return {item.fields["image"]: sorted(placed(one, item) for one in item.layers[0].regions) for item in labels.items}

    assert by_image(voc) == by_image(coco)
    put(tmp_path, write_labels(Labels(voc.items[:20], voc.names), "yolo").files)
    for item in voc.items[:20]:
        (tmp_path / item.fields["image"]).write_bytes((data("images_bccd") / "images" / item.fields["image"]).read_bytes())
    assert by_image(read_labels(tmp_path)) == {item.fields["image"]: by_image(voc)[item.fields["image"]] for item in voc.items[:20]}


def test_yolo_takes_sizes_from_the_images_that_lie_next_to_it(tmp_path: Path) -> None:
    image = data("images_bccd") / "images" / "BloodImage_00001.jpg"
    (tmp_path / "BloodImage_00001.jpg").write_bytes(image.read_bytes())
    (tmp_path / "BloodImage_00001.txt").write_text("1 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.2 0.1 0.2 0.2\n")
    (tmp_path / "classes.txt").write_text("RBC\nwhite cell\n")
    labels = read_labels(tmp_path)
    assert labels.items[0].size == (640, 480)
    box, polygon = (in_unit(one, "pixel") for one in labels.items[0].layers[0].regions)
    assert box.shape == Box(240.0, 120.0, 160.0, 240.0) and box.labels == ("white cell",)
    assert polygon.shape == Places(((64.0, 48.0), (128.0, 48.0), (128.0, 96.0)))
    assert write_labels(labels, "yolo").files["BloodImage_00001.txt"] == b"1 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.2 0.1 0.2 0.2\n"
    assert "size" not in " ".join(finding.what for finding in labels.findings)


@pytest.mark.parametrize("line", ["2 0.5 0.5 0.1 0.1", "0 0.5 nan 0.1 0.1", "0 0.5 0.5", "x 1 1 1 1", "-1 0 0 1 1", "0 1 2 3 4 5"])
def test_a_line_that_is_no_object_of_yolo_is_named(line: str, tmp_path: Path) -> None:
    put(tmp_path, {"classes.txt": b"a\nb\n", "one.txt": f"0 0.5 0.5 1 1\n{line}\n".encode()})
    with pytest.raises(DataError, match="one.txt line 2 is no object of YOLO"):
        read_labels(tmp_path)


@pytest.mark.parametrize("name", ["cvat_video.xml", "cvat_images.xml"])
def test_cvat_files_are_written_as_they_were_read(name: str, tmp_path: Path) -> None:
    labels = read_labels(put(tmp_path, {"annotations.xml": sample(name)}))
    written = write_labels(labels, "cvat")
    assert labels.format == "cvat" and not written.findings
    root = ET.fromstring(written.files["annotations.xml"])
    for node in root.iter():
        node.attrib.pop("rotation", None)
    want = ET.fromstring(sample(name))
    for node in want.iter():
        node.attrib.pop("rotation", None)
    assert same(root, want)


def test_a_track_of_cvat_is_interpolated_between_its_key_frames(tmp_path: Path) -> None:
    labels = read_labels(put(tmp_path, {"annotations.xml": sample("cvat_video.xml")}))
    (item,) = labels.items
    track = item.layers[0].regions[0].shape
    assert item.fields == {"video": "judo.mp4"} and item.size == (854, 480) and isinstance(track, Track)
    assert track.at(2) == Box(14.25, 20.0, 20.0, 40.0)
    assert track.at(4) == Box(18.5, 20.0, 20.0, 40.0)
    assert track.at(5) == Box(18.5, 20.0, 20.0, 40.0) and track.at(6) is None


def test_a_box_turns_the_short_way_round_between_two_key_frames() -> None:
    track = Track((KeyFrame(0, Box(0, 0, 2, 2, 350.0)), KeyFrame(2, Box(0, 0, 2, 2, 10.0))))
    middle = track.at(1)
    assert isinstance(middle, Box) and middle.rotation % 360 == 0
    assert track.at(9) == Box(0, 0, 2, 2, 10.0)
    assert Track((KeyFrame(3, Box(0, 0, 1, 1)),)).at(2) is None


# Formats of texts


def test_the_real_conll_files_come_back_byte_for_byte() -> None:
    for name in ("train", "dev", "test"):
        path = data("wnut17") / f"{name}.conll"
        labels = read_labels(path)
        written = write_labels(labels, "conll")
        assert written.files["labels.conll"].strip() == path.read_bytes().strip() and not written.findings
    spans = [(span.labels[0], span.shape) for item in labels.items for span in item.layers[0].regions]
    told = rows((data("wnut17") / "test.jsonl").read_bytes())
    assert spans == [(one["label"], Span(one["start"], one["end"], one["text"])) for row in told for one in row["entities"]]


def test_other_columns_comments_and_documents_of_conll_are_kept(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O O\n\nEU NNP I-NP S-ORG\nrejects VBZ I-VP O\n\n# id = 2\nPeter NNP I-NP B-PER\nBlack NNP I-NP E-PER\n"
    labels = read_labels(put(tmp_path, {"a.conll": text.encode()}))
    assert write_labels(labels, "conll").files["labels.conll"].decode() == text
    assert [region.shape for region in labels.items[1].layers[0].regions] == [Span(0, 11, "Peter Black")]


def test_doccano_files_are_written_as_they_were_read_and_name_their_annotator(tmp_path: Path) -> None:
    text = sample("doccano.jsonl")
    labels = read_labels(put(tmp_path, {"ben.jsonl": text}))
    written = write_labels(labels, "doccano")
    assert labels.annotators == ("ben",) and labels.format == "doccano" and not written.findings
    assert rows(written.files["labels.jsonl"]) == rows(sample("doccano.jsonl"))
    both = read_labels(put(tmp_path, {"anna.jsonl": text}).parent)
    assert [layer.annotator for layer in both.items[0].layers] == ["anna", "ben"]


def test_prodigy_files_are_written_as_they_were_read(tmp_path: Path) -> None:
    labels = read_labels(put(tmp_path, {"set.jsonl": sample("prodigy.jsonl")}))
    written = write_labels(labels, "prodigy")
    assert labels.format == "prodigy" and not written.findings
    assert rows(written.files["labels.jsonl"]) == rows(sample("prodigy.jsonl"))
    first, second, third = labels.items[0].layers
    assert (first.annotator, second.rejected, third.skipped) == ("set-anna", True, "ignore")
    assert [(link.source, link.target, link.labels) for link in first.links] == [("1", "2", ("PAYS",))]
    assert labels.items[2].layers[0].regions[0].shape == Box(1.5, 2, 10, 4)


def test_potato_files_are_written_as_they_were_read(tmp_path: Path) -> None:
    labels = read_labels(put(tmp_path, {"annotated_instances.jsonl": sample("potato.jsonl")}))
    written = write_labels(labels, "potato")
    assert labels.format == "potato" and not written.findings
    assert rows(written.files["annotated_instances.jsonl"]) == rows(sample("potato.jsonl"))
    anna, ben = labels.items[0].layers
    assert anna.seconds == 12.5 and [answer.value for answer in anna.answers] == ["good", "so it says"]
    assert anna.regions[0].shape == Span(8, 13, "great") and ben.answers[0].value == "bad"


@pytest.mark.parametrize("name", ["crowd_bluebirds", pytest.param("crowd_adult_content", marks=pytest.mark.slow)])
def test_crowds_are_read_and_written_without_loss(name: str) -> None:
    path = data(name) / "labels.csv"
    labels = read_labels(path)
    given_rows = list(csv.DictReader(path.read_text().splitlines()))
    written = write_labels(labels, "annotators")
    made = list(csv.DictReader(written.files["labels.csv"].decode().splitlines()))
    same_rows = sorted(tuple(row.values()) for row in made) == sorted(tuple(row[key] for key in made[0]) for row in given_rows)
    assert same_rows and not written.findings
    assert len(labels.annotators) == len({row["annotator"] for row in given_rows})


def test_odd_cells_of_tables_come_back(tmp_path: Path) -> None:
    """Every cell of csv-spectrum, as the text of an item that two people labelled."""
    tried = 0
    for path in sorted((data("csv_spectrum") / "csvs").glob("*.csv")):
        cells = [cell for row in csv.reader(path.read_bytes().decode().splitlines(keepends=True)) for cell in row]
        said = (Layer("anna", marks=(Answer("label", "x"),)), Layer("bén", marks=(Answer("label", "y"),)))
        items = tuple(Item(str(number), {"id": str(number), "text": cell}, said) for number, cell in enumerate(cells, start=1))
        back = read_labels(put(tmp_path / path.stem, write_labels(Labels(items), "annotators").files))
        assert back.items == items, path.name
        tried += len(cells)
    assert tried > 50


# Hostile and broken files


BOMB = b'<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><annotation>&y;</annotation>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>'


@pytest.mark.parametrize("content", [BOMB, OUTSIDE, b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><annotation/>'])
def test_xml_with_a_document_type_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="declares a document type"):
        read_labels(put(tmp_path, {"a.xml": content}), "voc")


def test_xml_that_is_too_deep_or_none_is_refused() -> None:
    with pytest.raises(DataError, match="nested deeper than 64"):
        parse_xml(b"<a>" * 65 + b"</a>" * 65, "a.xml")
    with pytest.raises(DataError, match=r"a\.xml is no XML"):
        parse_xml(b"<a><b></a>", "a.xml")
    with pytest.raises(DataError, match=r"a\.xml is no XML"):
        parse_xml(b"", "a.xml")
    assert parse_xml("<ä>&#228;&amp;</ä>".encode(), "a.xml").text == "ä&"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("0 0.5 0.5 1 1\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "classes.txt").write_text("a\n")
    (tmp_path / "in" / "one.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DataError, match="leads out of"):
        read_labels(tmp_path / "in")


BROKEN: list[tuple[str, str, bytes]] = [
    ("labelstudio", "a.json", b"[1]"),
    ("labelstudio", "a.json", b'[{"data": {}, "annotations": [{"result": [NaN]}]}]'),
    ("labelstudio", "a.json", b"[" * 100_000),
    ("coco", "a.json", b'{"images": [{}], "annotations": [], "categories": []}'),
    ("coco", "a.json", b'{"images": [], "annotations": [{"id": 1, "image_id": 4}], "categories": []}'),
    ("voc", "a.xml", b"<annotation><object><name>a</name></object></annotation>"),
    ("voc", "a.xml", b"<annotations/>"),
    ("voc", "a.xml", b"<annotation><object><bndbox><xmin>inf</xmin></bndbox></object></annotation>"),
    ("cvat", "a.xml", b'<annotations><image width="x" height="1" name="a"/></annotations>'),
    ("cvat", "a.xml", b'<annotations><track id="0" label="a"><star frame="0"/></track></annotations>'),
    ("doccano", "a.jsonl", b'{"text": "ab", "label": [[0, 9, "X"]]}'),
    ("doccano", "a.jsonl", b"[1, 2]"),
    ("prodigy", "a.jsonl", b'{"text": "a", "answer": "accept", "spans": [{"label": "X"}]}'),
    ("potato", "a.jsonl", b'{"label_annotations": {}}'),
    ("conll", "a.conll", b"one B-x\ntwo\n"),
    ("annotators", "a.csv", b"text,label\na,b\n"),
    ("annotators", "a.csv", b"annotator,item,label\n,1,b\n"),
]


@pytest.mark.parametrize(
    ("format", "name", "content"), BROKEN, ids=[f"{format}-{number}" for number, (format, *_) in enumerate(BROKEN)]
)
def test_a_broken_file_ends_in_a_sentence(format: str, name: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_labels(put(tmp_path, {name: content}), format)


@given(st.binary(max_size=60), st.sampled_from(sorted(LABEL_FORMATS.own)))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_end_in_a_traceback(tmp_path: Path, content: bytes, format: str) -> None:
    ending = {
        "voc": "xml",
        "cvat": "xml",
        "labelstudio": "json",
        "coco": "json",
        "conll": "conll",
        "annotators": "csv",
        "yolo": "txt",
    }
    name = "classes.txt" if format == "yolo" else f"a.{ending.get(format, 'jsonl')}"
    try:
        read_labels(put(tmp_path, {name: content}), format)
    except DataError:
        pass


def test_what_is_in_no_format_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="in no format of labels that is known"):
        read_labels(put(tmp_path, {"a.json": b"{}"}))
    with pytest.raises(DataError, match="There is no file or folder"):
        read_labels(tmp_path / "absent")
    with pytest.raises(ConfigError, match="is not a format of labels"):
        read_labels(tmp_path / "a.json", "kitti")


RECOGNISED: list[tuple[str, Callable[[], Labels]]] = [
    (name, of_everything) for name in LABEL_FORMATS.own if name not in ("annotators", "conll")
]


@pytest.mark.parametrize(("format", "made"), RECOGNISED)
def test_a_format_is_told_by_its_content(format: str, made: Callable[[], Labels], tmp_path: Path) -> None:
    path = put(tmp_path, write_labels(made(), format).files)
    found = recognised(path if path.is_file() else tmp_path)
    assert found is not None and found.name == format == format_named(format).name


def test_sizes_of_images_are_read_from_their_headers() -> None:
    assert image_size((data("images_bccd") / "images" / "BloodImage_00001.jpg").read_bytes()) == (640, 480)
    assert image_size((data("video_davis_judo") / "masks" / "00005.png").read_bytes()) == (853, 480)
    assert image_size(b"GIF89a\x0a\x00\x14\x00") == (10, 20)
    assert image_size(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x09\0\0\x13\0\0") == (10, 20)
    assert image_size(b"\xff\xd8\xff\xe0\x00\x04ab") is None and image_size(b"") is None and image_size(b"BMx") is None


def test_losses_are_counted_once_for_each_thing() -> None:
    losses = Losses("x")
    losses.layer(Layer(marks=(Link("a", "b"), Link("b", "a")), seconds=1.0), "answers")
    assert losses.counted == {"links between regions": 2, "times that a label took": 1}
    assert NAMES == ("dent", "door", "wheel")
