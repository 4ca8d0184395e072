"""Files as they leave other programs: odd delimiters, older encodings, damaged letters, and texts that say their own label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from data_helpers import sentence

from tailor.data.audit import audit
from tailor.data.cells import answers_in
from tailor.data.damage import read_twice
from tailor.data.finding import Finding
from tailor.data.guess import guess_task
from tailor.data.scaffold import write_project
from tailor.data.split import load_splits
from tailor.data.table import read_table
from tailor.errors import DataError
from tailor.project import load_project

LABELS = ("billing", "refund", "delivery")
ROWS = [(sentence(number), LABELS[number % 3]) for number in range(60)]


def write(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(rows: Sequence[tuple[str, ...]], sign: str) -> str:
    return "\n".join(sign.join(row) for row in rows)


def findings(folder: Path, rows: Sequence[tuple[str, ...]]) -> list[Finding]:
    project = load_project(write_project(guess_task(write(folder, lines([("text", "label"), *rows], "\t"), "data.tsv"))))
    return audit(project, load_splits(project))


def warned(found: Sequence[Finding], words: str) -> list[Finding]:
    return [finding for finding in found if finding.level == "warning" and words in finding.what]


# --- shapes


@pytest.mark.parametrize("sign", ["^", "~", "\x1f", "\x01", "\t", "|"])
def test_signs_that_programs_divide_values_by_are_found(tmp_path: Path, sign: str) -> None:
    table = read_table(write(tmp_path, lines([("text", "label"), *ROWS], sign)))
    assert table.columns == ("text", "label") and [tuple(row.values()) for row in table.rows] == ROWS


def test_a_title_above_two_columns_is_no_row_of_names(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "Export of 3 May,\n,\n" + lines([("text", "label"), *ROWS], ",")))
    assert table.columns == ("text", "label") and len(table.rows) == 60


def test_row_numbers_without_a_column_name_are_a_column(tmp_path: Path) -> None:
    numbered = [(str(number), *row) for number, row in enumerate(ROWS, start=1)]
    table = read_table(write(tmp_path, lines([("text", "label"), *numbered], ",")))
    assert table.columns == ("column 1", "text", "label") and table.rows[1]["text"] == ROWS[1][0]
    assert "begin with their number" in table.findings[0].what


def test_characters_that_nobody_sees_are_no_part_of_a_column_name(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, lines([("\u200btext", "label\u200b"), *ROWS], ","))).columns == ("text", "label")


def test_lines_of_fasttext_are_read(tmp_path: Path) -> None:
    text = "".join(f"__label__{label} {text}\n" for text, label in ROWS) + "__label__billing __label__refund both of them, please\n"
    table = read_table(write(tmp_path, text, "train.txt"))
    assert table.rows[0] == {"text": ROWS[0][0], "label": "billing"}
    assert table.rows[60] == {"text": "both of them, please", "label": ["billing", "refund"]}
    with pytest.raises(DataError, match="line 3 is none of fastText"):
        read_table(write(tmp_path, "__label__a one\n__label__b two\nthree\n", "bad.txt"))


def test_a_value_under_each_text_is_a_table(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, json.dumps(dict(ROWS)), "data.json"))
    assert table.columns == ("text", "label") and len(table.rows) == 60
    answers = {f"How many days does item {n} take?": f"{n} days" for n in range(9)}
    assert read_table(write(tmp_path, json.dumps(answers), "data.json")).columns == ("question", "answer")


def test_the_one_list_of_rows_is_found_however_deep_it_is(tmp_path: Path) -> None:
    hits = [{"_id": str(number), "_source": {"text": text, "label": label}} for number, (text, label) in enumerate(ROWS)]
    table = read_table(write(tmp_path, json.dumps({"took": 1, "hits": {"total": 60, "hits": hits}}), "data.json"))
    assert table.columns == ("_id", "text", "label") and len(table.rows) == 60


@pytest.mark.parametrize(
    "written",
    [
        "{'billing', 'refund'}",
        "('billing', 'refund')",
        "array(['billing', 'refund'], dtype=object)",
        "frozenset({'billing', 'refund'})",
    ],
)
def test_collections_as_python_writes_them_are_sets_of_labels(tmp_path: Path, written: str) -> None:
    rows = [(text, json.dumps(label) if number % 3 else written) for number, (text, label) in enumerate(ROWS)]
    guess = guess_task(write(tmp_path, lines([("text", "labels"), *rows], "\t"), "data.tsv"))
    assert (
        guess.kind.name == "tags" and {"billing", "refund"} <= set(guess.labels) and not any("'" in label for label in guess.labels)
    )


def test_labels_that_are_sentences_are_labels_where_each_is_in_many_rows(tmp_path: Path) -> None:
    said = {label: f"The customer asks what became of the {label} that was promised last week" for label in LABELS}
    guess = guess_task(write(tmp_path, lines([("text", "label"), *((text, said[label]) for text, label in ROWS)], "\t"), "d.tsv"))
    assert guess.kind.name == "classify" and guess.n_labels == 3


def test_a_text_without_spaces_is_what_is_asked(tmp_path: Path) -> None:
    rows = [(f"สวัสดีครับใบแจ้งหนี้ของผมหมายเลข{n}ยังไม่ได้รับ", ("การเงิน", "ขนส่ง")[n % 2]) for n in range(40)]
    guess = guess_task(write(tmp_path, lines([("ข้อความ", "หมวด"), *rows], ",")))
    assert (guess.input, guess.output, guess.kind.name) == ("ข้อความ", "หมวด", "classify")


# --- encodings


@pytest.mark.parametrize(
    ("codec", "text", "word"),
    [
        ("utf-7", "größer für Müller bitte schön", "größer"),
        ("iso2022_jp", "荷物がまだ届いていません", "荷物がまだ届いていません"),
        ("mac_roman", "größer für Müller bitte schön", "größer"),
        ("cp850", "größer für Müller bitte schön", "größer"),
        ("euc_jp", "荷物がまだ届いていません。返金してください", "荷物が"),
        ("euc_jp", "件名 Please help", "件名"),
    ],
)
def test_the_encoding_is_named_with_what_it_would_read(tmp_path: Path, codec: str, text: str, word: str) -> None:
    data = b"text,label\n" + f"{text},a\n".encode(codec) * 8
    with pytest.raises(DataError) as refused:
        read_table(write(tmp_path, data))
    assert f"`encoding: {codec}`" in refused.value.hint and word in refused.value.hint
    assert str(read_table(write(tmp_path, data), encoding=codec).rows[0]["text"]).startswith(word[:2])


def test_where_several_encodings_fit_each_is_shown_with_what_it_would_read(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_table(write(tmp_path, "text,label\n件名 Please,a\n".encode("cp932")))
    assert "`encoding: cp932` the place would read `件名`" in refused.value.hint and "gb18030" in refused.value.hint


@pytest.mark.parametrize("text", ["C+ABC-x and a+b-c", "+49 30 123-45, google+foo-bar", "1+1-2 +APY- alone"])
def test_plus_signs_alone_make_no_other_encoding(tmp_path: Path, text: str) -> None:
    assert len(read_table(write(tmp_path, f"text;label\n{text};a\n")).rows) == 1


def test_a_line_of_another_file_is_not_taken_for_the_encoding_of_all(tmp_path: Path) -> None:
    good = "".join(f"größer für Müller {n},a\n" for n in range(20)).encode()
    with pytest.raises(DataError) as refused:
        read_table(write(tmp_path, b"text,label\n" + good + "später,b\n".encode("latin-1")))
    assert "line 22" in str(refused.value) and "All but 1 such bytes" in refused.value.hint


# --- texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("die GebÃ¼hr ist", ("GebÃ¼hr", "Gebühr")),
        ("Itâ€™s late", ("Itâ€™s", "It’s")),
        ("Ð¡Ñ‡Ñ‘Ñ‚", ("Ð¡Ñ‡Ñ‘Ñ‚", "Счёт")),
        ("die Gebühr für «Größe»", None),
        ("naïve café – “déjà vu”", None),
        ("请问我的订单在哪里", None),
    ],
)
def test_utf8_that_was_read_as_another_encoding_is_told(text: str, expected: tuple[str, str] | None) -> None:
    assert read_twice(text) == expected


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        ("GebÃ¼hr", "read as another encoding: `GebÃ¼hr` for `Gebühr`"),
        ("Geb\ufffdhr", "that an earlier conversion lost"),
        ("Geb\x92hr", "control characters (U+0092)"),
    ],
)
def test_damaged_letters_are_warned_about_with_their_rows(tmp_path: Path, damaged: str, words: str) -> None:
    found = warned(
        findings(tmp_path, [(f"{damaged} {text}" if not n % 9 else text, label) for n, (text, label) in enumerate(ROWS)]), ""
    )
    told = [finding for finding in found if words in finding.what]
    assert len(told) == 1 and told[0].what.startswith("7 rows ") and len(told[0].rows) == 7


def test_texts_that_name_their_own_label_are_warned_about(tmp_path: Path) -> None:
    told = warned(findings(tmp_path, [(f"[{label}] {text}", label) for text, label in ROWS]), "names its own label")
    assert len(told) == 1 and "60 of 60 rows" in told[0].what


@pytest.mark.parametrize("share", [2, 3])
def test_texts_that_happen_to_name_labels_are_not(tmp_path: Path, share: int) -> None:
    rows = [(f"{label if n % share else LABELS[n % 2]} {text}", label) for n, (text, label) in enumerate(ROWS)]
    assert not warned(findings(tmp_path, rows), "names its own label")


@pytest.mark.parametrize(("label", "other"), [("account", "\u0430ccount"), ("A1", "\uff21\uff11"), ("refund", "ｒｅｆｕｎｄ")])
def test_labels_that_only_look_the_same_may_be_one(tmp_path: Path, label: str, other: str) -> None:
    rows = [(text, [label, other, "delivery"][n % 3]) for n, (text, _) in enumerate(ROWS)]
    assert warned(findings(tmp_path, rows), "may be one, spelt in two ways")


@pytest.mark.parametrize("placeholder", ["TBD", "unlabeled", "???", "Missing", "n/a"])
def test_what_stands_for_no_label_is_asked_about(tmp_path: Path, placeholder: str) -> None:
    rows = [(text, label if n % 9 else placeholder) for n, (text, label) in enumerate(ROWS)]
    assert warned(findings(tmp_path, rows), f"`{placeholder}` is the right answer of 7 rows")


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ("{'text': array(['two days'], dtype=object), 'answer_start': array([3], dtype=int32)}", ("two days",)),
        ("['two days', nan]", ("two days",)),
        ('[{"rating": 3}]', ("3",)),
        ('{"role": "assistant", "content": "two days"}', ("two days",)),
        ("('two days', 7)", ("('two days', 7)",)),
        ("(two days)", ("(two days)",)),
    ],
)
def test_a_cell_is_read_as_the_program_meant_it(cell: str, answers: tuple[str, ...]) -> None:
    assert answers_in(cell) == answers


@pytest.mark.parametrize(
    ("asked", "right"), [("Frage", "Antwort"), ("pregunta", "respuesta"), ("質問", "回答"), ("user_input", "reference")]
)
def test_columns_are_known_in_several_languages(tmp_path: Path, asked: str, right: str) -> None:
    rows = [(f"What is the fee for item {n}?", f"{n},50 €", "short") for n in range(40)]
    guess = guess_task(write(tmp_path, lines([(asked, right, "note"), *rows], ";")))
    assert (guess.input, guess.output, guess.kind.name) == (asked, right, "answer")
