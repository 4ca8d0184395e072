"""Content in parts: one way from a row to a question, and worked examples that are rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_helpers import make_example
from tiny import classify_material, make_engine, start

from tailor.approaches.prompting import FewShot
from tailor.content import MediaPart, TextPart, as_json, content, media_in, question, text_of
from tailor.data.example import Example
from tailor.errors import ModelError
from tailor.media import located
from tailor.models.base import Message, message
from tailor.models.fake import FakeModel
from tailor.store.packing import pack, unpack
from tailor.system import Shot, System, fingerprint_of

DOT = MediaPart("a" * 64, "image/png", "dots/red.png")
ROW = Example("1", {"text": "Which colour?", "dot": f"sha256:{DOT.sha256}"}, (), media={"dot": DOT})


def test_a_question_has_text_and_media_in_the_order_of_its_template() -> None:
    assert question("{{text}}", ROW) == (TextPart("Which colour?"),)
    assert question("{{dot}}", ROW) == (DOT,)
    assert question("Look: {{ dot }} {{text}}{{text}}", ROW) == (TextPart("Look: "), DOT, TextPart(" Which colour?Which colour?"))
    assert question("{{dot}}{{dot}}", ROW) == (DOT, DOT)
    assert text_of(question("Look: {{dot}} {{text}}", ROW)) == "Look:  Which colour?"
    with pytest.raises(KeyError, match="sound"):
        question("{{sound}}", ROW)


def test_a_text_alone_is_one_part_however_it_is_put_together() -> None:
    assert content("a", "", TextPart("b"), "c") == (TextPart("abc"),)
    assert content() == content("") == (TextPart(""),)
    assert question("{{text}}", make_example(1, "", text="")) == (TextPart(""),)


def test_media_are_the_same_wherever_their_files_lie() -> None:
    moved = MediaPart(DOT.sha256, DOT.mime, "elsewhere/red.png")
    assert moved == DOT and as_json((moved,)) == as_json((DOT,)) == [{"sha256": "a" * 64, "mime": "image/png"}]
    assert as_json((TextPart("a"),)) == "a" and media_in((TextPart("a"), DOT)) == (DOT,)


def test_an_image_is_looked_for_inside_its_project_alone(tmp_path: Path) -> None:
    inside = located((TextPart("a"), DOT), tmp_path)
    assert inside == (TextPart("a"), DOT) and media_in(inside)[0].path == str(tmp_path / DOT.path)
    (tmp_path / "link.png").symlink_to("/etc/hostname")
    for path in ("../secret.png", "/etc/hostname", "link.png"):
        with pytest.raises(ModelError, match="lies outside the project"):
            located((MediaPart("a" * 64, "image/png", path),), tmp_path)


def test_a_reader_of_text_refuses_media_instead_of_leaving_them_out() -> None:
    assert message("user", "a").text == "a"
    with pytest.raises(ModelError, match="a message holds image content, which cannot be read as text") as caught:
        Message("user", question("Look: {{dot}}", ROW)).text  # noqa: B018
    assert "media: [image]" in caught.value.hint


@pytest.mark.parametrize("choose", ["diverse", "nearest"])
def test_a_changed_template_shows_worked_examples_anew(choose: Any, tmp_path: Path) -> None:
    data, engine = classify_material(), make_engine(FakeModel(), tmp_path)
    system = FewShot(3, choose).fit(start(data, engine), data, engine)
    changed = system.with_(prompt={"input": "Mail: {{text}}"})
    for made, before in ((system, ""), (changed, "Mail: ")):
        ((chat, _),) = engine.messages(made, [data.dev[0]])
        turns = [turn.text for turn in chat if turn.role == "user"]
        assert len(turns) == 4 and all(turn.startswith(before) for turn in turns)
        assert {turn.removeprefix(before) for turn in turns[:-1]} <= {row.fields["text"] for row in data.train}
    assert changed.fingerprint != system.fingerprint and changed.prompt.shots == system.prompt.shots
    engine.ledger.close()


def test_an_example_kept_as_text_has_the_fingerprint_of_the_row_that_says_the_same(tmp_path: Path) -> None:
    data, engine = classify_material(), make_engine(FakeModel(), tmp_path)
    system = FewShot(3, "nearest").fit(start(data, engine), data, engine)
    kept = tuple(Shot(input=shot.fields["text"], answer=shot.answer) for shot in system.prompt.shots)
    old = system.with_(prompt={"shots": kept})
    assert old != system and old.fingerprint == system.fingerprint
    for made in (system, old):
        again = System.model_validate_json(made.model_dump_json())
        assert again == made and again.fingerprint == made.fingerprint == fingerprint_of(made.model_dump(mode="json"))
    assert engine.messages(old, data.dev) == engine.messages(system, data.dev)
    engine.ledger.close()


@pytest.mark.parametrize("choose", ["diverse", "nearest"])
def test_a_study_keeps_worked_examples_as_places_in_its_splits(choose: Any, tmp_path: Path) -> None:
    data, engine = classify_material(n_train=40), make_engine(FakeModel(), tmp_path)
    system = FewShot(3, choose).fit(start(data, engine), data, engine).model_dump(mode="json")
    engine.ledger.close()
    rows = [{"id": row.id, "fields": row.fields, "media": {}, "occurrence": 0} for row in data.train]
    run = {"system": system, "examples": rows[:2], "answers": [{"raw": "a"}, {"raw": "b"}], "scores": []}
    record = {"splits": {"train": rows, "dev": [], "test": [], "reserve": []}, "tests": [run]}
    packed, parts = pack(record, lambda system, keys: {})
    texts = [str(packed["systems"]), *parts.values()]
    assert sum(data.train[5].fields["text"] in text for text in texts) == 1, "it is in the splits alone"
    assert unpack(packed, lambda name: json.loads(parts[name]), lambda system, keys: {}) == record
