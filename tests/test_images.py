"""Rows that hold images, from `init` to a decision: a model that sees the bytes, and everything that must not be sent."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_helpers import SETTINGS, sentence, write_yaml
from dots import COLOURS, colour_of, images_in, png, sees, write_dots
from endpoint import Endpoint
from flow import Watcher, climb, tailor

import tailor as tailor_library
from tailor.content import IMAGE_TOKENS, MediaPart, TextPart, media_in
from tailor.data.example import Example
from tailor.data.split import load_splits
from tailor.data.table import read_table
from tailor.errors import ConfigError, DataError, ModelError
from tailor.experiment import run
from tailor.limits import IMAGE_BYTES
from tailor.models.base import Capabilities, Message, Reply, Request, message
from tailor.models.endpoint.dialect import MOST_IMAGE_TOKENS, Dialect, most_tokens, payload, shape
from tailor.models.fake import FakeModel
from tailor.models.remote import RemoteModel
from tailor.models.wire import estimate_tokens
from tailor.plugins import MODELS
from tailor.project import load_project
from tailor.saved import load_study
from tailor.task import ModelSettings, Task

PRICES = {"input_per_million": 1.0, "output_per_million": 4.0}


@pytest.fixture
def seeing() -> Iterator[Endpoint]:
    with Endpoint(sees) as endpoint:
        yield endpoint


def initialised(folder: Path, endpoint: Endpoint, **changes: object) -> Path:
    """A project that `tailor init` made of a table of images, with a model that reads them."""
    data = write_dots(folder)
    made = tailor("init", data)
    assert made.exit_code == 0, made.output
    settings = yaml.safe_load((folder / "tailor.yaml").read_text(encoding="utf-8"))
    assert (settings["input"], settings["data"]["images"], settings["labels"]) == ("{{photo}}", ["photo"], sorted(COLOURS))
    model = {"name": "eye", "base_url": endpoint.url, "context_tokens": 8192, "media": ["image"]}
    write_yaml(folder, settings | {"model": model, "prices": PRICES, "target": 0.8, "ask_again": False} | changes)
    return folder


def rows_of(folder: Path) -> dict[str, Example]:
    splits = load_splits(load_project(folder))
    return {row.id: row for part in (splits.train, splits.dev, splits.test, splits.reserve) for row in part}


# --- the whole way


def test_images_go_from_init_to_a_decision_and_each_is_sent_as_it_is(tmp_path: Path, seeing: Endpoint) -> None:
    folder = initialised(tmp_path, seeing, ask_again=True)
    checked = tailor("check", folder)
    assert "do not seem to follow from the texts" not in checked.output and load_project(folder).task.instruction.startswith(
        "Look at"
    )
    assert checked.exit_code == 0 and "data.csv names 96 different images: 96 PNG." in checked.output, checked.output
    study = climb(folder, everything=True)
    assert study.decision is not None and study.decision.verdict == "target met", study.decision
    chosen = study.test_run(study.decision.chosen)
    assert chosen is not None and chosen.mean == 1.0
    files = {path.read_bytes() for path in (folder / "dots").iterdir()}
    sent = [image for call in seeing.payloads for image in images_in(call)]
    assert sent and set(sent) <= files
    assert not any("dots/" in str(turn) for call in seeing.payloads for turn in call["messages"]), (
        "a file's name may say the answer"
    )
    tried = {step.run.system.steps[0] for step in study.steps if step.run is not None}
    assert "few-shot-5" in tried and not tried & {"few-shot-nearest-5", "reference-classifier", "tfidf-classifier"}
    shown = [call for call in seeing.payloads if len(images_in(call)) == 6]
    assert shown and {colour_of(image) for image in images_in(shown[0])[:5]} == set(COLOURS)
    kept = load_study(folder)
    assert [step.run.system for step in kept.steps if step.run] == [step.run.system for step in study.steps if step.run]
    (steady,) = study.consistency
    bases = {kind.kind: kind.basis for kind in steady.kinds}
    assert (bases["again"], bases["format"]) == ("measured", "nothing to vary"), "an image is not written in another form"
    calls = seeing.calls
    climb(folder, everything=True)
    assert seeing.calls == calls, "no answer is asked for twice"
    (folder / "dots" / "new.png").write_bytes(png("blue", 900))
    asked = tailor("try", folder, "dots/new.png", "--yes")
    assert asked.exit_code == 0 and asked.output.startswith("blue"), asked.output
    refused = tailor("try", folder, "../new.png", "--yes")
    assert refused.exit_code != 0 and "it lies outside this folder" in refused.output


def test_images_and_text_are_asked_about_together(tmp_path: Path, seeing: Endpoint) -> None:
    initialised(tmp_path, seeing)
    rows = [f"dots/{number}.png,Item {sentence(number)},{list(COLOURS)[number % 3]}" for number in range(96)]
    (tmp_path / "data.csv").write_text("\n".join(["photo,title,colour", *rows]), encoding="utf-8")
    assert tailor("init", tmp_path / "data.csv", "--force").exit_code == 0
    settings = yaml.safe_load((tmp_path / "tailor.yaml").read_text(encoding="utf-8"))
    assert settings["input"] == "{{photo}}\n{{title}}"
    model = {"name": "eye", "base_url": seeing.url, "context_tokens": 8192, "media": ["image"]}
    write_yaml(tmp_path, settings | {"model": model, "prices": PRICES, "embedder": "fake", "target": 0.8, "ask_again": False})
    study = climb(tmp_path, everything=True)
    assert study.decision is not None and study.decision.verdict == "target met"
    tried = {step.run.system.steps[0] for step in study.steps if step.run is not None}
    assert {"tfidf-classifier", "few-shot-nearest-5"} <= tried, "what reads text goes by the text"
    first = next(call for call in seeing.payloads if len(images_in(call)) == 1)["messages"][-1]["content"]
    assert [part["type"] for part in first] == ["image_url", "text"] and first[1]["text"].startswith("\nItem ")


def test_images_in_chats_are_shown_in_front_of_what_is_said(tmp_path: Path, seeing: Endpoint) -> None:
    write_dots(tmp_path)
    look = {"type": "text", "text": "Which colour is this?"}
    rows = [
        {
            "messages": [
                {"role": "user", "content": [{"type": "image", "image": f"dots/{number}.png"}, look]},
                {"role": "assistant", "content": list(COLOURS)[number % 3]},
            ]
        }
        for number in range(96)
    ]
    (tmp_path / "chats.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    made = tailor("init", tmp_path / "chats.jsonl")
    assert made.exit_code == 0, made.output
    settings = yaml.safe_load((tmp_path / "tailor.yaml").read_text(encoding="utf-8"))
    assert (settings["kind"], settings["data"]["images"]) == ("classify", ["image"])
    model = {"name": "eye", "base_url": seeing.url, "context_tokens": 8192, "media": ["image"]}
    write_yaml(tmp_path, settings | {"model": model, "prices": PRICES, "embedder": "fake", "target": 0.8, "ask_again": False})
    study = climb(tmp_path)
    assert study.decision is not None and study.decision.verdict == "target met"
    asked = next(call for call in seeing.payloads if images_in(call))["messages"][-1]["content"]
    assert [part["type"] for part in asked] == ["image_url", "text"] and asked[1]["text"] == "\nWhich colour is this?"


def test_rows_from_python_bring_their_images_with_them(tmp_path: Path, seeing: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_dots(Path("photos"))
    model = {"name": "eye", "base_url": seeing.url, "context_tokens": 8192, "media": ["image"]}
    asked: dict[str, Any] = {"kind": "classify", "instruction": "Which colour?", "input": "{{photo}}", "output": "colour"}
    asked |= {"model": model, "prices": PRICES, "data": {"images": ["photo"]}, "target": 0.8, "ask_again": False}
    rows = [{"photo": f"photos/dots/{number}.png", "colour": list(COLOURS)[number % 3]} for number in range(96)]
    study = tailor_library.study(Task(name="dots", **asked), rows, quiet=True, allow_send=True)
    assert study.decision is not None and study.decision.verdict == "target met"
    assert len(list((tmp_path / "studies" / "dots" / "images").iterdir())) == 96
    Path("new.png").write_bytes(png("green", 901))
    assert study.chosen("new.png") == "green" and study.chosen(photo=str(tmp_path / "new.png")) == "green"
    again = tailor_library.measure(
        Task(name="dots", **asked), "photos/data.csv", "zero-shot", folder="of-a-file", quiet=True, allow_send=True
    )
    assert again.score.mean == 1.0 and again.score.n == 19
    with pytest.raises(DataError, match=r"does not in row 1 \(`../new.png`: it lies outside this folder\)"):
        monkeypatch.chdir(tmp_path / "photos")
        study.chosen("../new.png")


# --- before anything is spent


def test_a_model_that_reads_text_alone_is_refused_before_it_is_asked(tmp_path: Path, seeing: Endpoint) -> None:
    folder = initialised(tmp_path, seeing, model={"name": "blind", "base_url": seeing.url, "context_tokens": 8192})
    said = "`blind` reads text alone, but `photo` holds images (`data.images`)"
    with pytest.raises(ConfigError) as caught:
        run(load_project(folder), Watcher())
    assert str(caught.value) == said and "media: [image]" in caught.value.hint
    with pytest.raises(ConfigError, match="reads text alone"):
        run(load_project(folder), Watcher(), model=FakeModel())
    checked = tailor("check", folder)
    assert checked.exit_code == 1 and said in checked.output
    assert seeing.calls == 0


class Eye(FakeModel):
    """A model on this machine, as a package may add one: it looks at the file of the last image."""

    capabilities = Capabilities(media=("image",))

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        seen = [media_in(request.messages[-1].content)[-1] for request in requests]
        return [Reply(colour_of(Path(image.path).read_bytes()), tokens_in=1, tokens_out=1) for image in seen]

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return estimate_tokens(messages)


def test_a_model_of_a_package_may_read_images_and_must_do_what_its_settings_say(
    tmp_path: Path, seeing: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = initialised(tmp_path, seeing, model={"name": "fake:eye", "media": ["image"]}, embedder="fake")
    with pytest.raises(ConfigError, match="`fake:eye` reads text alone"):
        climb(folder)
    monkeypatch.setitem(MODELS._loaded, "fake", lambda settings: Eye(name=settings.name))
    study = climb(folder)
    assert study.decision is not None and study.decision.verdict == "target met" and seeing.calls == 0


@pytest.mark.parametrize("text_alone", [FakeModel(), RemoteModel(ModelSettings(name="m", base_url="http://127.0.0.1:9/v1"))])
def test_a_model_that_reads_text_alone_raises_where_an_image_is_put_to_it(text_alone: Any) -> None:
    dot = MediaPart("a" * 64, "image/png", "/nowhere/red.png")
    with pytest.raises(ModelError, match=r"cannot be read as text|reads text alone"):
        text_alone.reply([Request((Message("user", (TextPart("Which colour?"), dot)),))])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"input": "{{text}}", "data": {"file": "d.csv", "images": ["photo"]}}, "which `input` does not read"),
        ({"input": "{{photo}}", "context": "{{photo}}", "data": {"file": "d.csv", "images": ["photo"]}}, "in `input` alone"),
        ({"model": {"name": "folder", "media": ["image"]}}, "other models on this machine read text alone"),
        ({"model": {"name": "m", "base_url": "http://127.0.0.1:9/v1", "media": ["sound"]}}, "image"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Task.model_validate(SETTINGS | changes)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../secret.png", "it lies outside this folder"),
        ("/etc/hostname", "it lies outside this folder"),
        ("link.png", "it lies outside this folder"),
        ("dots/../../secret.png", "it lies outside this folder"),
        ("https://example.org/a.png", "nothing is fetched"),
        ("data:image/png;base64,AAAA", "nothing is fetched"),
        ("file:///etc/hostname", "nothing is fetched"),
        ("missing.png", "there is no such file"),
        ("dots", "Is a directory"),
        ("drawing.svg", "it is a drawing (SVG)"),
        ("drawing.png", "it is a drawing (SVG)"),
        ("words.png", "it is no PNG, JPEG, WebP or GIF"),
        ("empty.png", "it is empty"),
        ("cut.png", "its end is missing"),
        ("cut.jpg", "its end is missing"),
        ("cut.gif", "its end is missing"),
        ("cut.webp", "its end is missing"),
        ("pipe.png", "it is a pipe"),
        ("large.png", "it is larger than"),
        ("a" * 300 + ".png", "File name too long"),
        ("a\0b.png", "null"),
    ],
)
def test_what_is_no_image_of_the_project_is_refused_with_its_row(name: str, why: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    write_dots(folder)
    (tmp_path / "secret.png").write_bytes(png("red", 1))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    drawing = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    for drawn in ("drawing.svg", "drawing.png"):
        (folder / drawn).write_text(drawing, encoding="utf-8")
    (folder / "words.png").write_text("not an image", encoding="utf-8")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(png("red", 1)[:40])
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 40)
    (folder / "cut.gif").write_bytes(b"GIF89a" + b"\1" * 40)
    (folder / "cut.webp").write_bytes(b"RIFF\xff\0\0\0WEBPVP8 " + b"\0" * 40)
    (folder / "large.png").write_bytes(png("red", 1) + b"\0" * IMAGE_BYTES)
    os.mkfifo(folder / "pipe.png")
    write_yaml(folder, SETTINGS | {"input": "{{photo}}", "output": "colour", "data": {"file": "data.jsonl", "images": ["photo"]}})

    rows = [{"photo": f"dots/{number}.png", "colour": list(COLOURS)[number % 3]} for number in range(30)]
    rows[3]["photo"] = name
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(DataError, match=r"`photo` must name image files, but does not in data.jsonl row 4 ") as caught:
        load_splits(load_project(folder))
    assert why in str(caught.value) and "row 5" not in str(caught.value)


def test_images_inside_a_table_are_named_and_not_read_as_text(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    names = list(COLOURS)
    images = {f"{number}.png": png(names[number % 3], number) for number in range(30)}
    rows = [
        {"image": {"bytes": data, "path": name}, "label": label}
        for (name, data), label in zip(images.items(), names * 10, strict=True)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    made = tailor("init", tmp_path / "a.parquet")
    assert "warning: a.parquet holds images as bytes in `image`; they are not read. Save each as a file" in made.output
    checked = tailor("check", tmp_path)
    assert (
        checked.exit_code != 0 and "`image` must name image files" in checked.output and "there is no such file" in checked.output
    )
    for name, data in images.items():
        (tmp_path / name).write_bytes(data)
    assert len({row.media["image"].sha256 for row in rows_of(tmp_path).values()}) == 30
    plain = [{"image": png(names[n % 3], n), "text": f"a text {n}"} for n in range(3)]
    parquet.write_table(pyarrow.Table.from_pylist(plain), tmp_path / "b.parquet")
    assert [row["image"] for row in read_table(tmp_path / "b.parquet").rows] == ["", "", ""]


# --- which row it is


def test_a_changed_image_is_another_row_and_a_moved_one_the_same(tmp_path: Path, seeing: Endpoint) -> None:
    folder = initialised(tmp_path, seeing)
    before = rows_of(folder)
    os.rename(folder / "dots" / "5.png", folder / "moved.png")
    (folder / "dots" / "7.png").write_bytes(png("green", 1007))
    table = (folder / "data.csv").read_text(encoding="utf-8").replace("dots/5.png", "moved.png")
    (folder / "data.csv").write_text(table, encoding="utf-8")
    after = rows_of(folder)
    changed = {name for name in before if before[name].fingerprint != after[name].fingerprint}
    assert changed == {name for name in before if before[name].answer_key != after[name].answer_key} == {"8"}
    assert after["6"].media["photo"].path == "moved.png" and before["6"].media["photo"] == after["6"].media["photo"]


def test_images_tell_rows_apart_and_a_shared_image_keeps_rows_together(tmp_path: Path) -> None:
    write_dots(tmp_path)
    rows = [(f"dots/{number // 2}.png", f"What is this? {number % 2}", list(COLOURS)[number // 2 % 3]) for number in range(96)]
    (tmp_path / "data.csv").write_text("photo,ask,colour\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows), encoding="utf-8")
    settings = {"input": "{{photo}} {{ask}}", "output": "colour", "data": {"file": "data.csv", "images": ["photo"]}}
    write_yaml(tmp_path, SETTINGS | settings)
    found = rows_of(tmp_path)
    units: dict[str, set[str]] = {}
    for row in found.values():
        units.setdefault(row.unit, set()).add(row.media["photo"].sha256)
    assert len(units) == 48 and all(len(images) == 1 for images in units.values())


def test_an_empty_cell_is_a_row_without_an_image(tmp_path: Path, seeing: Endpoint) -> None:
    folder = initialised(tmp_path, seeing)
    lines = (folder / "data.csv").read_text(encoding="utf-8").splitlines()
    lines[4] = f",{lines[4].partition(',')[2]}"
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    row = rows_of(folder)["4"]
    assert (row.fields["photo"], row.media) == ("", {})
    assert "1 row with nothing in the input" in tailor("check", folder).output


def test_an_image_that_changes_while_it_is_asked_about_stops_the_run(tmp_path: Path, seeing: Endpoint) -> None:
    there = tmp_path / "red.png"
    there.write_bytes(png("red", 5000))
    dot = MediaPart(_sha256(there), "image/png", str(there))
    asked = Request((Message("user", (dot,)),))
    model = RemoteModel(ModelSettings(name="eye", base_url=seeing.url, context_tokens=8192, media=("image",)))
    there.write_bytes(png("red", 5001))
    with pytest.raises(ModelError, match="`red.png` was changed while it was being asked about"):
        model.reply([asked])
    there.unlink()
    with pytest.raises(ModelError, match="`red.png` cannot be read any more: No such file"):
        model.reply([asked])
    there.write_bytes(png("red", 5000))
    assert model.reply([asked])[0].text == "red" and seeing.calls == 1


# --- what is sent


def test_parts_are_sent_in_their_order_and_a_text_alone_as_it_always_was(tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(png("red", 1))
    dot = MediaPart(_sha256(tmp_path / "red.png"), "image/png", str(tmp_path / "red.png"))
    asked = Request((message("system", "Look."), Message("user", (TextPart("a"), dot, TextPart("b")))), json_schema="{}")
    plain = Request((message("system", "Look."), message("user", "ab")))
    body = payload(asked, "m", Dialect())
    assert [part["type"] for part in body["messages"][1]["content"]] == ["text", "image_url", "text"]
    assert images_in(body) == [(tmp_path / "red.png").read_bytes()]
    assert payload(plain, "m", Dialect())["messages"][1] == {"role": "user", "content": "ab"}
    merged = payload(asked, "m", Dialect(system=False, schema="prompt"))["messages"]
    assert len(merged) == 1 and [part["type"] for part in merged[0]["content"]] == ["text", "image_url", "text", "text"]
    assert merged[0]["content"][0]["text"] == "Look.\n\nQuestion: a"
    alone = payload(Request((message("system", "Look."), Message("user", (dot,)))), "m", Dialect(system=False))["messages"]
    assert [part["type"] for part in alone[0]["content"]] == ["text", "image_url"]
    responses = payload(asked, "m", Dialect(api="responses"))["input"][1]["content"]
    assert [part["type"] for part in responses] == ["input_text", "input_image", "input_text"]
    assert responses[1]["image_url"] == body["messages"][1]["content"][1]["image_url"]["url"]


def test_an_image_counts_by_a_stated_number_of_tokens_and_not_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(png("red", 1) + b"\0" * 1_000_000)
    dot = MediaPart(_sha256(tmp_path / "red.png"), "image/png", str(tmp_path / "red.png"))
    plain, asked = (Request((Message("user", parts),)) for parts in ((TextPart("a"),), (TextPart("a"), dot)))
    assert estimate_tokens(asked.messages) == estimate_tokens(plain.messages) + IMAGE_TOKENS
    for dialect in (Dialect(), Dialect(api="responses")):
        bodies = [payload(request, "m", dialect) for request in (plain, asked)]
        (text, _), (both, _) = (most_tokens(body, 8192) for body in bodies)
        assert text + MOST_IMAGE_TOKENS <= both <= text + MOST_IMAGE_TOKENS + 100
        assert shape(bodies[0]) < shape(bodies[1]), "an endpoint that takes text may not take images"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
