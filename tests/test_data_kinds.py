"""What `tailor init` makes of the kinds of files that people bring: which columns are asked, which kind, which files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from data_helpers import rows, sentence, write_csv
from typer.testing import CliRunner

from tailor.cli import app
from tailor.data.guess import GivenOptions, GuessedTask, guess_task
from tailor.data.scaffold import write_project
from tailor.data.split import load_splits
from tailor.errors import ConfigError, DataError
from tailor.project import load_project

Row = Mapping[str, object]


def jsonl(folder: Path, make: Callable[[int], Row], n: int = 60, name: str = "data.jsonl") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(make(number)) for number in range(n)), encoding="utf-8")
    return path


def guess(folder: Path, make: Callable[[int], Row], options: GivenOptions | None = None) -> GuessedTask:
    """The guess, after its settings were written and the data split by them."""
    found = guess_task(jsonl(folder, make), options or GivenOptions())
    load_splits(load_project(write_project(found)))
    return found


def two(number: int) -> str:
    return "ab"[number % 2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("premise", "hypothesis"),
        ("sentence1", "sentence2"),
        ("text_a", "text_b"),
        ("question1", "question2"),
        ("title", "body"),
        ("subject", "body"),
        ("response_a", "response_b"),
    ],
)
def test_both_texts_of_a_pair_are_asked(tmp_path: Path, first: str, second: str) -> None:
    found = guess(tmp_path, lambda n: {second: sentence(n + 500), first: sentence(n), "label": two(n)})
    names = (first.replace("_", " "), second.replace("_", " "))
    assert found.asked.template == f"{names[0]}: {{{{{first}}}}}\n{names[1]}: {{{{{second}}}}}"
    assert found.kind.name == "classify"
    assert f"Read the {names[0]} and the {names[1]} and name their label." in (tmp_path / "tailor.yaml").read_text(encoding="utf-8")


def test_two_texts_that_are_no_pair_are_not_both_asked(tmp_path: Path) -> None:
    assert (
        guess(tmp_path, lambda n: {"text": sentence(n), "remark": sentence(n + 500), "label": two(n)}).asked.template == "{{text}}"
    )


def test_an_instruction_that_differs_is_asked_and_one_that_does_not_is_the_instruction(tmp_path: Path) -> None:
    varied = guess(tmp_path / "a", lambda n: {"instruction": f"Do {n}.", "input": sentence(n), "output": sentence(n + 500)})
    assert varied.asked.template == "{{instruction}}\n{{input}}"
    same = guess(tmp_path / "b", lambda n: {"instruction": "Turn it round.", "input": sentence(n), "output": sentence(n + 500)})
    assert same.asked.template == "{{input}}"
    assert load_project(tmp_path / "b").task.instruction == "Turn it round."
    assert "Every row gives the model the same text (`Turn it round.`)" in " ".join(finding.what for finding in same.findings)


def test_an_instruction_without_input_is_what_is_asked(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: {"instruction": sentence(n), "input": "", "output": sentence(n + 500)})
    assert (found.asked.template, found.kind.name) == ("{{instruction}}", "answer")


def chat(*turns: tuple[str, str]) -> dict[str, object]:
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def test_what_the_system_says_is_asked_where_it_differs(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: chat(("system", f"Plan {two(n // 2)}"), ("user", sentence(n)), ("assistant", two(n))))
    assert (found.asked.template, found.kind.name) == ("{{system}}\n{{input}}", "classify")


def test_what_the_system_always_says_is_the_instruction(tmp_path: Path) -> None:
    guess(tmp_path / "a", lambda n: chat(("system", "Sort it."), ("user", sentence(n)), ("assistant", two(n))))
    assert load_project(tmp_path / "a").task.instruction == "Sort it. Answer with one of the labels and nothing else."
    braced = guess(tmp_path / "b", lambda n: chat(("system", "Fill {{x}}."), ("user", sentence(n)), ("assistant", two(n))))
    assert braced.asked.template == "{{system}}\n{{input}}"


def test_a_chat_with_the_steps_of_tools_is_asked_as_the_conversation_that_it_is(tmp_path: Path) -> None:
    turns = [("user", "Hi"), ("assistant", "Yes?")]
    found = guess(tmp_path, lambda n: chat(*turns, ("user", sentence(n)), ("tool", f"queue {n}"), ("assistant", two(n))))
    assert found.asked.template == "{{messages}}"


@pytest.mark.parametrize("name", ["context", "passage"])
def test_a_question_is_asked_with_its_own_context(tmp_path: Path, name: str) -> None:
    found = guess(tmp_path, lambda n: {"question": sentence(n), name: sentence(n + 500), "answers": {"text": [f"w{n}"]}})
    assert found.asked.template == f"{name}: {{{{{name}}}}}\nquestion: {{{{question}}}}"
    assert f"using only the {name}." in load_project(tmp_path).task.instruction


def test_the_number_of_a_paragraph_is_no_context(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: {"paragraph": n, "question": sentence(n), "answer": f"w{n}"})
    assert found.asked.template == "{{question}}"


def test_a_file_that_cannot_be_read_is_not_replaced_by_another_of_its_name(tmp_path: Path) -> None:
    files(tmp_path, ["train.jsonl", "test.jsonl"])
    (tmp_path / "train.arff").write_text("a\tO\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"`train\.arff` ends in `\.arff`"):
        guess_task(tmp_path / "train.arff")


def test_a_context_is_not_shown_where_documents_are_searched_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.md").write_text("# A\n", encoding="utf-8")
    make = lambda n: {"question": sentence(n), "context": sentence(n + 500), "answer": f"w{n}"}  # noqa: E731
    found = guess(tmp_path, make, GivenOptions(documents=tmp_path / "pages"))
    assert found.asked.template == "{{question}}"
    assert "`context` is not shown to the model" in " ".join(finding.what for finding in found.findings)


@pytest.mark.parametrize(
    ("choices", "template"),
    [
        ({"A": "x", "B": "y", "C": "z"}, "A: {{A}}\nB: {{B}}\nC: {{C}}"),
        ({"option_a": "x", "option_b": "y", "option_c": "z"}, "A: {{option_a}}\nB: {{option_b}}\nC: {{option_c}}"),
        ({"choices": ["x", "y", "z"]}, "choices: {{choices}}"),
        ({"choices": {"text": ["x", "y"], "label": ["A", "B"]}}, "choices: {{choices}}"),
    ],
)
def test_the_choices_are_shown_with_the_question(tmp_path: Path, choices: Row, template: str) -> None:
    found = guess(tmp_path, lambda n: {"question": sentence(n), **choices, "answer": "ABC"[n % 3]})
    assert found.asked.template == f"{{{{question}}}}\n{template}"


def test_the_letters_of_choices_in_columns_are_labels(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: {"question": sentence(n), "A": "x", "B": f"y{n}", "C": "z", "answer": "ABC"[n % 3]})
    assert (found.kind.name, found.labels) == ("classify", ("A", "B", "C"))


def test_the_numbers_of_listed_choices_are_labels_and_their_texts_are_not(tmp_path: Path) -> None:
    found = guess(tmp_path / "a", lambda n: {"question": sentence(n), "choices": ["x", "y", "z"], "answer": n % 3})
    assert (found.kind.name, found.labels) == ("classify", ("0", "1", "2"))
    texts = guess(tmp_path / "b", lambda n: {"question": sentence(n), "choices": ["xyz", "abc"], "answer": ["xyz", "abc"][n % 2]})
    assert texts.kind.name == "answer"


def test_the_questions_of_a_form_are_not_put_into_the_instruction(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: {"What is the matter today?": sentence(n), "Which team should see to it?": two(n)})
    assert (found.input, found.output) == ("What is the matter today?", "Which team should see to it?")
    assert load_project(tmp_path).task.instruction.startswith("Read the text and name its label.")


def test_who_wrote_and_about_what_are_no_labels(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: {"from": f"p{n % 9}", "subject": "abc"[n % 3], "body": sentence(n), "queue": two(n)})
    assert (found.output, found.asked.columns) == ("queue", ("subject", "body"))


@pytest.mark.parametrize("cell", [lambda n: [two(n)], lambda n: {"choices": [two(n)]}, lambda n: f"['{two(n)}']"])
def test_one_label_in_a_list_is_a_label(tmp_path: Path, cell: Callable[[int], object]) -> None:
    found = guess(tmp_path, lambda n: {"text": sentence(n), "label": cell(n)})
    assert (found.kind.name, found.labels) == ("classify", ("a", "b"))


def test_several_labels_in_some_rows_are_said_and_refused_with_the_rows(tmp_path: Path) -> None:
    path = jsonl(tmp_path, lambda n: {"text": sentence(n), "label": ["a", "b"] if n == 7 else [two(n)]})
    found = guess_task(path)
    assert found.labels == ("a", "b")
    assert "`label` holds several labels in data.jsonl row 8" in found.findings[-1].what
    with pytest.raises(DataError, match="holds several labels in data.jsonl row 8, but kind `classify` takes one"):
        load_splits(load_project(write_project(found)))


def test_lists_of_answers_are_answers_and_no_labels(tmp_path: Path) -> None:
    assert guess(tmp_path, lambda n: {"question": sentence(n), "answers": [two(n), "c"]}).kind.name == "answer"


def test_names_of_labels_are_taken_before_their_numbers(tmp_path: Path) -> None:
    for name in ("label_text", "label_name"):
        found = guess(tmp_path / name, lambda n, name=name: {"text": sentence(n), "label": n % 2, name: two(n)})  # type: ignore[misc]
        assert (found.output, found.labels) == (name, ("a", "b"))


def test_columns_of_an_annotation_tool_are_not_taken_for_labels(tmp_path: Path) -> None:
    found = guess(
        tmp_path,
        lambda n: {"annotator": "xyz"[n % 3], "lead_time": n, "created_at": "2024", "mood": two(n), "text": sentence(n)},
    )
    assert (found.input, found.output) == ("text", "mood")
    decided = guess(tmp_path / "b", lambda n: {"text": sentence(n), "label": two(n), "answer": "accept" if n % 5 else "reject"})
    assert (decided.output, decided.labels) == ("label", ("a", "b"))


def test_columns_of_several_annotators_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="could be `rater_1`, `rater_2`"):
        guess(tmp_path, lambda n: {"text": sentence(n), "rater_1": two(n), "rater_2": two(n // 2)})


def test_lists_of_ever_other_texts_are_named_and_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`tags` holds several texts per row"):
        guess(tmp_path, lambda n: {"text": sentence(n), "tags": ["x", "y", str(n)]})


@pytest.mark.parametrize("missing", ["nan", "\\N", "#N/A"])
def test_missing_values_are_no_labels(tmp_path: Path, missing: str) -> None:
    found = guess(tmp_path, lambda n: {"text": sentence(n), "label": [missing, "a", "b"][n % 3]})
    assert found.labels == ("a", "b")
    assert f"`{missing}` in `label` is what programs write for a missing value; data.jsonl row 1," in found.findings[-1].what


def test_a_file_without_names_is_refused_and_no_message_is_written_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("\n".join(f"{text},{label}" for text, label in rows(60)), encoding="utf-8")
    with pytest.raises(DataError, match="seems to have no header") as caught:
        guess_task(path)
    assert "--columns text,label" in caught.value.hint
    assert not (tmp_path / "tailor.yaml").exists()
    done = CliRunner().invoke(app, ["init", str(path), "--columns", "text,label"])
    assert done.exit_code == 0
    splits = load_splits(load_project(tmp_path))
    assert sum(map(len, (splits.train, splits.dev, splits.test, splits.reserve))) == 60


def test_an_encoding_given_to_init_is_written_down(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(("text,label\n" + "\n".join(f"{text} für,{label}" for text, label in rows(60))).encode("cp1252"))
    assert CliRunner().invoke(app, ["init", str(path), "--encoding", "cp1252"]).exit_code == 0
    assert load_splits(load_project(tmp_path)).train[0].fields["text"].endswith("für")


# Files


def test_ids_that_begin_anew_in_the_test_file_are_no_ids(tmp_path: Path) -> None:
    for name in ("train", "test"):
        jsonl(tmp_path, lambda n, name=name: {"id": n, "text": f"{name} {sentence(n)}", "label": two(n)}, name=f"{name}.jsonl")  # type: ignore[misc]
    found = guess_task(tmp_path / "train.jsonl")
    assert (found.id, set(found.files)) == ("", {"train", "test"})
    assert len(load_splits(load_project(write_project(found))).test) == 60


def files(folder: Path, names: Sequence[str]) -> None:
    for offset, name in enumerate(names):
        make = lambda n, offset=offset: {"text": sentence(n + 100 * offset), "label": two(n)}  # noqa: E731
        if name.endswith(".csv"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_csv(folder / name, [(sentence(n + 100 * offset), two(n)) for n in range(40)])
        else:
            jsonl(folder, make, 40, name)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["train.csv", "test.jsonl"], {"train": "train.csv", "test": "test.jsonl"}),
        (["tickets_train.csv", "tickets_test.csv", "other_test.csv"], {"train": "tickets_train.csv", "test": "tickets_test.csv"}),
        (["train-en.jsonl", "dev-en.jsonl", "test-en.jsonl"],
         {"train": "train-en.jsonl", "dev": "dev-en.jsonl", "test": "test-en.jsonl"}),
        (
            ["train-00000-of-00002.jsonl", "train-00001-of-00002.jsonl", "test-00000-of-00001.jsonl"],
            {"train": "train-*-of-00002.jsonl", "test": "test-00000-of-00001.jsonl"},
        ),
        (["train/0000.jsonl", "test/0000.jsonl", "validation/0000.jsonl"],
         {"train": "train/0000.jsonl", "dev": "validation/0000.jsonl", "test": "test/0000.jsonl"}),
        (["train.csv", "validation.csv"], {"file": "train.csv"}),
        (["tickets-2023.csv", "tickets-2024.csv"], {"file": "tickets-2023.csv"}),
    ],
)  # fmt: skip
def test_the_files_that_go_with_a_training_file(tmp_path: Path, names: Sequence[str], found: Mapping[str, str]) -> None:
    files(tmp_path, names)
    guessed = guess_task(tmp_path / names[0])
    assert {setting: path.resolve().relative_to(tmp_path.resolve()).as_posix() for setting, path in guessed.files.items()} == found
    load_splits(load_project(write_project(guessed, tmp_path)))


def test_a_test_file_without_answers_is_left_out_and_said(tmp_path: Path) -> None:
    files(tmp_path, ["train.csv"])
    (tmp_path / "test.csv").write_text("text\n" + "\n".join(sentence(n) for n in range(30)), encoding="utf-8")
    found = guess_task(tmp_path / "train.csv")
    assert {name: path.name for name, path in found.files.items()} == {"file": "train.csv"}
    assert "test.csv has no column `label`, so it is not used." in found.findings[0].what


QUESTION = {"text": "text: {{text}}\nquestion: {{question}}", "article": "article: {{article}}\nquestion: {{question}}"}


@pytest.mark.parametrize("about", QUESTION)
def test_a_question_is_asked_with_the_text_that_it_is_about(tmp_path: Path, about: str) -> None:
    found = guess(tmp_path, lambda n: {about: sentence(n), "question": sentence(n + 500), "answer": f"k{n}"})
    assert (found.asked.template, found.input, found.kind.name) == (QUESTION[about], "question", "answer")


def test_a_question_of_few_kinds_is_asked_with_the_text_and_its_two_choices(tmp_path: Path) -> None:
    def row(n: int) -> Row:
        asked = {"premise": sentence(n), "question": ("cause", "effect")[n // 2 % 2]}
        return {**asked, "choice1": f"it {n}", "choice2": f"he {n}", "label": n % 2}

    found = guess(tmp_path, row)
    assert found.asked.template == "premise: {{premise}}\nquestion: {{question}}\n1: {{choice1}}\n2: {{choice2}}"


@pytest.mark.parametrize(
    ("row", "output", "template"),
    [
        ({"prompt": "p {}", "completion": "c {}", "label": 2}, "label", "prompt: {{prompt}}\ncompletion: {{completion}}"),
        ({"instruction": "p {}", "response": "c {}", "category": 2}, "response", "{{instruction}}"),
        ({"article": "p {} of words", "highlights": "c {}"}, "highlights", "{{article}}"),
        (
            {"sentence1": "p {}", "sentence2": "c {}", "is_duplicate": 2},
            "is_duplicate",
            "sentence1: {{sentence1}}\nsentence2: {{sentence2}}",
        ),
    ],
)
def test_the_answer_to_what_is_asked_is_found(tmp_path: Path, row: Row, output: str, template: str) -> None:
    found = guess(tmp_path, lambda n: {key: n % 2 if cell == 2 else str(cell).format(sentence(n)) for key, cell in row.items()})
    assert (found.output, found.asked.template) == (output, template)


def test_columns_that_hold_0_and_1_are_a_label_each_and_that_is_said(tmp_path: Path) -> None:
    path = jsonl(tmp_path, lambda n: {"text": sentence(n), "billing": n % 2, "refund": n // 2 % 2})
    found = guess_task(path)
    assert (found.kind.name, found.output, found.labels) == ("tags", "billing, refund", ("billing", "refund"))
    assert any("`billing`, `refund` hold 0 and 1: each is taken for a label" in finding.what for finding in found.findings)
    alone = guess_task(path, GivenOptions(output="refund"))
    assert (alone.kind.name, alone.labels) == ("classify", ("0", "1"))


def test_a_thought_before_the_answer_is_no_part_of_a_label(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: {"text": sentence(n), "label": f"<think>\nwell, {n}\n</think>\n\n{two(n)}"})
    assert found.labels == ("a", "b")
    assert any("thoughts or working before the answer in 60 rows" in finding.what for finding in found.findings)


def test_answers_that_are_objects_of_their_own_are_named(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: {"text": sentence(n), "label": {"id": n % 2, "name": two(n)}})
    assert any("holds objects with values of their own in data.jsonl row 1" in finding.what for finding in found.findings)


def test_several_labels_in_a_cell_are_said(tmp_path: Path) -> None:
    found = guess(tmp_path, lambda n: {"text": sentence(n), "label": ("a;b", "a", "b")[n % 3]})
    assert (found.kind.name, found.labels) == ("tags", ("a", "b"))
