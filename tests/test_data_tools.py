"""Files of tools that measure and tune models: promptfoo, OpenAI Evals, AutoRAG, LLaMA-Factory, TRL and Hugging Face `datasets`."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
import yaml
from flow import tailor
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from tailor.data.formats.autorag import document_name
from tailor.data.formats.promptfoo import config_rows
from tailor.data.guess import guess_task
from tailor.data.table import Table, read_table
from tailor.errors import DataError
from tailor.project import load_project

TEXTS = ("the boiler drips", "please move my visit", "how much is the service", "the hall is cold", "wrong street on the bill")
TEAMS = ("repair", "visit", "price", "repair", "billing")
ROWS = [(f"{TEXTS[n % 5]}, case {n}", TEAMS[n % 5]) for n in range(60)]


def write(path: Path, content: object) -> Path:
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif path.suffix == ".yaml":
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    elif path.suffix == ".parquet":
        assert isinstance(content, list)
        parquet.write_table(pyarrow.Table.from_pylist(content), path)
    elif path.suffix == ".jsonl":
        assert isinstance(content, list)
        path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
    return path


def said(table: Table) -> str:
    return " ".join(finding.what for finding in table.findings)


# --- promptfoo


def config(*tests: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "prompts": ["Name the team for this message: {{text}}"],
        "providers": ["openai:gpt-5-mini"],
        "tests": list(tests),
        **more,
    }


def case(text: str, *asserts: tuple[str, object]) -> dict[str, object]:
    return {"vars": {"text": text}, "assert": [{"type": kind, "value": value} for kind, value in asserts]}


@pytest.mark.parametrize("name", ["promptfooconfig.yaml", "config.json"])
def test_tests_of_promptfoo_are_rows_with_what_is_expected(tmp_path: Path, name: str) -> None:
    tests = [case("a", ("equals", "repair")), case("b", ("icontains", "visit")), case("c", ("contains-any", ["x", "y"]))]
    table = read_table(write(tmp_path / name, config(*tests)))
    assert [row["expected"] for row in table.rows] == ["repair", "visit", ["x", "y"]]
    assert [row["text"] for row in table.rows] == ["a", "b", "c"]
    assert {str(row["instruction"]) for row in table.rows} == {"Name the team for this message"}


def test_assertions_that_name_no_right_answer_are_counted_by_type(tmp_path: Path) -> None:
    tests = [
        case("a", ("equals", "repair"), ("llm-rubric", "is polite"), ("contains", "rep")),
        case("b", ("javascript", "output.length < 9")),
        case("c", ("not-contains", "sorry"), ("equals", "{{text}}")),
    ]
    table = read_table(write(tmp_path / "promptfooconfig.yaml", config(*tests)))
    assert [row["expected"] for row in table.rows] == ["repair", "", ""]
    findings = said(table)
    for kind in ("llm-rubric", "javascript", "not-contains", "contains", "equals"):
        assert f"`{kind}` (1)" in findings
    assert "2 of 3 tests name no right answer" in findings


def test_shared_settings_and_lists_of_values_are_as_promptfoo_runs_them(tmp_path: Path) -> None:
    shared = {"vars": {"tone": "calm"}, "assert": [{"type": "equals", "value": True}]}
    tests: list[dict[str, object]] = [{"vars": {"text": ["a", "b"]}}, {"vars": {"text": "c", "tone": "short"}}]
    table = read_table(write(tmp_path / "c.yaml", config(*tests, defaultTest=shared)))
    assert [(row["text"], row["tone"], row["expected"]) for row in table.rows] == [
        ("a", "calm", "true"),
        ("b", "calm", "true"),
        ("c", "short", "true"),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (config() | {"tests": "file://tests.csv"}, "keeps its tests in `file://tests.csv`"),
        (config(), "has no tests"),
        ({"name": "x", "kind": "classify"}, "holds `name`, `kind`, and no configuration of promptfoo"),
        ("a: [1", "is not YAML"),
        (config() | {"tests": [{"vars": "file://a.yaml"}]}, "test 1 has no `vars` of its own"),
    ],
)
def test_what_is_almost_a_configuration_is_refused_with_what_it_holds(tmp_path: Path, content: object, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_table(write(tmp_path / "c.yaml", content))


def test_what_a_prompt_says_behind_its_variables_is_named(tmp_path: Path) -> None:
    found = config(case("a", ("equals", "b"))) | {"prompts": ["Message: {{text}}\nName the team."]}
    table = read_table(write(tmp_path / "c.yaml", found))
    assert "instruction" not in table.columns and "text behind a variable and is not taken over" in said(table)


def test_a_table_of_tests_is_read_by_its_column_of_what_is_expected(tmp_path: Path) -> None:
    lines = [
        "text,__expected,__expected2,__prefix",
        "a,repair,is-json,Please: ",
        'b,"icontains: visit",latency(max=5): 1000,',
        'c,"contains-any: x, y",,',
        'd,"is: it paid?",,',
    ]
    rows = "\n".join([*lines, ""])
    table = read_table(write(tmp_path / "tests.csv", rows))
    assert table.columns == ("text", "expected")
    assert [row["expected"] for row in table.rows] == ["repair", "visit", ["x", "y"], "is: it paid?"]
    assert "`latency` (1)" in said(table) and "`is-json` (1)" in said(table) and "not used: `__prefix`" in said(table)


KEYS = st.text(max_size=8) | st.sampled_from(["vars", "assert", "type", "value", "tests", "prompts"])
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


@given(st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)))
def test_any_tests_are_read_or_refused_in_a_sentence(tests: object) -> None:
    try:
        rows, _ = config_rows("c.yaml", {"tests": tests, "prompts": tests})
    except DataError as error:
        assert str(error)
    else:
        assert all("expected" in row for row in rows)


# --- OpenAI Evals


def test_samples_of_openai_evals_are_questions_with_ideal_answers(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Name the team."}
    shots = [
        {"role": "system", "name": "example_user", "content": "no heat"},
        {"role": "system", "name": "example_assistant", "content": "repair"},
    ]
    chat = read_table(
        write(tmp_path / "a.jsonl", [{"input": [system, *shots, {"role": "user", "content": t}], "ideal": a} for t, a in ROWS])
    )
    assert chat.rows[0]["input"] == ROWS[0][0] and chat.rows[0]["ideal"] == "repair" and chat.rows[0]["system"] == "Name the team."
    assert "no heat" in chat.rows[0]["history"]
    alone = [{"input": [{"role": "system", "content": text}], "ideal": [answer, answer.upper()]} for text, answer in ROWS]
    table = read_table(write(tmp_path / "b.jsonl", alone))
    assert table.rows[1]["input"] == ROWS[1][0] and table.rows[1]["ideal"] == ["visit", "VISIT"]
    assert read_table(write(tmp_path / "c.jsonl", [{"input": t, "ideal": a} for t, a in ROWS])).columns == ("input", "ideal")


# --- AutoRAG


def write_autorag(folder: Path, n: int = 24) -> Path:
    """Questions with their passages and answers, and the corpus, as AutoRAG writes them; gives the file with questions."""
    corpus = [
        {"doc_id": f"page-{k}", "contents": f"The code of room {k} is {7 * k}.", "metadata": {"prev_id": None}} for k in range(n)
    ]
    write(folder / "corpus.parquet", corpus)
    rows = [
        {"qid": f"q{k}", "query": f"What is the code of room {k}?", "retrieval_gt": [[f"page-{k}"]], "generation_gt": [str(7 * k)]}
        for k in range(n)
    ]
    return write(folder / "qa.parquet", rows)


def test_autorags_questions_name_the_document_that_answers(tmp_path: Path) -> None:
    table = read_table(write_autorag(tmp_path))
    assert table.rows[3] == {"qid": "q3", "query": "What is the code of room 3?", "answers": ["21"], "source": "page-3.md"}
    rows = [{"qid": "q", "query": "a", "retrieval_gt": [["x", "y"], ["z"]], "generation_gt": ["b"]}] * 2
    several = read_table(write(tmp_path / "several.parquet", rows))
    assert "2 of 2 questions name several passages" in said(several)
    assert several.rows[0]["source"] == '["x.md", "y.md", "z.md"]'


def test_init_makes_the_corpus_a_folder_of_documents(tmp_path: Path) -> None:
    qa = write_autorag(tmp_path)
    assert tailor("init", qa).exit_code == 0
    project = load_project(tmp_path)
    assert project.documents == tmp_path / "corpus" and project.task.data.source == "source"
    assert (tmp_path / "corpus" / "page-3.md").read_text(encoding="utf-8") == "The code of room 3 is 21."
    assert tailor("init", qa, "--force").exit_code == 0  # the same passages are taken as they are
    (tmp_path / "corpus" / "mine.md").write_text("mine", encoding="utf-8")
    refused = tailor("init", qa, "--force")
    assert refused.exit_code == 2 and "holds other files than corpus.parquet" in refused.stderr


def test_a_corpus_is_no_file_of_questions(tmp_path: Path) -> None:
    write_autorag(tmp_path)
    with pytest.raises(DataError, match="is a corpus of passages, and holds no questions"):
        read_table(tmp_path / "corpus.parquet")
    other = write(tmp_path / "other.parquet", [{"id": 1, "text": "a"}])
    refused = tailor("init", tmp_path / "qa.parquet", "--documents", other)
    assert refused.exit_code == 2 and "a corpus has `doc_id` and `contents`" in refused.stderr


@given(st.text(max_size=150))
def test_the_file_of_a_passage_stays_in_its_folder(doc_id: str) -> None:
    name = document_name(doc_id)
    assert Path(name).name == name and name.endswith(".md") and not name.startswith(".") and len(name) <= 103


# --- LLaMA-Factory


def test_alpaca_with_a_history_is_a_chat(tmp_path: Path) -> None:
    row = {"instruction": "Name the team.", "system": "You sort mail.", "history": [["hello", "hi"]]}
    table = read_table(write(tmp_path / "a.jsonl", [{**row, "input": text, "output": answer} for text, answer in ROWS]))
    first = table.rows[0]
    assert first["input"] == f"Name the team.\n{ROWS[0][0]}" and first["output"] == "repair" and first["system"] == "You sort mail."
    assert first["history"] == "user: hello\nassistant: hi"


def test_plain_alpaca_keeps_its_columns_and_its_instruction(tmp_path: Path) -> None:
    rows = [{"instruction": "Name the team.", "input": text, "output": answer, "history": []} for text, answer in ROWS]
    guess = guess_task(write(tmp_path / "a.jsonl", rows))
    assert (guess.input, guess.output, guess.asked.instruction) == ("input", "output", "Name the team.")


def test_sharegpt_takes_the_chosen_answer_and_names_what_is_left_out(tmp_path: Path) -> None:
    pair = {"chosen": {"from": "gpt", "value": "repair"}, "rejected": {"from": "gpt", "value": "none"}}
    table = read_table(write(tmp_path / "a.jsonl", [{"conversations": [{"from": "human", "value": t}], **pair} for t, _ in ROWS]))
    assert table.rows[0]["input"] == ROWS[0][0] and table.rows[0]["output"] == "repair" and "rejected" not in table.columns
    assert "`rejected` is not used" in said(table)


@pytest.mark.parametrize("kind", ["alpaca", "sharegpt"])
def test_answers_with_the_tag_of_a_bad_one_are_no_right_answers(tmp_path: Path, kind: str) -> None:
    rows: list[dict[str, object]] = []
    for number, (text, answer) in enumerate(ROWS):
        turns = [{"from": "human", "value": text}, {"from": "gpt", "value": answer}]
        row: dict[str, object] = (
            {"conversations": turns} if kind == "sharegpt" else {"instruction": text, "input": "", "output": answer}
        )
        rows.append({**row, "kto_tag": number % 4 > 0})
    table = read_table(write(tmp_path / "a.jsonl", rows))
    assert [row["answer"] for row in table.rows[:3]] == ["", "visit", "price"]
    assert "15 of 60 answers are marked as bad in `kto_tag`" in said(table)


# --- TRL


@pytest.mark.parametrize("chat", [False, True])
def test_trls_answers_without_a_pair_keep_the_good_ones(tmp_path: Path, chat: bool) -> None:
    def turn(role: str, text: str) -> object:
        return [{"role": role, "content": text}] if chat else text

    rows = [{"prompt": turn("user", t), "completion": turn("assistant", a), "label": n % 4 > 0} for n, (t, a) in enumerate(ROWS)]
    table = read_table(write(tmp_path / "a.jsonl", rows))
    assert [row["answer"] for row in table.rows[:3]] == ["", "visit", "price"] and "label" not in table.columns
    assert table.rows[1]["input" if chat else "prompt"] == ROWS[1][0]
    assert "15 of 60 answers are marked as bad in `label`" in said(table) and "(rows 1, 5, 9" in said(table)


def test_trls_pairs_give_the_chosen_answer(tmp_path: Path) -> None:
    rows = [{"prompt": text, "chosen": answer, "rejected": "none"} for text, answer in ROWS]
    path = write(tmp_path / "a.jsonl", rows)
    assert guess_task(path).output == "chosen" and "`rejected` is not used" in said(read_table(path))


def test_steps_with_labels_are_refused(tmp_path: Path) -> None:
    rows = [{"prompt": text, "completions": ["a", "b"], "labels": [True, False]} for text, _ in ROWS]
    with pytest.raises(DataError, match="holds steps with a label each"):
        read_table(write(tmp_path / "a.jsonl", rows))


# --- Hugging Face datasets


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with class names, saved by `datasets` itself: alone, and with its splits."""
    datasets = pytest.importorskip("datasets")
    folder = tmp_path_factory.mktemp("saved")
    names = sorted(set(TEAMS))
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    values = {"text": [text for text, _ in ROWS], "label": [names.index(team) for _, team in ROWS]}
    rows = datasets.Dataset.from_dict(values, features=features)
    rows.save_to_disk(folder / "alone", num_shards=2)
    datasets.DatasetDict(rows.train_test_split(0.25, seed=0)).save_to_disk(folder / "split")
    return folder


def test_a_saved_set_is_read_with_the_names_of_its_classes(saved: Path) -> None:
    table = read_table(saved / "alone")
    assert [(row["text"], row["label"]) for row in table.rows] == ROWS


def test_tags_that_datasets_keeps_as_numbers_are_named_by_its_files(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    names = datasets.ClassLabel(names=["O", "B-person", "I-person"])
    features = datasets.Features({"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(names)})
    values = {"tokens": [["Ada", "Lovelace", "came"], ["no", "one"]], "ner_tags": [[1, 2, 0], [0, 0]]}
    rows = datasets.Dataset.from_dict(values, features=features)
    rows.save_to_disk(tmp_path / "saved")
    rows.to_parquet(tmp_path / "rows.parquet")
    for path in (tmp_path / "saved", tmp_path / "rows.parquet"):
        table = read_table(path)
        assert [row["text"] for row in table.rows] == ["Ada Lovelace came", "no one"]
        assert [json.loads(mark) for mark in table.rows[0]["entities"]] == [{"start": 0, "end": 12, "label": "person"}]


def test_saved_splits_are_given_splits(saved: Path) -> None:
    for path in (saved / "split", saved / "split" / "train"):
        assert guess_task(path).files == {"train": saved / "split" / "train", "test": saved / "split" / "test"}
    with pytest.raises(DataError, match="is a folder") as refused:
        read_table(saved / "split")
    assert "`split/train`, `split/test`" in refused.value.hint


def test_a_damaged_set_is_refused_in_a_sentence(saved: Path, tmp_path: Path) -> None:
    for name, content in {"state.json": '{"_data_files": [{"filename": "a.arrow"}]}', "a.arrow": "no arrow"}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.arrow cannot be read"):
        read_table(tmp_path)
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "../a.arrow"}]}', encoding="utf-8")
    with pytest.raises(DataError, match="is no file in its folder"):
        read_table(tmp_path)
    (tmp_path / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"state\.json cannot be read"):
        read_table(tmp_path)
