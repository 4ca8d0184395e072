"""What a project already says, and `tailor advise` as a user types it: in a project, in an empty folder, on a pipe."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from data_helpers import make_examples, make_task, rows, write_csv
from flow import contents, write_desk, write_rooms
from golden_text import Golden
from typer.testing import CliRunner, Result

from tailor.advise.advice import advise, questions
from tailor.advise.criteria import read_criteria
from tailor.advise.facts import Facts, read_answers
from tailor.advise.gather import gather
from tailor.cli import app
from tailor.data.guess import guess_task
from tailor.data.scaffold import write_project
from tailor.documents.reading import Document
from tailor.errors import ConfigError
from tailor.project import load_project
from tailor.task import KnownFacts

SHIPPED = (files("tailor.advise") / "criteria.yaml").read_text(encoding="utf-8")


def run(*words: str | Path, said: str = "") -> Result:
    return CliRunner().invoke(app, ["advise", *map(str, words)], input=said, env={"COLUMNS": "120"})


def known(facts: Facts, name: str) -> tuple[object, str]:
    fact = facts.get(name)
    assert fact is not None, f"{name} is not known"
    return fact.value, fact.origin


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a project, whatever the tests are run from."""
    monkeypatch.chdir(tmp_path)


# --- what a project says


def test_settings_that_nobody_set_are_assumed() -> None:
    facts = gather(make_task())
    assert known(facts, "target") == (0.9, "assumed")
    assert known(facts, "answers_per_month") == (10_000, "assumed")
    assert known(facts, "context_tokens") == (8192, "assumed")
    assert known(gather(make_task(target=0.9)), "target") == (0.9, "tailor.yaml")
    assert known(gather(make_task(model="fake")), "context_tokens") == (8192, "the model")
    advice = advise(facts)
    assert {reason.origin for reason in advice.reasons if reason.criterion == "target"} == {"assumed"}


def test_an_error_price_of_0_is_not_known() -> None:
    assert gather(make_task(prices={"error": 0})).get("error_price") is None
    assert known(gather(make_task(prices={"error": 2})), "error_price") == (2, "tailor.yaml")


def test_what_can_be_paid_is_computed_and_says_from_what() -> None:
    facts = gather(make_task(prices={"error": 2, "label": 0.5}))
    assert known(facts, "labels_paid") == (400, "assumed, tailor.yaml")


def test_the_context_window_is_known_as_far_as_it_can_be_without_the_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 4096}', encoding="utf-8")
    assert known(gather(make_task(model=str(tmp_path))), "context_tokens") == (4096, "the model")
    (tmp_path / "config.json").write_text('{"max_position_embeddings": Infinity}', encoding="utf-8")
    assert gather(make_task(model=str(tmp_path))).get("context_tokens") is None
    assert gather(make_task(model="org/name")).get("context_tokens") is None
    remote = {"name": "m", "base_url": "http://localhost:1/v1"}
    assert known(gather(make_task(model=remote)), "context_tokens") == (8192, "assumed")
    assert known(gather(make_task(model=remote)), "weights_available") == (False, "tailor.yaml")
    assert known(gather(make_task(model=remote | {"context_tokens": 99})), "context_tokens") == (99, "tailor.yaml")
    assert known(gather(make_task(), window=77), "context_tokens") == (77, "the model")


def test_examples_are_counted_and_their_balance_is_said(golden: Golden) -> None:
    facts = gather(make_task(), make_examples(30))
    assert known(facts, "labels") == (30, "the data") and known(facts, "rarest_label") == (15, "the data")
    golden(facts.observed[0])
    golden(facts.observed[1])
    golden(facts.observed[2])
    some = gather(make_task(), make_examples(30, ["red", "red", "green"])).observed[-1]
    golden(some)
    far = gather(make_task(labels=["red", "green", "blue"]), make_examples(30))
    golden(far.observed[-1])
    assert known(far, "rarest_label") == (0, "the data")


def test_documents_are_measured_against_the_window_and_searched_for_the_answers(golden: Golden) -> None:
    task = make_task(kind="answer", documents="docs")
    pages = [Document("a.md", "A", "The colour is Red." + " " * 3982), Document("b.md", "B", "x" * 2000)]
    facts = gather(task, make_examples(20), pages, window=3000)
    assert known(facts, "documents_tokens") == (1500, "the documents")
    assert known(facts, "documents_share") == (0.5, "the documents, the model")
    assert known(facts, "answers_in_documents") == (True, "tailor.yaml")
    golden(facts.observed[-2])
    golden(facts.observed[-1])


def test_tokens_are_counted_where_they_can_be() -> None:
    task = make_task(kind="answer", documents="docs")
    facts = gather(task, make_examples(4), [Document("a.md", "A", "one two three")], count_tokens=lambda text: len(text.split()))
    assert known(facts, "documents_tokens") == (3, "the documents")
    assert not any("estimated" in sentence for sentence in facts.observed)


def test_what_the_user_says_goes_before_what_is_counted() -> None:
    facts = gather(make_task(facts={"labels": 5000, "answers_in_documents": True, "documents_pages": 2}), make_examples(30))
    assert known(facts, "labels") == (5000, "tailor.yaml")
    assert known(facts, "answers_in_documents") == (True, "tailor.yaml")
    assert known(facts, "documents_tokens") == (1500, "tailor.yaml")


# --- the file of criteria


def test_criteria_of_ones_own_change_the_advice(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(SHIPPED.replace("  tuning: 5\n", "  tuning: 2\n"), encoding="utf-8")
    facts = ("--no-ask", "--fact", "every_time=yes")
    assert "Expected: prompting." in run(*facts).stdout
    assert "Expected: fine-tuning." in run(*facts, "--criteria", mine).stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("needed:\n", "neded:\n", "`neded`: there is no such setting here"),
        ("  tuning: 5\n", "", "`needed` lacks `tuning`"),
        (
            "documents: strongly for, search: strongly for",
            "documents: very much for",
            "`criteria.sources_required.cases.0.counts.documents`",
        ),
        ("- below: 0.5", "- below: 5", "`below` grows from case to case"),
        ("  - id: stakes\n", "  - id: staks\n", "`staks` is not a fact; did you mean `stakes`?"),
        ("  - id: stakes\n", "  - id: stage\n", "there are two criteria `stage`"),
        ("        because: There are no documents to read.\n", "", "a case that counts needs a reason in `because`"),
        ("      - below: 0.5\n", "      - below: 0.5\n        is: true\n", "has `is`, `below` or `otherwise`, one of the three"),
        ("needed:\n", "needed: [\n", "is not YAML"),
        (SHIPPED, "- 1\n", "a group of settings is accepted"),
    ],
)
def test_a_slip_in_the_criteria_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    mine = tmp_path / "mine.yaml"
    assert old in SHIPPED
    mine.write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_criteria(mine)
    assert message in str(caught.value) and str(caught.value).startswith("mine.yaml")


def test_criteria_that_are_not_there_are_said() -> None:
    result = run("--criteria", "nowhere.yaml")
    assert result.exit_code == 2 and "`nowhere.yaml` cannot be read" in result.stderr


# --- the command


def test_in_an_empty_folder_nothing_is_needed(tmp_path: Path) -> None:
    result = run()
    assert result.exit_code == 0 and result.stderr == ""
    assert "Expected: prompting." in result.stdout and "Confidence: low" in result.stdout
    assert "tailor advise --ask" in result.stdout and "tailor init DATA" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_in_a_project_it_reads_what_is_there_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = write_rooms(tmp_path / "rooms", facts={"sources_required": True})
    before = contents(rooms)
    result = run(rooms)
    assert result.exit_code == 0 and "Expected: retrieval." in result.stdout
    for shown in ("60 labelled examples", "3 documents", f"tailor run {rooms}"):
        assert shown in result.stdout
    monkeypatch.chdir(rooms)
    assert "tailor run\n" in run().stdout
    assert contents(rooms) == before and not (rooms / ".tailor").exists()


def test_too_few_examples_to_split_are_enough_for_advice(tmp_path: Path) -> None:
    desk = write_desk(tmp_path)
    write_csv(desk / "data.csv", rows(7, ["billing", "delivery"]))
    result = run(desk, "--json")
    assert result.exit_code == 0
    assert {r["criterion"]: r["answer"] for r in json.loads(result.stdout)["reasons"]}["labels"] == "7"


def test_json_holds_the_advice_and_what_to_do_next() -> None:
    record = json.loads(run("--json", "--fact", "stage=prototype", "--fact", "labels=0").stdout)
    assert record["format"] == 1 and record["expected"] == "prompting" and record["next"]
    assert {reason["criterion"]: reason["origin"] for reason in record["reasons"]} == {"stage": "you", "labels": "you"}


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ("stakes", "`stakes` is not NAME=VALUE"),
        ("stake=high", "did you mean `stakes`?"),
        ("labels=lots", "a whole number is accepted"),
    ],
)
def test_a_fact_that_cannot_be_is_refused_in_a_sentence(fact: str, message: str) -> None:
    result = run("--fact", fact)
    assert result.exit_code == 2 and message in result.stderr and "Traceback" not in result.stderr


def test_a_folder_without_a_project_is_a_mistake_when_it_is_named(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2 and "is not a project" in result.stderr


def test_questions_are_asked_again_after_a_slip_and_may_be_left_open() -> None:
    result = run("--ask", said="yes\nabout 600\n600\n\ndon't know\n")
    assert result.exit_code == 0
    assert "`documents_pages` is `about 600`, but a number is accepted" in result.stderr
    assert result.stderr.count("How many pages do these documents have together?") == 2
    assert "never/yearly/monthly/weekly/daily> " in result.stderr + result.stdout
    assert "Expected: retrieval." in result.stdout
    kept = result.stdout.partition("write them into tailor.yaml")[2].partition("Next")[0]
    assert yaml.safe_load(kept) == {"facts": {"answers_in_documents": True, "documents_pages": 600}}


def test_what_is_kept_of_the_answers_is_accepted_in_a_project() -> None:
    said = {"answers_in_documents": "no", "target": "95", "error_price": "3", "answers_per_month": "2000", "runs_on": "own"}
    asked = ["answers_in_documents", *(c.id for c in questions(Facts().with_answers(read_answers({"answers_in_documents": "no"}))))]
    result = run("--ask", said="".join(f"{said.get(name, '')}\n" for name in asked))
    kept = yaml.safe_load(result.stdout.partition("write them into tailor.yaml")[2].partition("Next")[0])
    task = make_task(**kept)
    assert (task.target, task.prices.error, task.volume.answers_per_month) == (0.95, 3, 2000)
    assert task.facts == KnownFacts(answers_in_documents=False, runs_on="own")


def test_a_pipe_is_not_asked(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tailor", "advise"], cwd=tmp_path, input="yes\n", capture_output=True, text=True, check=True
    )
    assert done.stderr == "" and "Expected: prompting." in done.stdout


def test_advice_loads_no_model_library(tmp_path: Path) -> None:
    rooms = write_rooms(tmp_path)
    code = (
        "import sys\nfrom tailor.cli import app\n"
        f"app(['advise', {str(rooms)!r}, '--no-ask'], standalone_mode=False)\n"
        "print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not loaded & {"torch", "transformers", "lancedb", "openai", "sklearn", "scipy"}


# --- the scaffold


def uncommented(text: str) -> str:
    head, _, group = text.partition("# facts:\n")
    assert group
    return "facts:\n" + "\n".join(line.removeprefix("#") for line in group.splitlines())


def test_the_facts_that_init_writes_as_comments_are_accepted_when_uncommented(tmp_path: Path) -> None:
    path = write_project(guess_task(write_csv(tmp_path / "data.csv", rows(60))))
    assert load_project(path).task.facts == KnownFacts()
    group = uncommented(path.read_text(encoding="utf-8"))
    path.write_text(path.read_text(encoding="utf-8") + group, encoding="utf-8")
    told = load_project(path).task.facts.model_dump(exclude_none=True)
    assert len(told) == 12 and told["runs_on"] == "own"
