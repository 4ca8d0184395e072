from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_helpers import SHARED, rows, sentence, write_csv

from tailor.data.guess import GivenOptions, GuessedTask, guess_task
from tailor.data.scaffold import write_project
from tailor.data.split import load_splits
from tailor.errors import ConfigError, DataError
from tailor.project import load_project


def write(folder: Path, header: str, line: str, n: int = 60, name: str = "data.csv") -> Path:
    """A CSV whose lines are made from `line` by the number of the row, with some values that few, some or all rows share."""
    lines = [line.format(n=n, text=sentence(n), two="ab"[n % 2], five="vwxyz"[n % 5], many=n // 3) for n in range(n)]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def guess(folder: Path, header: str, line: str, n: int = 60) -> GuessedTask:
    return guess_task(write(folder, header, line, n))


def test_a_table_of_messages_and_labels_is_a_classification(tmp_path: Path) -> None:
    found = guess(tmp_path, "id,text,intent,channel,customer_id", "t{n},{text},{five},{two},c{many}")
    assert (found.kind.name, found.input, found.output, found.id) == ("classify", "text", "intent", "id")
    assert found.labels == ("v", "w", "x", "y", "z")
    assert found.report_by == ("channel",)
    assert found.group_by == "customer_id"


def test_columns_are_found_without_telling_names(tmp_path: Path) -> None:
    found = guess(tmp_path, "nr,was,wohin", "{n},{text},{five}")
    assert (found.input, found.output, found.kind.name) == ("was", "wohin", "classify")


def test_questions_with_answers_are_answered_from_the_documents_beside_them(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# A\n", encoding="utf-8")
    found = guess(tmp_path, "id,question,answer,page,quote", "{n},{text}?,{five},a.md,a {five}")
    assert (found.kind.name, found.input, found.output) == ("answer", "question", "answer")
    assert (found.source, found.quote, found.documents) == ("page", "quote", docs.resolve())


def test_what_is_given_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label,other", "{text},{five},{two}")
    found = guess_task(path, GivenOptions(output="other", input="text", kind="answer"))
    assert (found.kind.name, found.output, found.labels) == ("answer", "other", ())


def test_train_and_test_files_beside_each_other_are_used_together(tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv", "val.csv"):
        write(tmp_path, "text,label", "{text},{five}", name=name)
    assert {name: path.name for name, path in guess_task(tmp_path / "train.csv").files.items()} == {
        "train": "train.csv",
        "dev": "val.csv",
        "test": "test.csv",
    }
    assert guess_task(tmp_path / "test.csv").files == {"file": tmp_path / "test.csv"}


def test_earlier_turns_of_a_chat_are_shown_before_the_last(tmp_path: Path) -> None:
    chats = []
    for number in range(60):
        turns = [("user", "Hi"), ("assistant", "Yes?"), ("user", sentence(number)), ("assistant", "ab"[number % 2])]
        chats.append(json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}))
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(chats), encoding="utf-8")
    found = guess_task(path)
    assert (found.kind.name, found.input, found.output) == ("classify", "input", "output")
    assert load_project(write_project(guess_task(path))).task.input == "{{messages}}"


@pytest.mark.parametrize(
    ("header", "line", "sentence", "option"),
    [
        ("text,colour,shape", "{text},{two},{five}", "could be `colour`, `shape`", "--output (and --input)"),
        ("text", "{text}", "No column of data.csv looks like the right answer", "--output"),
        ("label,size", "{two},{five}", "No column of data.csv looks like the text", "--input"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(tmp_path: Path, header: str, line: str, sentence: str, option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        guess(tmp_path, header, line)
    assert sentence in str(caught.value)
    assert option in caught.value.hint
    assert f"`{header.split(',')[0]}`" in caught.value.hint


def test_several_labels_per_row_are_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(json.dumps({"text": sentence(n), "tags": ["a", "b"][: n % 3]}) for n in range(60)), encoding="utf-8")
    with pytest.raises(ConfigError, match="No column of data.jsonl looks like the right answer"):
        guess_task(path)


def test_an_option_that_names_no_column_gives_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label", "{text},{two}")
    with pytest.raises(ConfigError, match="--output names `lable`; did you mean `label`"):
        guess_task(path, GivenOptions(output="lable"))


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("id,text,intent,channel,customer_id", "t{n},{text},{five},{two},c{many}"),
        ("question,answer", "{text}?,{text}"),
        ('"a: b # c",label', '{text},"{two}: # ""x"" \'\u2028{{{{y}}}}"'),
    ],
)
def test_what_is_written_loads_and_splits(tmp_path: Path, header: str, line: str) -> None:
    path = write_project(guess_task(write(tmp_path, header, line)))
    splits = load_splits(load_project(path))
    assert len(splits.train) == 30


def test_every_setting_written_has_a_comment_before_it(tmp_path: Path) -> None:
    lines = write_project(guess_task(write(tmp_path, "id,text,label", "{n},{text},{two}"))).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# What is measured.")
    assert sum(line.lstrip().startswith("#") for line in lines) > 20


def test_more_labels_than_one_would_read_are_not_listed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "data.csv", [(sentence(n), f"label {n % 90}") for n in range(900)])
    project = write_project(guess_task(path))
    assert "# The 90 labels are read from the data" in project.read_text(encoding="utf-8")
    assert load_project(project).task.labels == ()


def test_the_data_are_named_relative_to_another_folder(tmp_path: Path) -> None:
    data = write(tmp_path / "data", "text,label", "{text},{two}", name="my tickets.csv")
    path = write_project(guess_task(data), tmp_path / "project")
    assert load_project(path).task.data.file == "../data/my tickets.csv"
    assert load_project(path).task.name == "my-tickets"
    assert len(load_splits(load_project(path)).train) == 30


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    data = write(tmp_path, "text,label", "{text},{two}")
    (tmp_path / "tailor.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="exists already") as caught:
        write_project(guess_task(data))
    assert "--force" in caught.value.hint
    assert (tmp_path / "tailor.yaml").read_text(encoding="utf-8") == "mine"
    assert load_project(write_project(guess_task(data), force=True)).task.name


def test_nothing_is_written_when_something_is_wrong(tmp_path: Path) -> None:
    data = write(tmp_path, "text,label", "{text},{two}")
    with pytest.raises(ConfigError, match="--documents names"):
        guess_task(data, GivenOptions(documents=tmp_path / "nowhere"))
    with pytest.raises(DataError, match="There is no file"):
        guess_task(tmp_path / "nowhere.csv")
    with pytest.raises(ConfigError, match="cannot be named in a template"):
        write_project(guess_task(write(tmp_path, "te{x}t,label", "{text},{two}", name="braces.csv"), GivenOptions(input="te{x}t")))
    with pytest.raises(ConfigError, match="cannot be written"):
        write_project(guess_task(data), data)
    assert not (tmp_path / "tailor.yaml").exists()


def test_documents_given_make_it_a_question_about_them(tmp_path: Path) -> None:
    (tmp_path / "kb").mkdir()
    path = write_project(guess_task(write(tmp_path, "text,label", "{text},{two}"), GivenOptions(documents=tmp_path / "kb")))
    assert load_project(path).task.kind == "answer"
    assert load_project(path).documents == (tmp_path / "kb").resolve()


def test_hostile_labels_come_back_as_they_were(tmp_path: Path) -> None:
    source = SHARED / "naughty_strings" / "blns.json"
    if not source.is_file():
        pytest.skip("the naughty strings are not here")
    strings = sorted({text.strip() for text in json.loads(source.read_text(encoding="utf-8"))} - {""})
    short = [text for text in strings if len(text.split()) <= 3][:60]
    table = [{"text": text, "label": short[n % len(short)]} for n, (text, _) in enumerate(rows(600))]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, table)), encoding="utf-8")
    assert set(load_project(write_project(guess_task(tmp_path / "data.jsonl"))).task.labels) == set(short)
