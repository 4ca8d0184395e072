"""Files that programs for chats, labels and tests of models write: each is read as what it is, or refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from data_helpers import sentence
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.conversation import turns_in as conversation_turns
from tailor.data.formats.chattext import turns_in
from tailor.data.formats.codepages import likely_codecs
from tailor.data.guess import GivenOptions, GuessedTask, guess_task
from tailor.data.scaffold import write_project
from tailor.data.split import load_splits, read_tables
from tailor.data.table import Table, read_table
from tailor.errors import ConfigError, DataError
from tailor.project import load_project

LABELS = ("billing", "refund", "delivery")
ROWS = [{"text": sentence(n), "label": LABELS[n % 3]} for n in range(60)]


def write(folder: Path, content: object, name: str = "data.json") -> Path:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "\n".join(map(json.dumps, rows))


def said(table: Table | GuessedTask) -> str:
    return " ".join(f"{finding.what} {finding.advice}" for finding in table.findings)


# --- splits that the data name


def split_of(number: int) -> str:
    return "train" if number % 10 < 6 else "Validation" if number % 10 < 7 else "test"


def test_rows_are_split_by_the_column_that_names_their_split(tmp_path: Path) -> None:
    rows = [{**row, "split": split_of(number)} for number, row in enumerate(ROWS)]
    guess = guess_task(write(tmp_path, lines(rows), "data.jsonl"))
    assert guess.split_by == "split" and "split" not in guess.report_by and "the rows are split so" in said(guess)
    project = load_project(write_project(guess))
    splits = load_splits(project)
    assert [len(part) for part in (splits.train, splits.dev, splits.test, splits.reserve)] == [36, 6, 18, 0]
    assert {example.row for example in splits.test} == {n + 1 for n in range(60) if split_of(n) == "test"}
    assert set(read_tables(project)) == {"train", "dev", "test"}


@pytest.mark.parametrize(
    ("split", "why"),
    [
        (lambda n: "train" if n % 5 else "dev", "it names no row of test"),
        (lambda n: ("train", "test", "extra")[n % 3], "not every row is train, dev or test"),
    ],
)
def test_a_column_of_splits_that_cannot_be_used_is_named(tmp_path: Path, split: object, why: str) -> None:
    assert callable(split)
    rows = [{**row, "split": split(number)} for number, row in enumerate(ROWS)]
    guess = guess_task(write(tmp_path, lines(rows), "data.jsonl"))
    assert guess.split_by == "" and why in said(guess) and "split again" in said(guess)


def test_test_rows_without_labels_are_not_split_off(tmp_path: Path) -> None:
    rows = [{**row, "split": split_of(n), "label": row["label"] if split_of(n) != "test" else ""} for n, row in enumerate(ROWS)]
    guess = guess_task(write(tmp_path, lines(rows), "data.jsonl"))
    assert guess.split_by == "" and "its rows of test have no right answers" in said(guess)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (("train", "later"), "`part` names no split in data.jsonl row 2, data.jsonl row 4"),
        (("train", "dev"), "`part` puts no row into test"),
    ],
)
def test_what_is_no_split_is_refused_with_its_rows(tmp_path: Path, values: Sequence[str], sentence: str) -> None:
    rows = [{**row, "part": values[n % 2]} for n, row in enumerate(ROWS)]
    write(tmp_path, lines(rows), "data.jsonl")
    settings = (
        "name: x\nkind: classify\ninstruction: Sort.\ninput: '{{text}}'\noutput: label\ndata: {file: data.jsonl, split_by: part}\n"
    )
    (tmp_path / "tailor.yaml").write_text(settings, encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        load_splits(load_project(tmp_path))


def test_a_column_of_splits_belongs_to_one_file(tmp_path: Path) -> None:
    settings = "name: x\nkind: classify\ninstruction: Sort.\ninput: '{{text}}'\noutput: label\n"
    (tmp_path / "tailor.yaml").write_text(f"{settings}data: {{train: a.csv, test: b.csv, split_by: part}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="`split_by` names a column of `file`"):
        load_project(tmp_path)


def test_lists_of_rows_for_each_split_are_one_table(tmp_path: Path) -> None:
    path = write(tmp_path, {"train": ROWS[:40], "val": ROWS[40:50], "test": ROWS[50:], "version": 2})
    table = read_table(path)
    assert [row["split"] for row in table.rows] == ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    assert "not read: `version`" in said(table) and guess_task(path).split_by == "split"


@pytest.mark.parametrize(("name", "beside"), [("train.jsonl", "valid.jsonl"), ("test.jsonl", "train.jsonl")])
def test_files_of_other_splits_that_are_not_used_are_named(tmp_path: Path, name: str, beside: str) -> None:
    for file in (name, beside, "faq.jsonl"):
        write(tmp_path, lines(ROWS), file)
    guess = guess_task(tmp_path / name)
    assert set(guess.files) == {"file"} and f"`{beside}` seem to be other splits" in said(guess) and "faq" not in said(guess)
    assert "other splits" not in said(guess_task(tmp_path / "faq.jsonl"))


# --- JSON that is nearly a table


def test_lists_of_texts_under_labels_are_rows(tmp_path: Path) -> None:
    by_label = {label: [str(row["text"]) for row in ROWS if row["label"] == label][: 20 - 3 * n] for n, label in enumerate(LABELS)}
    table = read_table(write(tmp_path, by_label))
    assert [(row["text"], row["label"]) for row in table.rows] == [(t, label) for label, texts in by_label.items() for t in texts]
    assert "a list of texts under each of 3 names" in said(table)


def test_lists_per_column_stay_columns(tmp_path: Path) -> None:
    for names in (("text", "label"), ("Satz", "Klasse")):
        columns = {names[0]: [row["text"] for row in ROWS], names[1]: [row["label"] for row in ROWS]}
        assert read_table(write(tmp_path, columns)).columns == names


@pytest.mark.parametrize(
    "text",
    [
        "[\n" + ",\n".join(map(json.dumps, ROWS)) + ",\n]",
        json.dumps(ROWS)[:-1] + ",]",
        '{"rows": [' + ",".join(map(json.dumps, ROWS)) + ",],}",
    ],
)
def test_a_comma_in_front_of_a_bracket_is_skipped_and_said(tmp_path: Path, text: str) -> None:
    table = read_table(write(tmp_path, text))
    assert [dict(row) for row in table.rows] == ROWS
    assert "a comma in front of a closing bracket" in said(table)


def test_a_comma_inside_a_text_stays(tmp_path: Path) -> None:
    rows = [{"text": 'so [a,] and \\"{b,}', "label": "x"}, {"text": "c", "label": "y"}]
    table = read_table(write(tmp_path, json.dumps(rows)[:-1] + ",]"))
    assert [dict(row) for row in table.rows] == rows


def test_a_list_below_a_comment_is_read(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "// an export\n" + json.dumps(ROWS, indent=1)))
    assert len(table.rows) == 60 and "1 line of comment" in said(table)


def test_dictionaries_as_python_writes_them_are_read_and_said(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "\n".join(repr({**row, "note": None}) for row in ROWS), "data.jsonl"))
    assert [row["text"] for row in table.rows] == [row["text"] for row in ROWS] and {row["note"] for row in table.rows} == {""}
    assert "60 rows written as Python dictionaries" in said(table)


def test_objects_that_hold_the_values_of_a_row_are_columns(tmp_path: Path) -> None:
    rows = [{"inputs": {"question": f"What is {n}?", "id": n}, "outputs": {"answer": f"k{n}", "id": n}} for n in range(60)]
    table = read_table(write(tmp_path, lines(rows), "data.jsonl"))
    assert table.columns == ("question", "inputs.id", "answer", "outputs.id") and table.rows[1]["answer"] == "k1"
    assert "objects in `inputs`, `outputs`" in said(table)


def test_an_object_that_marks_one_label_is_that_label(tmp_path: Path) -> None:
    rows = [{"text": row["text"], "cats": {label: float(row["label"] == label) for label in LABELS}} for row in ROWS]
    table = read_table(write(tmp_path, lines(rows), "data.jsonl"))
    assert [row["cats"] for row in table.rows] == [row["label"] for row in ROWS] and "of each label in `cats`" in said(table)


def test_an_object_that_marks_several_labels_is_no_label(tmp_path: Path) -> None:
    table = read_table(
        write(tmp_path, lines([{"text": "a", "cats": {"b": 1, "c": 1}}, {"text": "d", "cats": {"b": 1, "c": 0}}]), "d.jsonl")
    )
    assert table.rows[0]["cats"] == '{"b":1,"c":1}'


def test_an_answer_with_its_place_stays_an_answer(tmp_path: Path) -> None:
    rows = [{"question": f"What is {n}?", "output": {"text": [f"k{n}"], "answer_start": [0]}} for n in range(3)]
    assert read_table(write(tmp_path, lines(rows), "data.jsonl")).columns == ("question", "output")


def test_a_column_for_each_label_is_read_as_labels(tmp_path: Path) -> None:
    rows = [{"text": row["text"], **{label: int(row["label"] == label) for label in LABELS}} for row in ROWS]
    guess = guess_task(write(tmp_path, lines(rows), "data.jsonl"))
    assert (guess.kind.name, guess.output, guess.labels) == ("tags", ", ".join(LABELS), tuple(sorted(LABELS)))
    assert guess_task(tmp_path / "data.jsonl", GivenOptions(output="refund")).labels == ("0", "1")


def test_a_second_column_of_answers_is_named(tmp_path: Path) -> None:
    rows = [{**row, "sentiment": ("good", "bad")[n % 2], "label_text": str(row["label"]).upper()} for n, row in enumerate(ROWS)]
    guess = guess_task(write(tmp_path, lines(rows), "data.jsonl"))
    assert guess.output == "label_text" and "but `sentiment` could be it as well" in said(guess)
    assert "could be" not in said(guess_task(tmp_path / "data.jsonl", GivenOptions(output="label")))


# --- chats


def chat(n: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": sentence(n)}, {"role": "assistant", "content": f"We look into {n}."}]


def test_a_label_next_to_chats_does_not_win_in_silence(tmp_path: Path) -> None:
    rows = [{"messages": chat(n), "label": LABELS[n % 3]} for n in range(60)]
    guess = guess_task(write(tmp_path, lines(rows), "data.jsonl"))
    assert guess.output == "label" and "`output` could be it as well, and is not shown to the model" in said(guess)


@pytest.mark.parametrize(("asked", "answer"), [("input", "ideal"), ("prompt", "expected"), ("messages", "label")])
def test_a_chat_that_ends_with_a_question_is_asked(tmp_path: Path, asked: str, answer: str) -> None:
    turns = [{"role": "system", "content": "Be brief."}, *chat(7)]
    rows = [{asked: [*turns, {"role": "user", "content": sentence(n)}], answer: LABELS[n % 3]} for n in range(60)]
    table = read_table(write(tmp_path, lines(rows), "data.jsonl"))
    row = dict(table.rows[1])
    assert [turn.role for turn in conversation_turns(str(row.pop("messages")))] == ["system", "user", "assistant", "user"]
    history = f"user: {sentence(7)}\nassistant: We look into 7."
    assert row == {"input": sentence(1), "system": "Be brief.", "history": history, answer: "refund"}
    assert guess_task(tmp_path / "data.jsonl").output == answer


def test_a_preferred_output_is_the_right_answer(tmp_path: Path) -> None:
    def say(text: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": text}]

    rows = [
        {
            "input": {"messages": [{"role": "user", "content": sentence(n)}]},
            "preferred_output": say(f"yes {n}"),
            "non_preferred_output": say("no"),
        }
        for n in range(30)
    ]
    table = read_table(write(tmp_path, lines(rows), "data.jsonl"))
    assert [row["output"] for row in table.rows] == [f"yes {n}" for n in range(30)] and "`rejected` is not used" in said(table)


FORMS = {
    "ChatML": "<|im_start|>system\nSort.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>",
    "Llama 3": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
    "Gemma": "<bos><start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n{}<end_of_turn>",
    "Zephyr": "<|user|>\n{}</s>\n<|assistant|>\n{}</s>",
    "Mistral": "<s>[INST] {} [/INST] {} </s>",
    "Llama 2": "<s>[INST] <<SYS>>\nSort.\n<</SYS>>\n\n{} [/INST] {} </s>",
    "Guanaco": "### Human: {}### Assistant: {}",
    "Alpaca": "Below is a task.\n\n### Instruction:\nSort.\n\n### Input:\n{}\n\n### Response:\n{}",
    "plain": "\n\nHuman: {}\n\nAssistant: {}",
}


@pytest.mark.parametrize("form", FORMS)
def test_chats_written_into_one_text_are_read_as_turns(tmp_path: Path, form: str) -> None:
    rows = [{"id": n, "text": FORMS[form].format(sentence(n), LABELS[n % 3])} for n in range(60)]
    table = read_table(write(tmp_path, lines(rows), "data.jsonl"))
    assert [row["output"] for row in table.rows] == [LABELS[n % 3] for n in range(60)]
    assert all(str(row["input"]).endswith(sentence(n)) for n, row in enumerate(table.rows)) and "chats in `text`" in said(table)


def test_a_text_that_is_no_chat_among_chats_is_refused_with_its_row(tmp_path: Path) -> None:
    rows = [{"text": FORMS["ChatML"].format(n, "a") if n != 4 else "nothing"} for n in range(30)]
    with pytest.raises(DataError, match="row 5"):
        read_table(write(tmp_path, lines(rows), "data.jsonl"))


def test_a_conversation_that_is_labelled_stays_one_text(tmp_path: Path) -> None:
    rows = [{"conversation": f"User: {sentence(n)}\nAssistant: ok", "label": LABELS[n % 3]} for n in range(60)]
    guess = guess_task(write(tmp_path, lines(rows), "data.jsonl"))
    assert (guess.input, guess.output) == ("conversation", "label")


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.text(alphabet="<|im_start>usr[INST]/#: \nabHumanAssitInstructionResponse", max_size=80))
def test_no_text_breaks_the_reader_of_chats(text: str) -> None:
    assert all(set(turn) == {"role", "content"} for turn in turns_in(text))


# --- encodings


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1251", "Карта не работает, верните деньги за заказ"),
        ("koi8-r", "Карта не работает, верните деньги за заказ"),
        ("gb18030", "请问我的订单在哪里，什么时候可以退款"),
        ("big5", "請問我的訂單在哪裡，什麼時候可以退款"),
        ("cp932", "荷物がまだ届いていません。返金してください"),
        ("cp949", "주문이 아직 오지 않았습니다. 환불을 해 주세요"),
        ("cp1253", "Πού είναι η παραγγελία μου και πότε θα έρθει"),
        ("cp1255", "איפה ההזמנה שלי ומתי היא תגיע"),
        ("cp1256", "أين طلبي ومتى يصل إلى المدينة"),
        ("cp1250", "Proszę o zwrot pieniędzy, przesyłka się spóźniła"),
        ("cp1252", "Die Lieferung für Köln wäre schön früher, merci à l'équipe"),
    ],
)
def test_the_hint_names_the_encoding_in_which_the_text_makes_sense(tmp_path: Path, codec: str, text: str) -> None:
    data = f"text,label\n{text},a\n".encode(codec)
    assert likely_codecs(data) == [codec]
    path = tmp_path / "data.csv"
    path.write_bytes(data)
    with pytest.raises(DataError) as refused:
        read_table(path)
    word = next(word for word in text.replace(",", " ").split() if not word.isascii())
    assert f"`encoding: {codec}`" in refused.value.hint and word in refused.value.hint


def test_bytes_that_read_like_nothing_get_no_name() -> None:
    assert likely_codecs(bytes(range(128, 256)) * 4) == []
