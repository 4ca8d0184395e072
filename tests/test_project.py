from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_helpers import SETTINGS, write_yaml

from tailor.errors import ConfigError
from tailor.project import load_project


def refused(folder: Path, **changes: Any) -> ConfigError:
    write_yaml(folder, {**SETTINGS, **changes})
    with pytest.raises(ConfigError) as caught:
        load_project(folder)
    return caught.value


def test_a_folder_and_its_settings_file_give_the_same_project(tmp_path: Path) -> None:
    path = write_yaml(tmp_path, SETTINGS)
    assert load_project(tmp_path) == load_project(path)
    assert load_project(path).folder == tmp_path.resolve()
    assert load_project(path).store == tmp_path.resolve() / ".tailor"


def test_documents_are_relative_to_the_project(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    write_yaml(inner, {**SETTINGS, "documents": "../docs"})
    assert load_project(inner).documents == (tmp_path / "docs").resolve()
    write_yaml(inner, SETTINGS)
    assert load_project(inner).documents is None


@pytest.mark.parametrize("address", ["s3://bucket/docs", "file:///srv/docs", "https://example.org/a.pdf", "memory://x"])
def test_documents_at_an_address_are_refused_with_what_to_do(tmp_path: Path, address: str) -> None:
    said = str(refused(tmp_path, documents=address))
    assert f"'{address}' is an address" in said and "copy or mount them, and name the folder" in said


def test_an_unknown_setting_names_the_nearest(tmp_path: Path) -> None:
    assert str(refused(tmp_path, taget=0.9)) == "tailor.yaml: `taget` is not a setting; did you mean `target`?"


def test_an_unknown_setting_in_a_group_says_where_it_stands(tmp_path: Path) -> None:
    error = refused(tmp_path, prices={"eror": 1})
    assert str(error) == "tailor.yaml: `eror` is not a setting of `prices`; did you mean `error`?"
    error = refused(tmp_path, data={"file": "a.csv", "groupby": "x"})
    assert str(error) == "tailor.yaml: `groupby` is not a setting of `data`; did you mean `group_by`?"


def test_a_setting_in_the_wrong_group_is_shown_where_it_belongs(tmp_path: Path) -> None:
    assert str(refused(tmp_path, epochs=3)).endswith("did you mean `tuning.epochs`?")


def test_a_setting_like_no_other_lists_those_there_are(tmp_path: Path) -> None:
    assert "there are `answers_per_month` and `months`" in str(refused(tmp_path, volume={"qqq": 1}))


def test_missing_settings_are_listed_together(tmp_path: Path) -> None:
    write_yaml(tmp_path, {"name": "x", "kind": "classify", "instruction": "Name it."})
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    assert str(caught.value) == "tailor.yaml: `input`, `output` and `data` are missing"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "clasify"}, " is accepted; did you mean `classify`?"),
        ({"target": 1.5}, "`target` is `1.5`, but it should be less than or equal to 1"),
        ({"target": "high"}, "`target` is `high`, but a number is accepted"),
        ({"prices": {"error": -1}}, "`prices.error` is `-1`, but it should be greater than or equal to 0"),
        ({"prices": {"error": float("inf")}}, "`prices.error` is `Infinity`, but a finite number is accepted"),
        ({"budget": float("nan")}, "`budget` is `NaN`, but a finite number is accepted"),
        ({"ask_again": 3}, "`ask_again` is `3`, but true or false is accepted"),
        ({"max_words": "ten"}, "`max_words` is `ten`, but a whole number is accepted"),
        ({"prices": 3}, "`prices` is `3`, but a group of settings is accepted"),
        (
            {"labels": ["yes", True]},
            "`labels.1` is `True`, but text is accepted; write words such as yes, no, on, off, true and false between quotes",
        ),
        (
            {"name": "a/b"},
            "`name` is `a/b`, but up to 64 letters, digits, spaces, `.`, `_` and `-` are accepted, the first a letter",
        ),
        ({"instruction": ""}, "`instruction` is empty, but it should have at least 1 character"),
        ({"input": "text"}, "`input` names no column; write, for example, {{text}}"),
        ({"metric": "f1"}, "metric 'f1' does not fit kind 'classify'; use one of accuracy"),
        ({"data": {"file": "a.csv", "train": "b.csv"}}, "give either `file` (Tailor splits it) or `train` and `test`"),
        ({"kind": "answer", "pattern": "(a"}, "`pattern`: it is not a regular expression: missing ), unterminated subpattern"),
        ({"kind": "answer", "pattern": "[[a]"}, "`pattern`: it is not a regular expression: Possible nested set"),
        ({"kind": "answer", "json_schema": "{"}, "`json_schema`: it is not JSON"),
        ({"kind": "answer", "json_schema": ["a"]}, "`json_schema`: a JSON schema is a group of settings, such as {type: object}"),
        ({"kind": "answer", "pattern": "a", "json_schema": {"type": "null"}}, "give `pattern` or `json_schema`, one of the two"),
        ({"pattern": "a"}, "`pattern` and `json_schema` are for free answers; with kind `classify`, `labels` say what"),
        (
            {"kind": "answer", "pattern": "a", "model": {"name": "m", "base_url": "http://localhost/v1"}},
            "`pattern` needs a model on this machine; an endpoint can be held to a `json_schema`",
        ),
        ({"input": "{{text}} {{label}}"}, "a template reads {{label}}, but that column holds the right answer"),
    ],
)
def test_a_wrong_value_says_what_was_given_and_what_is_accepted(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    assert sentence in str(refused(tmp_path, **changes))


def test_a_schema_may_be_written_as_settings_or_as_text(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "null"}}}
    for given in (schema, json.dumps(schema), json.dumps(schema, indent=2)):
        write_yaml(tmp_path, {**SETTINGS, "kind": "answer", "json_schema": given})
        assert load_project(tmp_path).task.json_schema == json.dumps(schema)
    write_yaml(tmp_path, {**SETTINGS, "json_schema": ""})
    assert load_project(tmp_path).task.json_schema == ""


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    error = refused(tmp_path, taget=1, target=2)
    assert len(str(error).splitlines()) == 2
    assert error.hint == "2 settings need a change."


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("name: a\nkind: [classify\n", "tailor.yaml, line 3 is not YAML", "Indent with spaces"),
        ("name: a\ninput: {{text}}\n", "tailor.yaml, line 2 is not YAML", 'input: "{{text}}"'),
        ("name: a\nkind: classify\nname: b\n", "tailor.yaml, line 3 is not YAML: `name` is given twice", "Keep one"),
        ("", "tailor.yaml holds no settings", "tailor init"),
        ("just text", "tailor.yaml holds no settings", "tailor init"),
        ("name: \x07", "tailor.yaml is not YAML text in UTF-8", "UTF-8"),
        ("[" * 5000, "tailor.yaml is nested too deeply", ""),
    ],
)
def test_broken_yaml_gives_the_line_and_what_to_do(tmp_path: Path, text: str, message: str, hint: str) -> None:
    (tmp_path / "tailor.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_tag_in_yaml_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "tailor.yaml").write_text('name: !!python/object/apply:os.system ["touch ran"]', encoding="utf-8")
    with pytest.raises(ConfigError, match="could not determine a constructor"):
        load_project(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_settings_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tailor.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(ConfigError, match="is not YAML text in UTF-8"):
        load_project(tmp_path)


@pytest.mark.parametrize("name", ["", "nowhere", "data.csv"])
def test_what_is_not_a_project_says_how_to_make_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "data.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path / name)
    assert "tailor init" in caught.value.hint


def test_messages_show_no_control_characters(tmp_path: Path) -> None:
    assert "\x1b" not in str(refused(tmp_path, **{"\x1b[31mred": 1}))
