"""COCO, Pascal VOC, YOLO and CVAT: files are written as they were read."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from label_files import data, put, sample

from tailor.errors import DataError
from tailor.labelling.formats.door import read_labels, write_labels
from tailor.labelling.marks import Box, Item, KeyFrame, Labels, Region, Track, in_unit
from tailor.labelling.marks import Path as Places


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
