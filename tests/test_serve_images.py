"""Images in requests: read as the study read those of its rows, refused by name where none were measured, and kept nowhere."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_helpers import write_yaml
from dots import COLOURS, chunk, images_in, png, sees, write_dots
from endpoint import Endpoint as Remote
from flow import climb, tailor
from serving_helpers import Answered, Client, http, serving

from tailor.conversation import turns_in
from tailor.limits import IMAGE_BYTES
from tailor.serving.bundle import RECORD, BundleSource
from tailor.serving.certified import CERTIFIED
from tailor.serving.elsewhere import Runtime, check
from tailor.serving.endpoint import Endpoint
from tailor.serving.server import Server
from tailor.serving.worker import Worker
from tailor.store.traffic import TRAFFIC, Traffic

PRICES = {"input_per_million": 1.0, "output_per_million": 4.0}


def url_of(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def part(url: object, **more: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def said(client: Client, content: object, **fields: object) -> Answered:
    name = client.endpoint.current.certified.task.name
    return client.post("/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": content}], **fields})


@pytest.fixture(scope="module")
def seeing() -> Iterator[Remote]:
    with Remote(sees) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, seeing: Remote) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("dots")
    made = tailor("init", write_dots(folder))
    assert made.exit_code == 0, made.output
    settings = yaml.safe_load((folder / "tailor.yaml").read_text(encoding="utf-8"))
    model = {"name": "eye", "base_url": seeing.url, "context_tokens": 8192, "media": ["image"]}
    write_yaml(folder, settings | {"model": model, "prices": PRICES, "target": 0.8, "ask_again": False})
    climb(folder)
    with serving(folder, rows=4, records=True) as client:
        yield client


def store_of(client: Client) -> Path:
    return client.endpoint.current.project.store


def test_an_image_is_sent_to_the_model_as_it_came_and_is_gone_afterwards(served: Client, seeing: Remote) -> None:
    for number, colour in enumerate(COLOURS, start=500):
        picture = png(colour, number)
        for answered in (
            said(served, [part(url_of(picture))]),
            said(served, [{"type": "text", "text": " "}, part(url_of(picture), detail="auto")]),
        ):
            assert answered.status == 200, answered.raw
            assert answered.body["choices"][0]["message"]["content"] == colour
            assert images_in(seeing.payloads[-1])[-1] == picture
        own = served.post("/answer", {"photo": url_of(picture)})
        assert own.body["label"] == colour
    assert list((store_of(served) / "asked").iterdir()) == []
    recorder = served.endpoint.recorder
    assert recorder is not None
    assert recorder.flush()
    with Traffic(store_of(served)) as traffic:
        assert {request.label for request in traffic.requests()} == set(COLOURS)
    assert base64.b64encode(png("red", 500))[:60] not in (store_of(served) / TRAFFIC).read_bytes()


def test_an_image_of_some_megabytes_comes_through_and_a_larger_one_is_refused(
    served: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("endpoint.LARGEST_REQUEST", 16 << 20)
    whole = png("blue", 7)
    large = whole[:-12] + chunk(b"tEXt", b"\0" * (IMAGE_BYTES - len(whole) - 12)) + whole[-12:]
    assert len(large) == IMAGE_BYTES
    assert said(served, [part(url_of(large))]).body["choices"][0]["message"]["content"] == "blue"
    refused = said(served, [part(url_of(large + b"\0"))])
    assert (refused.status, refused.error["code"]) == (400, "image_too_large")


@pytest.mark.parametrize(
    ("content", "param", "says"),
    [
        ([part("https://example.com/a.png")], "messages[0].content[0].image_url.url", "nothing is fetched"),
        ([part("file:///etc/passwd")], "messages[0].content[0].image_url.url", "nothing is fetched"),
        ([part("dots/1.png")], "messages[0].content[0].image_url.url", "nothing is fetched"),
        ([part(None)], "messages[0].content[0].image_url.url", "must be a data URL"),
        ([part("data:image/png;base64,!!")], "messages[0].content[0].image_url.url", "not in base64"),
        ([part(url_of(b"<svg></svg>", "image/svg+xml"))], "messages[0].content[0].image_url.url", "is no PNG"),
        ([part(url_of(png("red", 1)[:-12]))], "messages[0].content[0].image_url.url", "end that is missing"),
        ([part(url_of(png("red", 1)), detail="high")], "messages[0].content[0].image_url.detail", "was measured"),
        ([part(url_of(png("red", 1)))] * 2, "messages[0].content", "reads `photo` as images, each once, and the message holds 2"),
        ("What colour is it?", "messages[0].content", "the message holds 0"),
        ([{"type": "text", "text": "Be quick."}, part(url_of(png("red", 1)))], "messages[0].content", "Leave the text out"),
        ([{"type": "input_audio", "input_audio": {}}], "messages[0].content", "text and images were measured"),
    ],
)
def test_what_is_no_measured_image_is_refused_by_its_field(
    served: Client, seeing: Remote, content: object, param: str, says: str
) -> None:
    before = len(seeing.payloads)
    refused = said(served, content)
    assert (refused.status, refused.error["param"]) == (400, param), refused.raw
    assert says in refused.error["message"]
    assert len(seeing.payloads) == before
    assert not [path for path in (store_of(served) / "asked").glob("*") if path.is_file()]


def test_an_image_whose_request_finds_no_room_leaves_nothing_behind(served: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.endpoint.worker, "capacity", 0)
    assert said(served, [part(url_of(png("red", 1)))]).status == 429
    assert list((store_of(served) / "asked").iterdir()) == []


# --- conversations with images, and bundles


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory, seeing: Remote) -> Path:
    """A project of conversations whose last message shows an image, and that was measured with worked examples."""
    folder = tmp_path_factory.mktemp("talks")
    write_dots(folder)
    chats = []
    for number in range(96):
        asked = [
            {"type": "text", "text": f"And number {number}?"},
            {"type": "image_url", "image_url": {"url": f"dots/{number}.png"}},
        ]
        turns = [
            ("user", "I have some photos."),
            ("assistant", "Show me."),
            ("user", asked),
            ("assistant", list(COLOURS)[number % 3]),
        ]
        chats.append({"messages": [{"role": role, "content": content} for role, content in turns]})
    (folder / "chats.jsonl").write_text("".join(json.dumps(chat) + "\n" for chat in chats), encoding="utf-8")
    made = tailor("init", folder / "chats.jsonl")
    assert made.exit_code == 0, made.output
    settings = yaml.safe_load((folder / "tailor.yaml").read_text(encoding="utf-8"))
    model = {"name": "eye", "base_url": seeing.url, "context_tokens": 8192, "media": ["image"]}
    write_yaml(folder, settings | {"model": model, "prices": PRICES, "target": 0.8, "ask_again": False})
    climb(folder)
    return folder


def test_a_conversation_with_an_image_is_asked_as_measured_rows_are(talking: Path, seeing: Remote) -> None:
    with serving(talking, rows=4) as client:
        row = client.endpoint.current.certified.rows[0]
        number = int("".join(filter(str.isdigit, turns_in(row.example.fields["messages"])[-1].text)))
        picture = part(url_of(png(list(COLOURS)[number % 3], number)))
        client.post("/answer", {})
        seeing.payloads.clear()
        server = client.url
        assert check(client.endpoint.current, Runtime(server), rows=1, agreement=1.0).found.holds
        measured = seeing.payloads[-1]["messages"]
        talk: list[dict[str, Any]] = [
            {"role": "user", "content": "I have some photos."},
            {"role": "assistant", "content": "Show me."},
            {"role": "user", "content": [{"type": "text", "text": f"And number {number}?"}, picture]},
        ]
        asked = client.post("/v1/chat/completions", {"model": "chats", "messages": talk})
        assert asked.status == 200, asked.raw
        assert seeing.payloads[-1]["messages"] == measured
        early = [{"role": "user", "content": [{"type": "text", "text": "Look."}, picture]}, *talk[1:]]
        refused = client.post("/v1/chat/completions", {"model": "chats", "messages": early})
        assert (refused.status, refused.error["param"]) == (400, "messages[0].content")
        without = [*talk[:2], {"role": "user", "content": "And this one?"}]
        refused = client.post("/v1/chat/completions", {"model": "chats", "messages": without})
        assert (refused.status, refused.error["param"]) == (400, "messages[2].content")


def test_a_bundle_takes_its_images_along(talking: Path, tmp_path: Path) -> None:
    project = shutil.copytree(talking, tmp_path / "project")
    told = tailor("export", "--bundle", project, "--output", tmp_path / "bundle")
    assert told.exit_code == 0, told.output
    shutil.rmtree(project)
    source = BundleSource(tmp_path / "bundle", rows=4)
    served = source.opened()
    server = Server(Endpoint(served, Worker()), source, rows=4, agreement=1.0)
    with http(server) as client:
        assert server.open_gate()
        assert check(served, Runtime(client.url), rows=4, agreement=1.0).found.holds
    names = {path.stem for path in (tmp_path / "bundle" / "images").iterdir()}
    kept = CERTIFIED.validate_json((tmp_path / "bundle" / RECORD).read_bytes())
    rows = [row.example for row in kept.rows] + list(kept.system.prompt.shots)
    assert names == {image.sha256[:16] for row in rows for image in row.media.values()}
    assert not list((tmp_path / "bundle").rglob("dots"))


def test_an_image_that_was_changed_since_is_not_bundled(talking: Path, tmp_path: Path) -> None:
    project = shutil.copytree(talking, tmp_path / "project")
    for path in (project / "dots").iterdir():
        path.write_bytes(png("red", 2000))
    told = tailor("export", "--bundle", project, "--output", tmp_path / "bundle")
    assert told.exit_code != 0
    assert "another one than was measured" in told.output
    assert not (tmp_path / "bundle").exists()


def test_an_image_is_gone_even_where_the_queue_breaks_down(served: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(served.endpoint.worker, "submit", broken)
    assert said(served, [part(url_of(png("red", 1)))]).status == 500
    assert list((store_of(served) / "asked").iterdir()) == []
