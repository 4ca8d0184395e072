"""Formats of labels: what is read is written again, and what a format cannot hold is counted by name."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import SINGLE, data, label_studio_box, put, quick, seen, through
from label_marks import NAMES, SIZE, of_everything, of_images, of_texts, of_videos, two_people

from tailor.errors import ConfigError, DataError
from tailor.labelling.formats.base import Losses
from tailor.labelling.formats.door import format_named, read_labels, recognised, write_labels
from tailor.labelling.formats.imagesize import image_size
from tailor.labelling.formats.xmltree import parse_xml
from tailor.labelling.marks import Answer, Box, Item, Labels, Layer, Link, Region, Segment, Span, Track
from tailor.labelling.marks import Path as Places
from tailor.plugins import LABEL_FORMATS

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
