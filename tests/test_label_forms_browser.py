"""The forms for images, video and links in a real browser: by mouse, by touch, and by keyboard alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from chromium import opened_browser

from tailor.labelling.forms import FORMS, STYLE, form_file
from tailor.labelling.marks import Box, Track
from tailor.labelling.regionjson import checked_marks, region_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DATA = Path(__file__).parents[2] / "shared" / "data"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>forms</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/forms.css">{scripts}<script src="/given.js"></script></head>
<body><main><h1>{name}</h1><div id="form"></div></main></body></html>"""
ACTION_MILLISECONDS = 100
SHAPES = 2_000


class Site:
    """A server on loopback with the forms, their page, and the images of the test."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                kind, content = site.files.get(self.path, ("", b""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Content-Security-Policy", POLICY)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def put(self, form: str, given: Mapping[str, Any]) -> str:
        """The address of a page with a form."""
        for name in {script for scripts in FORMS.values() for script in scripts}:
            self.files[f"/{name}"] = ("text/javascript", form_file(name).read_bytes())
        self.files[f"/{STYLE}"] = ("text/css", form_file(STYLE).read_bytes())
        scripts = "".join(f'<script src="/{name}"></script>' for name in FORMS[form])
        self.files["/"] = ("text/html", PAGE.format(scripts=scripts, name=form).encode())
        make = f'window.form = tailorForms.{form}(document.getElementById("form"), {json.dumps(given)});'
        start = f'addEventListener("DOMContentLoaded", () => {{ {make} }});'
        self.files["/given.js"] = ("text/javascript", start.encode())
        return f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def opened(browser: Any, site: Site, form: str, given: Mapping[str, Any], width: int = 1200) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get_log("browser")
    browser.get(site.put(form, given))
    browser.execute_async_script(
        "const done = arguments[0]; window.form.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(done)));"
    )
    problems = [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
    assert not problems


def value(browser: Any) -> dict[str, Any]:
    """What the form says, as a server would keep it."""
    found: dict[str, Any] = browser.execute_script("return window.form.value();")
    return checked_marks(found)


def keys(browser: Any, *given: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    chain = ActionChains(browser)
    for key in given:
        chain.send_keys(key)
    chain.perform()


def shifted(browser: Any, key: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).key_down(KEY["shift"]).send_keys(key).key_up(KEY["shift"]).perform()


def drag(browser: Any, target: Any, start: tuple[float, float], end: tuple[float, float], kind: str = "mouse") -> None:
    """A drag from one place of an element to another, in pixels from its top left corner."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    browser.execute_script("arguments[0].scrollIntoView({block: 'center'});", target)
    box = browser.execute_script("const b = arguments[0].getBoundingClientRect(); return [b.left, b.top];", target)
    builder = ActionBuilder(browser, mouse=PointerInput(kind, kind), duration=0)
    pointer = builder.pointer_action
    pointer.move_to_location(round(box[0] + start[0]), round(box[1] + start[1]))
    pointer.pointer_down()
    pointer.move_to_location(round(box[0] + (start[0] + end[0]) / 2), round(box[1] + (start[1] + end[1]) / 2))
    pointer.move_to_location(round(box[0] + end[0]), round(box[1] + end[1]))
    pointer.pointer_up()
    builder.perform()


def on_screen(browser: Any, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the image is in the canvas."""
    view = browser.execute_script("return (window.form.editor || window.form).view;")
    return x * view["scale"] + view["x"], y * view["scale"] + view["y"]


def cells(site: Site) -> dict[str, Any]:
    image = DATA / "images_bccd" / "images" / "BloodImage_00001.jpg"
    if not image.exists():
        pytest.skip("images_bccd is not there")
    site.files["/cells.jpg"] = ("image/jpeg", image.read_bytes())
    return {"source": "/cells.jpg", "labels": ["RBC", "WBC", "<b>Platelets</b>"], "on": "image"}


KEY = {
    **{"tab": "\ue004", "escape": "\ue00c", "delete": "\ue017", "enter": "\ue007", "shift": "\ue008"},
    **{"left": "\ue012", "right": "\ue014", "down": "\ue015"},
}


@pytest.mark.parametrize(("width", "pointer"), [(1200, "mouse"), (390, "touch")])
def test_a_box_is_drawn_moved_named_and_taken_back(browser: Any, site: Site, width: int, pointer: str) -> None:
    opened(browser, site, "image", cells(site), width)
    canvas = browser.find_element("css selector", "canvas")
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth;")
    next(button for button in browser.find_elements("css selector", "button") if button.text.startswith("box")).click()
    drag(browser, canvas, on_screen(browser, 100, 80), on_screen(browser, 300, 240), pointer)
    (box,) = value(browser)["regions"]
    assert box["labels"] == ["RBC"] and (box["form"], box["on"]) == ("box", "image")
    slack = 2 / browser.execute_script("return form.editor.view.scale;")
    for side, wanted in (("x", 100), ("y", 80), ("width", 200), ("height", 160)):
        assert abs(box[side] - wanted) <= slack
    keys(browser, "2", "v")
    drag(browser, canvas, on_screen(browser, 200, 160), on_screen(browser, 220, 170), pointer)
    (moved,) = value(browser)["regions"]
    assert moved["labels"] == ["WBC"] and abs(moved["x"] - box["x"] - 20) <= slack and moved["width"] == box["width"]
    drag(
        browser,
        canvas,
        on_screen(browser, moved["x"] + moved["width"], moved["y"] + moved["height"]),
        on_screen(browser, 400, 300),
        pointer,
    )
    (pulled,) = value(browser)["regions"]
    assert abs(pulled["x"] + pulled["width"] - 400) <= 2 * slack and pulled["x"] == moved["x"]
    browser.execute_script("for (let step = 0; step < 4; step++) form.editor.undo();")
    assert value(browser)["regions"] == []
    browser.execute_script("for (let step = 0; step < 4; step++) form.editor.undo(true);")
    assert value(browser)["regions"] == [pulled]


def test_shapes_are_made_and_changed_by_keyboard_alone(browser: Any, site: Site) -> None:
    opened(browser, site, "image", cells(site))
    browser.execute_script("document.querySelector('canvas').focus();")
    keys(browser, "b", "n", "2", KEY["right"], KEY["down"], "p", "n", "o", "n")
    box, polygon, point = value(browser)["regions"]
    assert (box["form"], polygon["form"], point["form"]) == ("box", "polygon", "point")
    assert box["labels"] == ["WBC"]
    middle = browser.execute_script("const e = form.editor; return [320, 240];")
    assert box["x"] + box["width"] / 2 == middle[0] + 1 and box["y"] + box["height"] / 2 == middle[1] + 1
    keys(browser, KEY["escape"], "v")
    browser.execute_script("form.editor.released = false;")
    keys(browser, KEY["tab"], KEY["tab"])
    status = browser.find_element("css selector", "[role=status]")
    assert status.text.startswith("Shape 2 of 3: WBC, polygon from")
    keys(browser, "]", KEY["left"])
    changed = value(browser)["regions"][1]["points"]
    assert changed[0][0] == polygon["points"][0][0] - 1 and changed[1:] == polygon["points"][1:]
    keys(browser, "a")
    assert len(value(browser)["regions"][1]["points"]) == 4
    keys(browser, KEY["tab"], KEY["delete"])
    assert [region["form"] for region in value(browser)["regions"]] == ["box", "polygon"]
    keys(browser, KEY["escape"])
    keys(browser, KEY["tab"])
    assert browser.execute_script("return document.activeElement.tagName;") == "SUMMARY"  # the canvas lets the keyboard go


def test_a_polygon_is_closed_at_its_first_corner(browser: Any, site: Site) -> None:
    opened(browser, site, "image", cells(site))
    canvas = browser.find_element("css selector", "canvas")
    browser.execute_script("document.querySelector('canvas').focus();")
    keys(browser, "p")
    for place in ((100, 100), (200, 100), (150, 200), (100, 100)):
        drag(browser, canvas, on_screen(browser, *place), on_screen(browser, *place))
    (polygon,) = value(browser)["regions"]
    assert [[round(x / 2) * 2 for x in point] for point in polygon["points"]] == [[100, 100], [200, 100], [150, 200]]


def test_names_of_labels_are_shown_as_text(browser: Any, site: Site) -> None:
    opened(browser, site, "image", cells(site))
    buttons = browser.find_elements("css selector", "[aria-label=Labels] button")
    assert [button.text for button in buttons] == ["1 RBC", "2 WBC", "3 <b>Platelets</b>"]


def test_two_thousand_shapes_stay_quick(browser: Any, site: Site) -> None:
    """Each action until the next frame is painted, in milliseconds; the median and the worst of twenty each."""
    regions = [
        {
            "id": f"r{number}",
            "form": ("box", "polygon")[number % 2],
            "on": "image",
            "labels": [["RBC", "WBC"][number % 2]],
            **shape_at(number),
        }
        for number in range(SHAPES)
    ]
    opened(browser, site, "image", {**cells(site), "regions": regions})
    script = (Path(__file__).parent / "label_forms_timing.js").read_text(encoding="utf-8")
    browser.set_script_timeout(120)
    taken: dict[str, list[float]] = browser.execute_async_script(script)
    medians = {name: sorted(times)[len(times) // 2] for name, times in taken.items()}
    print(
        "milliseconds, median and worst:", {name: (round(medians[name], 1), round(max(times), 1)) for name, times in taken.items()}
    )
    assert len(browser.execute_script("return form.editor.shapes;")) >= SHAPES - 20
    assert max(medians.values()) < ACTION_MILLISECONDS


def shape_at(number: int) -> dict[str, Any]:
    left, top = 8 + 12 * (number % 52), 8 + 9 * (number // 52 % 52)
    if number % 2:
        return {"points": [[left, top], [left + 11, top + 2], [left + 6, top + 9]]}
    return {"x": left, "y": top, "width": 11, "height": 8}


# Video


def judo(site: Site) -> dict[str, Any]:
    frames = sorted((DATA / "video_davis_judo" / "frames").glob("*.jpg"))
    if not frames:
        pytest.skip("video_davis_judo is not there")
    for path in frames:
        site.files[f"/{path.name}"] = ("image/jpeg", path.read_bytes())
    return {"frames": [f"/{path.name}" for path in frames], "labels": ["left", "right", "throw"], "on": "video", "rate": 10}


def test_boxes_on_frames_are_interpolated_between_key_frames(browser: Any, site: Site) -> None:
    opened(browser, site, "video", judo(site))
    canvas = browser.find_element("css selector", ".forms-frame canvas")
    browser.execute_script("document.querySelector('.forms-frame canvas').focus();")
    keys(browser, "b")
    drag(browser, canvas, on_screen(browser, 100, 100), on_screen(browser, 300, 400))
    go(browser, 10)
    keys(browser, "v", KEY["tab"])
    for _ in range(5):
        shifted(browser, KEY["right"])
    (region,) = value(browser)["regions"]
    assert [key["frame"] for key in region["frames"]] == [0, 10] and region["labels"] == ["left"]
    track = region_of(region).shape
    assert isinstance(track, Track)
    first, fifth = track.at(0), track.at(5)
    assert isinstance(first, Box) and isinstance(fifth, Box) and fifth.x == pytest.approx(first.x + 25, abs=0.01)
    go(browser, 5)
    (shown,) = browser.execute_script("return form.editor.shapes;")
    assert shown["x"] == pytest.approx(fifth.x) and shown["width"] == pytest.approx(fifth.width)
    go(browser, 12)
    keys(browser, KEY["escape"])
    browser.execute_script("form.editor.released = false;")
    keys(browser, KEY["tab"], "x")
    go(browser, 13)
    assert browser.execute_script("return form.editor.shapes.length;") == 0
    (region,) = value(browser)["regions"]
    assert region_of(region).shape.at(13) is None and region_of(region).shape.at(12) is not None  # type: ignore[union-attr]


def go(browser: Any, frame: int) -> None:
    browser.execute_async_script("const done = arguments[1]; form.go(arguments[0]).then(() => requestAnimationFrame(done));", frame)
    browser.execute_script("document.querySelector('.forms-frame canvas').focus();")


def test_segments_of_time_get_a_class_by_keyboard(browser: Any, site: Site) -> None:
    opened(browser, site, "video", judo(site))
    browser.execute_script("document.querySelector('.forms-frame canvas').focus();")
    keys(browser, "3", ".", ".", "i")
    for frame in range(3, 8):
        keys(browser, ".")
        wait(lambda frame=frame: browser.execute_script("return form.frame;") == frame)
    keys(browser, "u")
    (segment,) = value(browser)["regions"]
    assert (segment["form"], segment["labels"], segment["start"], segment["end"], segment["unit"]) == (
        "segment",
        ["throw"],
        2,
        7,
        "frame",
    )
    assert "throw: frames 2 to 7" in browser.find_element("css selector", "[aria-label=Segments]").text
    browser.find_element("css selector", "[aria-label^='remove throw']").click()
    assert value(browser)["regions"] == []


def wait(holds: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_start_masks_of_the_judo_clip_become_boxes_in_their_frames(browser: Any, site: Site) -> None:
    """Four people, each marked in one frame: their boxes are drawn there and kept as tracks of one key frame."""
    boxes = {0: mask_box("00000.png"), 5: mask_box("00005.png"), 8: mask_box("00008.png"), 13: mask_box("00013.png")}
    frames = [
        {"frame": frame, "form": "box", "goes_on": False, "x": x, "y": y, "width": width, "height": height}
        for frame, (x, y, width, height) in boxes.items()
    ]
    regions = [
        {"id": f"t{number}", "form": "track", "on": "video", "labels": ["left"], "frames": [key]}
        for number, key in enumerate(frames)
    ]
    opened(browser, site, "video", {**judo(site), "regions": regions})
    for frame, (x, y, width, height) in boxes.items():
        go(browser, frame)
        (shown,) = browser.execute_script("return form.editor.shapes;")
        assert (shown["x"], shown["y"], shown["width"], shown["height"]) == (x, y, width, height)
        assert 0 <= x < x + width <= 854 and 0 <= y < y + height <= 480 and width * height > 1000
    go(browser, 2)
    assert browser.execute_script("return form.editor.shapes.length;") == 0


def mask_box(name: str) -> tuple[int, int, int, int]:
    """The box around the pixels that are not 0, of a palette PNG without interlacing."""
    import zlib

    import numpy as np

    path = DATA / "video_davis_judo" / "masks" / name
    if not path.exists():
        pytest.skip("video_davis_judo is not there")
    data, place, packed = path.read_bytes(), 8, b""
    width, height, depth = int.from_bytes(data[16:20]), int.from_bytes(data[20:24]), data[24]
    while place < len(data):
        length, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        packed += data[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += 12 + length
    stride = (width * depth + 7) // 8
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, stride + 1).astype(int)
    rows = np.zeros((height + 1, stride), int)
    for at, line in enumerate(lines):
        rows[at + 1] = unfiltered(line[0], line[1:], rows[at])
    bits = np.unpackbits(rows[1:].astype(np.uint8), axis=1)[:, : width * depth].reshape(height, width, depth)
    down, across = np.nonzero(bits.any(axis=2))
    return int(across.min()), int(down.min()), int(across.max() - across.min() + 1), int(down.max() - down.min() + 1)


def unfiltered(kind: int, line: Any, above: Any) -> Any:
    """A line of a PNG with a byte per step without its filter (PNG specification, 9.2)."""
    made = line.copy()
    for at in range(len(made)):
        left = made[at - 1] if at else 0
        up, corner = above[at], above[at - 1] if at else 0
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda value: abs(guess - value))
        made[at] = (made[at] + (0, left, up, (left + up) // 2, nearest)[kind]) % 256
    return made


# Links


def caption(site: Site) -> dict[str, Any]:
    given = cells(site)
    box = {"id": "b1", "form": "box", "on": "image", "labels": ["WBC"], "x": 68, "y": 315, "width": 218, "height": 165}
    return {**given, "text": "🎉 A white cell next to two red cells, and no parasite.", "textOn": "caption", "regions": [box]}


def test_a_phrase_is_linked_to_a_region_or_said_to_be_absent_by_keyboard(browser: Any, site: Site) -> None:
    opened(browser, site, "links", caption(site))
    browser.execute_script("document.querySelector('.forms-text').focus();")
    keys(browser, KEY["right"])
    shifted(browser, KEY["right"])
    shifted(browser, KEY["right"])
    keys(browser, KEY["enter"])
    assert browser.find_element("css selector", ".forms-phrases q").text == "A white cell"
    keys(browser, "l")
    assert browser.execute_script("return document.activeElement.tagName;") == "CANVAS"
    keys(browser, KEY["tab"], KEY["enter"], KEY["escape"])
    kept = value(browser)
    text = caption(site)["text"]
    (phrase, _), (link,) = kept["regions"], kept["links"]
    assert text[phrase["start"] : phrase["end"]] == phrase["text"] == "A white cell" and phrase["on"] == "caption"
    assert link == {"from": phrase["id"], "to": ["b1"], "state": "located", "label": "refers to"}
    browser.execute_script("document.querySelector('.forms-text').focus();")
    browser.execute_script("form.reading.word = [form.reading.words.length - 2, form.reading.words.length - 2];")
    keys(browser, KEY["enter"], "n")
    states = {link["from"]: (link["state"], link["to"]) for link in value(browser)["links"]}
    assert states == {"p1": ("located", ["b1"]), "p2": ("absent", [])}
    keys(browser, "u")
    assert value(browser)["links"][1]["state"] == "unanswered"
    browser.execute_script("form.editor.select(0); form.editor.remove();")
    assert [(link["state"], link["to"]) for link in value(browser)["links"]] == [("unanswered", []), ("unanswered", [])]


def test_a_phrase_is_selected_and_linked_by_mouse(browser: Any, site: Site) -> None:
    opened(browser, site, "links", caption(site), 390)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth;")
    browser.execute_script("""
      const piece = [...document.querySelector(".forms-text").childNodes].find((one) => one.textContent.includes("red cells"));
      const from = piece.textContent.indexOf("red cells"), range = document.createRange();
      range.setStart(piece.firstChild, from);
      range.setEnd(piece.firstChild, from + 9);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    """)
    next(button for button in browser.find_elements("css selector", "button") if button.text.startswith("add phrase")).click()
    next(
        button for button in browser.find_elements("css selector", ".forms-phrases button") if button.text.startswith("located")
    ).click()
    canvas = browser.find_element("css selector", "canvas")
    drag(browser, canvas, on_screen(browser, 150, 400), on_screen(browser, 150, 400))
    kept = value(browser)
    assert kept["regions"][0]["text"] == "red cells" and kept["links"][0]["to"] == ["b1"]


def test_only_scripts_and_styles_of_forms_are_files_of_forms() -> None:
    assert form_file("shapes.js").read_text(encoding="utf-8").startswith("//")
    with pytest.raises(KeyError):
        form_file("../marks.py")
