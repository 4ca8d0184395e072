"""Files of labels: the shared samples, writing and reading them again, and what of labels is compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tailor.labelling.formats.door import read_labels, write_labels
from tailor.labelling.marks import Labels, Track, in_unit

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
