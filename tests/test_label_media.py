"""Images, video and links on the pages for labels: what is served, what is kept, and how people mark in a real browser."""

from __future__ import annotations

import base64
import csv
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import opened_browser
from data_helpers import write_yaml
from flow import tailor
from labelling_bench import Bench, served
from web_server import send

from tailor.errors import ConfigError
from tailor.project import load_project

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\x9cc"
    b"\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82"
)
SEGMENT = {
    "id": "s1",
    "from_name": "tl",
    "to_name": "clip",
    "type": "timelinelabels",
    "value": {"ranges": [{"start": 3, "end": 50}], "timelinelabels": ["open"]},
}
DATA = Path(__file__).parents[2] / "shared" / "data"


def ask(bench: Bench, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
    """What the server says to Ada's browser."""
    reply = send(bench.port, method, path, bench.headers("Ada"), b"" if body is None else json.dumps(body).encode())
    return reply.status, reply.headers, reply.body


def items(bench: Bench) -> list[dict[str, Any]]:
    """The rows that Ada is given."""
    found: list[dict[str, Any]] = json.loads(ask(bench, "POST", "/api/next", {"page": "p", "most": 5})[2])["items"]
    return found


def project(folder: Path, columns: list[str], rows: list[list[str]], **settings: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*columns, "label"], *([*row, ""] for row in rows)])
    read = " ".join(f"{{{{{column}}}}}" for column in columns)
    usual: dict[str, Any] = {"name": "cells", "kind": "classify", "instruction": "What is it?", "input": read, "output": "label"}
    remote = {"name": "some/model", "base_url": "http://127.0.0.1:9/v1", "media": ["image"]}
    write_yaml(folder, {**usual, "model": remote, "labels": ["sharp", "blurred"], "data": {"file": "data.csv"}, **settings})
    return folder


def pictures(folder: Path, **marks: object) -> Path:
    """Two rows with an image each."""
    (folder / "pics").mkdir(parents=True)
    for number in (1, 2):
        (folder / "pics" / f"{number}.png").write_bytes(PNG + bytes([number]))
    (folder / "secret.txt").write_text("secret")
    given = {"marks": {"column": "photo", "labels": ["cell"], **marks}} if marks is not None else {}
    data = {"file": "data.csv", "images": ["photo"]}
    columns = ["photo", "caption"] if marks.get("text") else ["photo"]
    return project(folder, columns, [[f"pics/{number}.png", "a red cell"][: len(columns)] for number in (1, 2)], data=data, **given)


# Served and kept


def test_an_image_is_served_by_its_row_with_the_type_of_its_bytes(tmp_path: Path) -> None:
    with served(pictures(tmp_path / "a")) as bench:
        item = items(bench)[0]
        source = item["marks"]["given"]["source"]
        status, headers, content = ask(bench, "GET", source)
        assert (status, headers["content-type"], content[:8]) == (200, "image/png", PNG[:8])
        assert headers["x-content-type-options"] == "nosniff" and headers["content-disposition"].startswith("inline")
        assert item["texts"] == [] and item["images"] == []
        row = item["row"]
        for path in (
            f"/media/{row}/0/1",
            f"/media/{row}/1/0",
            f"/media/{row}/..%2F..%2Fsecret.txt/0",
            "/media/x/0/0",
            f"/media/{row}/0/-1",
            f"/media/{row}/0/9999999999999999999999",
            "/media/secret.txt",
            f"/media/{row}/0/0/../../../secret.txt",
        ):
            status, _, content = ask(bench, "GET", path)
            assert status == 404 and b"secret" not in content.replace(b"secret.txt", b""), path


def test_what_is_no_image_by_its_bytes_is_never_opened_in_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    (folder / "clips").mkdir(parents=True)
    (folder / "clips" / "a.mp4").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    marks = {"form": "video", "column": "clip", "labels": ["open"]}
    names = [
        "clips/a.mp4",
        "../outside.mp4",
        "clips/../../outside.mp4",
        "/etc/passwd",
        ".tailor/labels.db",
        "http://127.0.0.1:9/a.mp4",
    ]
    (tmp_path / "outside.mp4").write_text("outside")
    with served(project(folder, ["clip"], [[name] for name in names], marks=marks, model="fake")) as bench:
        for item in items(bench):
            status, headers, content = ask(bench, "GET", f"/media/{item['row']}/0/0")
            if status == 200:
                assert headers["content-type"] == "application/octet-stream"
                assert headers["content-disposition"].startswith("attachment") and b"<svg" in content
            else:
                assert status == 404 and b"outside" not in content and b"root:" not in content
        assert sum(ask(bench, "GET", f"/media/{row}/0/0")[0] == 200 for row in bench.desk.items) == 1


def test_an_address_in_a_cell_or_in_a_file_of_labels_is_never_asked(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        clips = [f"{address}/a.mp4", f"{address}/../latest/meta-data/", "file:///etc/passwd", f"//{address[7:]}/a.mp4"]
        settings = {"marks": {"form": "video", "column": "clip", "labels": ["open"]}, "model": "fake"}
        folder = project(tmp_path / "a", ["clip"], [[clip] for clip in clips], **settings)
        sent = [
            {"data": {"clip": clip, "video": clip}, "annotations": [{"completed_by": 3, "result": [SEGMENT]}]} for clip in clips
        ]
        (tmp_path / "tasks.json").write_text(json.dumps(sent), encoding="utf-8")
        read = tailor("label", folder, "--import", tmp_path / "tasks.json")
        assert read.exit_code == 0, read.output
        with served(folder) as bench:
            rows = list(bench.desk.every)
            assert len(rows) == len(clips)
            for row in rows:
                assert ask(bench, "GET", f"/media/{row}/0/0")[0] == 404
            for page in ("/label", "/queue", "/settle", "/agreement"):
                assert ask(bench, "GET", page)[0] in (200, 403)
        for format in ("labelstudio", "cvat", "coco"):
            written = tailor("export", folder, "--format", format, "--output", tmp_path / format)
            assert "Traceback" not in written.output
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_marks_are_kept_with_the_label_or_alone_and_broken_ones_are_refused(tmp_path: Path) -> None:
    with served(pictures(tmp_path / "a")) as bench:
        first, second = items(bench)
        box = {"id": "r1", "form": "box", "on": "photo", "labels": ["cell"], "x": 0, "y": 0, "width": 1, "height": 1}
        sent = {"key": "k1", "row": first["row"], "label": "sharp", "marks": {"regions": [box], "onload": "x"}}
        assert ask(bench, "POST", "/api/judgements", sent)[0] == 200
        assert ask(bench, "POST", "/api/judgements", {"key": "k2", "row": second["row"], "marks": {"regions": [box]}})[0] == 200
        values = [judgement.values for judgement in bench.judgements.standing()]
        assert values[0] == {"label": "sharp", "regions": [{**box, "x": 0.0, "y": 0.0, "width": 1.0, "height": 1.0}]}
        assert set(values[1]) == {"regions"}
        for number, bad in enumerate(
            ({"regions": [{**box, "width": 0}]}, {"regions": [{**box, "on": "elsewhere"}]}, "x", {"regions": 5})
        ):
            status, _, content = ask(bench, "POST", "/api/judgements", {"key": f"b{number}", "row": first["row"], "marks": bad})
            assert status == 422 and b"mark" in content
        assert len(bench.judgements.all()) == 2


def test_settings_of_marks_name_columns_that_are_shown(tmp_path: Path) -> None:
    for number, (marks, why) in enumerate(
        [
            ({"column": "photo", "labels": ["a"], "form": "links"}, "names the column whose phrases are linked"),
            ({"column": "photo", "labels": ["a", "a"]}, "different texts"),
            ({"column": "clip", "labels": ["a"]}, "which `input` does not read"),
            ({"column": "photo", "labels": ["a"], "form": "video"}, "none of these for a video"),
        ]
    ):
        folder = pictures(tmp_path / str(number))
        settings = json.loads(
            json.dumps({"name": "a", "kind": "classify", "instruction": "?", "input": "{{photo}}", "output": "label"})
        )
        write_yaml(folder, {**settings, "marks": marks, "data": {"file": "data.csv", "images": ["photo"]}})
        with pytest.raises(ConfigError, match=why):
            load_project(folder)


def test_marks_leave_in_the_formats_of_other_tools_and_come_back(tmp_path: Path) -> None:
    folder = cells(tmp_path / "a")
    box = {"id": "r1", "form": "box", "on": "photo", "labels": ["WBC"], "x": 64, "y": 96, "width": 160, "height": 60}
    with served(folder) as bench:
        row = items(bench)[0]["row"]
        assert ask(bench, "POST", "/api/judgements", {"key": "k1", "row": row, "marks": {"regions": [box]}})[0] == 200
    coco = tailor("export", folder, "--format", "coco", "--output", tmp_path / "coco")
    assert coco.exit_code == 0 and "there is no test set yet" in coco.output, coco.output
    held = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert [one["bbox"] for one in held["annotations"]] == [[64.0, 96.0, 160.0, 60.0]]
    assert all((image["width"], image["height"]) == (640, 480) for image in held["images"])
    assert tailor("export", folder, "--format", "labelstudio", "--output", tmp_path / "ls").exit_code == 0
    tasks = json.loads((tmp_path / "ls" / "labelstudio.json").read_text())
    (result,) = [one for task in tasks for given in task["annotations"] for one in given["result"]]
    assert result["value"] == {"x": 10.0, "y": 20.0, "width": 25.0, "height": 12.5, "rotation": 0.0, "rectanglelabels": ["WBC"]}
    fresh = cells(tmp_path / "b")
    read = tailor("label", fresh, "--import", tmp_path / "ls" / "labelstudio.json")
    assert read.exit_code == 0 and "1 labels of Ada" in read.output, read.output
    with served(fresh) as bench:
        (judgement,) = bench.judgements.standing()
        (region,) = judgement.values["regions"]
        assert judgement.annotator == "Ada" and {key: region[key] for key in box} == box


# In the browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.02)


def enter(browser: Any, bench: Bench, width: int = 1200) -> None:
    """Come in by a link, and wait until the form is drawn."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get_log("browser")
    browser.get("about:blank")
    browser.get(bench.link("Ada"))
    until(lambda: browser.current_url.endswith("/label"))
    drawn(browser)


def drawn(browser: Any) -> None:
    until(lambda: browser.execute_script("return Boolean(typeof marks !== 'undefined' && marks && marks.ready);"))
    browser.execute_async_script("const done = arguments[0]; marks.ready.then(() => requestAnimationFrame(() => done()));")
    problems = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not problems


def press(browser: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def focus(browser: Any, selector: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).focus();", selector)


def cells(folder: Path, **marks: object) -> Path:
    """Two images of blood cells with a caption each."""
    (folder / "pics").mkdir(parents=True)
    for number in ("00001", "00003"):
        source = DATA / "images_bccd" / "images" / f"BloodImage_{number}.jpg"
        if not source.exists():
            pytest.skip("images_bccd is not there")
        (folder / "pics" / f"{number}.jpg").write_bytes(source.read_bytes())
    columns = ["photo", "caption"] if marks.get("text") else ["photo"]
    rows = [[f"pics/{number}.jpg", f"🎉 A white cell in picture {number}."][: len(columns)] for number in ("00001", "00003")]
    given = {"column": "photo", "labels": ["RBC", "WBC"], **marks}
    return project(folder, columns, rows, data={"file": "data.csv", "images": ["photo"]}, marks=given)


@pytest.mark.browser
@pytest.mark.slow
def test_an_image_gets_its_class_and_its_boxes_by_keyboard_alone(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    with served(cells(tmp_path / "a")) as bench:
        enter(browser, bench)
        first = browser.execute_script("return ready[0].row;")
        focus(browser, "#marks canvas")
        press(browser, "b", "n", "2", Key.ARROW_RIGHT, "v", Key.ESCAPE)
        focus(browser, "#main")
        press(browser, "1")
        assert not bench.judgements.all()  # with marks to make, a label alone does not send
        browser.refresh()
        drawn(browser)
        assert browser.execute_script("return marks.value().regions.length;") == 1  # the draft stands
        focus(browser, "#main")
        press(browser, "1", Key.ENTER)
        until(lambda: len(bench.judgements.standing()) == 1)
        (judgement,) = bench.judgements.standing()
        assert judgement.row == first and judgement.values["label"] == "sharp"
        assert [(region["form"], region["labels"], region["on"]) for region in judgement.values["regions"]] == [
            ("box", ["WBC"], "photo")
        ]
        until(lambda: browser.execute_script("return ready[0].row;") != first)
        drawn(browser)
        assert browser.execute_script("return marks.value().regions.length;") == 0
        focus(browser, "#main")
        press(browser, "u")
        until(lambda: not [one for one in bench.judgements.standing() if one.values])
        until(lambda: browser.execute_script("return ready[0]?.row;") == first)


@pytest.mark.browser
@pytest.mark.slow
def test_a_video_of_frames_gets_segments_and_boxes_on_the_page(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    folder = tmp_path / "a"
    frames = sorted((DATA / "video_davis_judo" / "frames").glob("*.jpg"))
    if not frames:
        pytest.skip("video_davis_judo is not there")
    (folder / "judo").mkdir(parents=True)
    for path in frames:
        (folder / "judo" / path.name).write_bytes(path.read_bytes())
    marks = {"form": "video", "column": "clip", "labels": ["left", "throw"], "rate": 10}
    with served(project(folder, ["clip"], [["judo"]], marks=marks, model="fake")) as bench:
        enter(browser, bench, 390)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth;")
        assert browser.execute_script("return marks.count;") == 16
        focus(browser, "#marks .forms-frame canvas")
        press(browser, "2", "i", ".")
        until(lambda: browser.execute_script("return marks.frame;") == 1)
        press(browser, "u", "1", "b", "n", Key.ESCAPE, Key.ENTER)
        until(lambda: bench.judgements.standing())
        (judgement,) = bench.judgements.standing()
        track, segment = judgement.values["regions"]
        assert (track["form"], track["labels"], track["frames"][0]["frame"]) == ("track", ["left"], 1)
        assert (segment["start"], segment["end"], segment["labels"]) == (0.0, 1.0, ["throw"])


FILMED = """
const done = arguments[0], canvas = document.createElement("canvas"), pen = canvas.getContext("2d"), parts = [];
[canvas.width, canvas.height] = [64, 48];
const film = new MediaRecorder(canvas.captureStream(10), { mimeType: "video/webm;codecs=vp8" });
film.ondataavailable = (event) => parts.push(event.data);
film.onstop = async () => {
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  done(btoa(String.fromCharCode(...bytes)));
};
let shade = 0;
const draw = setInterval(() => { pen.fillStyle = `rgb(${(shade += 20) % 256}, 0, 0)`; pen.fillRect(0, 0, 64, 48); }, 50);
film.start();
setTimeout(() => { clearInterval(draw); film.stop(); }, 1200);
"""
"""Makes a film of a second in the browser, as base64."""


@pytest.mark.browser
@pytest.mark.slow
def test_a_video_file_is_played_frame_by_frame_and_gets_a_box(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    folder = tmp_path / "a"
    folder.mkdir()
    browser.get("data:text/html,<p>film</p>")
    (folder / "clip.webm").write_bytes(base64.b64decode(browser.execute_async_script(FILMED)))
    marks = {"form": "video", "column": "clip", "labels": ["red"], "rate": 10}
    with served(project(folder, ["clip"], [["clip.webm"]], marks=marks, model="fake")) as bench:
        enter(browser, bench)
        source = browser.execute_script("return ready[0].marks.given.source;")
        assert ask(bench, "GET", source)[1]["content-type"] == "video/webm"
        until(lambda: browser.execute_script("return marks.video?.videoWidth && marks.count;"))
        assert 8 <= browser.execute_script("return marks.count;") <= 20, "about a second, in tenths"
        focus(browser, "#marks .forms-frame canvas")
        press(browser, ".", ".")
        until(lambda: browser.execute_script("return marks.frame;") == 2)
        until(lambda: 0.15 < browser.execute_script("return marks.video.currentTime;") < 0.35)
        press(browser, "1", "b", "n", Key.ESCAPE, Key.ENTER)
        until(lambda: bench.judgements.standing())
        (track,) = bench.judgements.standing()[0].values["regions"]
        assert (track["form"], track["labels"], track["frames"][0]["frame"]) == ("track", ["red"], 2)


@pytest.mark.browser
@pytest.mark.slow
def test_phrases_are_linked_to_regions_on_the_page(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    with served(cells(tmp_path / "a", form="links", text="caption")) as bench:
        enter(browser, bench)
        caption = browser.execute_script("return ready[0].marks.given.text;")
        focus(browser, "#marks canvas")
        press(browser, "b", "n", "v", Key.ESCAPE)
        focus(browser, "#marks .forms-text")
        press(browser, Key.ARROW_RIGHT, Key.ARROW_RIGHT, Key.ENTER, "l", Key.TAB, Key.ENTER, Key.ESCAPE)
        browser.execute_script("document.activeElement.blur();")
        press(browser, Key.ENTER)
        until(lambda: bench.judgements.standing())
        values = bench.judgements.standing()[0].values
        phrase = values["regions"][0]
        assert caption[phrase["start"] : phrase["end"]] == phrase["text"] == "white" and phrase["on"] == "caption"
        assert values["links"] == [{"from": "p1", "to": ["r1"], "state": "located", "label": "refers to"}]
