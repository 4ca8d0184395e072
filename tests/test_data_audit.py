from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from data_helpers import make_task, rows, sentence, write_csv
from golden_text import Golden

from tailor.data.audit import audit
from tailor.data.finding import Finding
from tailor.data.power import most_finalists
from tailor.data.split import load_splits
from tailor.documents.reading import read_documents
from tailor.errors import DocumentsError
from tailor.project import Project
from tailor.stats.intervals import lower_bound
from tailor.stats.power import chance_to_certify, rows_to_certify
from tailor.stats.spending import of_target

ROUTER = "My router has been blinking red since the storm on Monday night and nothing I try brings it back"


def look(folder: Path, files: dict[str, Sequence[tuple[str, str]]], header: str = "text,label", **changes: object) -> list[Finding]:
    for name, content in files.items():
        write_csv(folder / f"{name}.csv", content, header)
    task = make_task(data={name: f"{name}.csv" for name in files}, **changes)
    project = Project(folder, task)
    return audit(project, load_splits(project), len, {"the model": 2000})


def find(findings: list[Finding], words: str) -> Finding:
    found = [finding for finding in findings if words in finding.what]
    assert len(found) == 1, [finding.what for finding in findings]
    return found[0]


def test_clean_data_give_notes_only(golden: Golden, tmp_path: Path) -> None:
    findings = look(tmp_path, {"file": rows(200)}, target=0.8)
    assert {finding.level for finding in findings} == {"note"}
    golden(find(findings, "has 200 rows").what)
    assert "would be right for 50 %" in find(findings, "2 labels").what


def test_a_large_group_of_small_edits_is_named_by_a_row_of_each_answer(tmp_path: Path) -> None:
    edits = [(f"The pump of block {n:02d} failed at noon and was restarted by the crew", "ab"[n % 2]) for n in range(30)]
    (named,) = find(look(tmp_path, {"file": edits}), "differ by a small edit").rows
    assert named == "file.csv row 1 (`a`), file.csv row 2 (`b`) and 28 more rows"


def test_findings_come_errors_first(tmp_path: Path) -> None:
    levels = [finding.level for finding in look(tmp_path, {"file": [*rows(60), ("", "red"), ("same", "red"), ("same", "green")]})]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert set(levels) == {"error", "warning", "note"}


def test_unused_columns_are_named(tmp_path: Path) -> None:
    content = [(text, f'{label}","x') for text, label in rows(60)]
    assert "not used: `extra`" in find(look(tmp_path, {"file": content}, "text,label,extra"), "60 rows").what


def test_empty_inputs_and_labels_name_their_rows(golden: Golden, tmp_path: Path) -> None:
    findings = look(tmp_path, {"file": [("a text without", ""), *rows(60), ("  ", "red")]})
    golden(find(findings, "without a label").what)
    assert find(findings, "without a label").rows == ("file.csv row 1",)
    assert find(findings, "nothing in the input").rows == ("file.csv row 62",)


def test_contradictions_are_errors_where_the_text_is_the_same_and_notes_where_it_is_near(tmp_path: Path) -> None:
    twins = [("Same words", "red"), ("same words!", "green"), (ROUTER, "red"), (ROUTER.replace("blinking", "blinkng"), "green")]
    findings = look(tmp_path, {"file": [*rows(60), *twins]})
    same = find(findings, "ask the same but have different answers")
    assert (same.level, same.rows) == ("error", ("file.csv row 61 (`red`), file.csv row 62 (`green`)",))
    near = find(findings, "differ by a small edit, and in their answers")
    assert (near.level, near.rows) == ("note", ("file.csv row 63 (`red`), file.csv row 64 (`green`)",))


@pytest.mark.parametrize(
    ("one", "other"),
    [("the soup here 👍", "the soup here 👎"), ("मुझे दिन के बारे में बताओ", "मुझे दान के बारे में बताओ"), ("I write C++", "I write C")],
)
def test_an_emoji_a_vowel_sign_or_a_symbol_more_is_no_contradiction(tmp_path: Path, one: str, other: str) -> None:
    findings = look(tmp_path, {"file": [*rows(60), (one, "red"), (other, "green")]})
    assert not [finding for finding in findings if "different answers" in finding.what or finding.level == "error"]


def test_repeats_are_noted(golden: Golden, tmp_path: Path) -> None:
    twins = [("Same words", "red"), ("same words!", "red"), (ROUTER, "red"), (ROUTER + "!! ok", "red")]
    findings = look(tmp_path, {"file": [*rows(60), *twins]})
    golden(find(findings, "ask the same and have the same answer: 1 group").rows)
    golden(find(findings, "nearly the same and have the same").rows)


def test_test_rows_in_given_training_data_are_leaks(tmp_path: Path) -> None:
    train = [*rows(60), (ROUTER, "red")]
    findings = look(tmp_path, {"train": train, "test": [*rows(100)[59:80], (ROUTER + "!! ok", "red")]})
    same = find(findings, "also in train or dev")
    assert (same.level, same.rows) == ("error", ("test.csv row 1 = train.csv row 60",))
    near = find(findings, "nearly the same as one in train")
    assert (near.level, near.rows) == ("warning", ("test.csv row 22 ~ train.csv row 61",))


def test_labels_that_do_not_follow_from_the_texts_are_warned_about(golden: Golden, tmp_path: Path) -> None:
    colours = [f"{sentence(number)[:-6]} {('rose', 'leaf')[number % 2]}" for number in range(150)]
    true = ["red" if text.endswith("rose") else "green" for text in colours]
    followed = find(look(tmp_path, {"file": list(zip(colours, true, strict=True))}), "The labels follow from")
    assert followed.level == "note" and "of 150 rows right" in followed.what
    wrong = random.Random(0).sample(true, len(true))
    doubted = find(look(tmp_path, {"file": list(zip(colours, wrong, strict=True))}), "do not seem to follow from the texts")
    assert doubted.level == "warning" and "labels are shuffled" in doubted.what
    golden(doubted.advice)


def test_unbalanced_rare_and_absent_labels_are_warned_about(golden: Golden, tmp_path: Path) -> None:
    content = [*rows(100, ["red"]), *((sentence(number), "green") for number in range(100, 104))]
    findings = look(tmp_path, {"file": content}, labels=["red", "green", "blue"])
    golden(find(findings, "unbalanced").what)
    assert "`green`" in find(findings, "fewer than 5 training rows").what
    golden(find(findings, "without a training row").what)


@pytest.mark.parametrize(
    ("first", "second", "few", "expected"),
    [
        ("Billing", "billing", 30, True),
        ("slow_connection", "slow connection", 30, True),
        ("router_fault", "router_fualt", 2, False),
        ("router_fault", "router_faul", 2, True),
        ("router_fault", "router_faults", 2, True),
        ("router_fault", "router_fault2", 2, False),
        ("refund", "refunds", 30, False),
        ("level 1", "level 2", 2, False),
        ("caf\u00e9", "cafe\u0301", 30, True),
        ("refund", "\u200brefund", 30, True),
        ("\u0915\u093f", "\u0915\u0940", 30, False),
    ],
)
def test_labels_that_may_be_one_are_named(tmp_path: Path, first: str, second: str, few: int, expected: bool) -> None:
    content = [*rows(60, [first]), *((sentence(number), second) for number in range(60, 60 + few))]
    assert any("spelt in two ways" in finding.what for finding in look(tmp_path, {"file": content})) is expected


def test_rows_longer_than_the_context_are_named_longest_first(tmp_path: Path) -> None:
    findings = look(tmp_path, {"file": [*rows(60), ("x " * 1500, "red"), ("y " * 1600, "green")]})
    assert find(findings, "2,000 tokens").rows == ("file.csv row 62", "file.csv row 61")


def test_a_target_that_the_test_rows_cannot_show_is_a_warning(golden: Golden, tmp_path: Path) -> None:
    findings = look(tmp_path, {"file": rows(60)}, target=0.95)
    finding = find(findings, "cannot be shown")
    golden(finding.what)
    golden(finding.advice)
    assert "No number of test rows can show it" in find(look(tmp_path, {"file": rows(60)}, target=1.0), "cannot be shown").advice


def test_the_check_foretells_how_likely_the_test_rows_show_the_target(golden: Golden, tmp_path: Path) -> None:
    findings = look(tmp_path, {"file": rows(400)}, target=0.9)
    n = len(load_splits(Project(tmp_path, make_task(data={"file": "file.csv"}))).test)
    alpha = of_target(1, 5)
    chances = [chance_to_certify(rate, 0.9, n, alpha) for rate in (0.92, 0.94, 0.96, 0.98)]
    finding = find(findings, "Chance that")
    assert finding.what.startswith(f"Chance that {n} test rows show the target of 90 %: ")
    assert f"{100 * chances[2]:.0f} % for 96 %, {100 * chances[3]:.0f} % for 98 %." in finding.what
    needed = rows_to_certify(0.96, 0.9, alpha)
    assert f"{needed:,} (96 %)" in finding.advice
    golden(finding.advice)


def test_with_documents_a_classifier_has_one_finalist_more_to_share_the_error() -> None:
    tasks = [make_task(), make_task(documents="docs"), make_task(kind="answer", documents="docs", labels=())]
    assert [most_finalists(task) for task in tasks] == [5, 6, 5]


def test_where_the_target_cannot_be_shown_only_the_rows_that_would_are_told(tmp_path: Path) -> None:
    findings = look(tmp_path, {"file": rows(60)}, target=0.95)
    assert not any("Chance that" in finding.what for finding in findings)
    assert "117 (100 %)." in find(findings, "with a chance of 80 %").what


def test_groups_lower_what_the_test_rows_can_show(golden: Golden, tmp_path: Path) -> None:
    content = [(text, f'{label}","{number // 8}') for number, (text, label) in enumerate(rows(400))]
    write_csv(tmp_path / "file.csv", content, "text,label,customer")
    task = make_task(data={"file": "file.csv", "group_by": "customer"}, target=0.5)
    project = Project(tmp_path, task)
    splits = load_splits(project)
    findings = audit(project, splits, len, {"the model": 2000})
    groups = len({example.group for example in splits.test})
    shown = lower_bound([1.0] * len(splits.test), of_target(1, 5), groups=[example.unit for example in splits.test])
    best = find(findings, "all answered right")
    assert best.what.startswith(
        f"With {len(splits.test)} test rows in {groups} groups (near-duplicates count once), all answered right, a system is "
    )
    assert f"{math.floor(1000 * shown) / 10:g} % or more" in best.what
    golden(find(findings, "Chance that").advice)


def questions(folder: Path, changed: dict[int, dict[str, object]], n: int = 140, documents: str = "docs") -> list[Finding]:
    records = []
    for number in range(n):
        record: dict[str, object] = {
            "text": sentence(number),
            "label": "27 days",
            "page": "leave.md",
            "quote": "You have 27 days\n of leave.",
        }
        records.append({**record, **changed.get(number, {})})
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    data = {"file": "data.jsonl", "source": "page", "quote": "quote"}
    project = Project(folder, make_task(kind="answer", data=data, documents=documents, target=0.8))
    return audit(project, load_splits(project))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "leave.md").write_text("# Leave\n\nYou have **27 days**\nof leave.\n", encoding="utf-8")
    (tmp_path / "docs" / "pay.html").write_text("<p>Pay is <b>monthly</b> &amp; fair</p>", encoding="utf-8")
    return tmp_path


def test_quotes_are_found_across_line_breaks_and_markup(folder: Path) -> None:
    changed: dict[int, dict[str, object]] = {
        0: {"page": "pay.html", "quote": "Pay is monthly & fair", "label": "monthly"},
        1: {"page": ""},
    }
    findings = questions(folder, {**changed, 2: {"label": "", "page": "", "quote": ""}})
    assert {finding.level for finding in findings} == {"note"}
    assert find(findings, "no answer in the documents").what.startswith("1 of 140 questions (1 %)")


def test_documents_that_flood_an_index_with_copies_are_named(folder: Path) -> None:
    page = " ".join(f"Rule {number} says that the lift of house {number} is closed on day {number}." for number in range(40))
    for number in range(4):
        (folder / "docs" / f"copy{number}.md").write_text(f"{page} Copy {number}.\n", encoding="utf-8")
    found = find(questions(folder, {}), "say nearly the same")
    assert (found.level, found.rows) == ("warning", tuple(f"copy{number}.md" for number in range(4)))
    for number in range(2):
        (folder / "docs" / f"copy{number}.md").unlink()
    assert not [finding for finding in questions(folder, {}) if "say nearly the same" in finding.what], "two are an oversight"


def test_documents_in_another_language_than_the_embedder_learned_from_are_named(folder: Path) -> None:
    assert not [finding for finding in questions(folder, {}) if "learned from English" in finding.what]
    for page in (folder / "docs").iterdir():
        page.unlink()
    (folder / "docs" / "urlaub.md").write_text("# Urlaub\n\nDer Urlaub ist mit der Leitung zu planen und wird bezahlt.\n", "utf-8")
    found = find(questions(folder, {}), "learned from English")
    assert found.level == "warning" and "the documents are in German" in found.what


def test_quotes_and_sources_that_do_not_exist_are_named(golden: Golden, folder: Path) -> None:
    changed: dict[int, dict[str, object]] = {
        3: {"page": "leaves.md"},
        4: {"quote": "You have 28 days of leave.", "label": "28 days"},
        5: {"label": "nine"},
    }
    findings = questions(folder, changed)
    lost = find(findings, "a document that does not exist: `leaves.md`; did you mean `leave.md`?")
    assert (lost.level, lost.rows) == ("error", ("data.jsonl row 4",))
    assert find(findings, "a sentence that is not in the document").rows == ("data.jsonl row 5",)
    assert find(findings, "none of the accepted answers").rows == ("data.jsonl row 6",)
    golden(find(findings, "No question has an empty answer").what)


def test_absent_documents_are_an_error_and_unnamed_ones_a_note(folder: Path) -> None:
    assert find(questions(folder, {}, documents="nowhere"), "is not a folder").level == "error"
    (folder / "empty").mkdir()
    assert find(questions(folder, {}, documents="empty"), "holds no documents").level == "error"
    assert find(questions(folder, {}, documents=""), "knows by heart").level == "note"


def test_hidden_documents_are_not_looked_at(folder: Path) -> None:
    (folder / "docs" / ".old").mkdir()
    (folder / "docs" / ".old" / "x.md").write_text("old", encoding="utf-8")
    assert find(questions(folder, {0: {"page": ".old/x.md"}}), "does not exist").level == "error"


@pytest.mark.parametrize(
    ("content", "sentence", "advice"),
    [
        (b"caf\xe9", "is not UTF-8 text: byte 3 cannot be decoded", "Save it as UTF-8"),
        (None, "cannot be read: Permission denied", "Make it readable"),
    ],
)
def test_documents_that_cannot_be_read_are_named_and_all_of_them_are_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, sentence: str, advice: str
) -> None:
    def refuse(path: Path, limit: int) -> bytes:
        raise PermissionError(13, "Permission denied")

    if content is None:
        monkeypatch.setattr("tailor.documents.reading.read_file", refuse)
    else:
        (folder / "docs" / "old.md").write_bytes(content)
    found = find(questions(folder, {}), sentence)
    assert advice in found.advice
    if content is None:  # no document is left
        assert found.level == "error"
        with pytest.raises(DocumentsError, match=sentence):
            read_documents(folder / "docs")
    else:
        assert (found.level, found.rows) == ("warning", ("old.md",))
        assert "old.md" not in {document.path for document in read_documents(folder / "docs")}


def test_a_template_that_shows_the_quote_is_warned_about(folder: Path) -> None:
    write_csv(folder / "data.csv", [(text, f'{label}","q') for text, label in rows(60)], "text,label,quote")
    task = make_task(kind="answer", input="{{text}} {{quote}}", data={"file": "data.csv", "quote": "quote"})
    project = Project(folder, task)
    assert find(audit(project, load_splits(project)), "A template shows `quote`").level == "warning"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a;b", "a", "b;c"], ["a;b", "b;c"]),
        (["billing|refund", "refund|delivery", "other"], ["billing|refund", "refund|delivery"]),
        (["billing, refund", "billing", "refund"], ["billing, refund"]),
        (["Arts, music", "Arts, film", "Sports"], []),
        (["1,5", "1", "5"], []),
        ([";)", ":(", "ok"], []),
    ],
)
def test_several_labels_in_one_cell_are_named(tmp_path: Path, labels: list[str], expected: list[str]) -> None:
    content = [(text, f'"{label}"') for text, label in rows(60, labels)]
    (tmp_path / "file.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in content), encoding="utf-8")
    project = Project(tmp_path, make_task(data={"file": "file.csv"}))
    found = [
        finding.what
        for finding in audit(project, load_splits(project), len, {"the model": 2000})
        if "several labels" in finding.what
    ]
    assert bool(found) is bool(expected)
    assert all(f"`{label}`" in found[0] for label in expected)


@pytest.mark.parametrize(("marks", "expected"), [(["-", "x"], 1), (["?", "x"], 1), (["--", "x"], 1), (["-", "+"], 0)])
def test_a_dash_or_question_mark_may_stand_for_a_missing_label(tmp_path: Path, marks: list[str], expected: int) -> None:
    findings = look(tmp_path, {"file": rows(60, marks)})
    assert sum("some programs write it for a missing value" in finding.what for finding in findings) == expected
