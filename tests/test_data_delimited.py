"""CSV and its relatives in the forms that people bring: the right rows, and a word on whatever was assumed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.data.table import Table, read_table
from tailor.errors import DataError

ROWS = [
    ("My parcel, sent on Monday, is late", "delivery"),
    ("Card declined; twice", "billing"),
    ("It says 5 o'clock", "account"),
] * 4
PLAIN = [(text.replace(",", "").replace(";", ""), label) for text, label in ROWS]


def read(folder: Path, name: str, content: str | bytes, columns: tuple[str, ...] = (), encoding: str = "") -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, columns=columns, encoding=encoding)


def pairs(table: Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.rows]


def said(table: Table) -> str:
    return " ".join(finding.what for finding in table.findings)


def lines(delimiter: str, header: str = "text{}label", rows: list[tuple[str, str]] = PLAIN, end: str = "") -> str:
    return "\n".join([header.format(delimiter), *(delimiter.join(row) + end for row in rows)]) + "\n"


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n", "\ufeffsep=;\n"])
def test_a_first_line_that_names_the_delimiter_is_obeyed_and_no_row(tmp_path: Path, first: str) -> None:
    rows = [(text.replace(";", ","), label) for text, label in ROWS]
    table = read(tmp_path, "a.csv", first + lines(";", rows=rows))
    assert (table.columns, pairs(table)) == (("text", "label"), rows)
    assert "a.csv begins with the line `" in said(table)


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.psv"])
def test_bars_divide_columns(tmp_path: Path, name: str) -> None:
    table = read(tmp_path, name, lines("|", rows=ROWS))
    assert (table.columns, pairs(table), table.findings) == (("text", "label"), ROWS, ())


def test_the_delimiter_that_gives_a_table_is_taken_and_not_the_commonest(tmp_path: Path) -> None:
    rows = [("one, two, three, four", "a"), ("five, six, seven, eight", "b"), ("nine, ten, eleven, twelve", "c")]
    assert pairs(read(tmp_path, "a.csv", lines(";", rows=rows))) == rows


def test_a_late_row_decides_between_delimiters(tmp_path: Path) -> None:
    rows = [("a;b", "x")] * 60 + [("c", "y"), ("d;e;f", "x")]
    assert pairs(read(tmp_path, "a.csv", lines(",", "te;xt{}label", rows))) == rows


def test_decimal_commas_stay_in_their_cells(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "item;price;label\nnail;1,50;a\nscrew;12,75;b\nbolt;0,99;a\n")
    assert pairs(table) == [("nail", "1,50", "a"), ("screw", "12,75", "b"), ("bolt", "0,99", "a")]


def test_quotation_marks_in_a_file_without_quoting_are_text(tmp_path: Path) -> None:
    rows = [
        *PLAIN[:3],
        ('"Late again', "delivery"),
        *PLAIN[:4],
        ('He said "no"', "account"),
        ('"Hello" she said', "billing"),
        *PLAIN[:2],
    ]
    table = read(tmp_path, "a.tsv", lines("\t", rows=rows))
    assert pairs(table) == rows
    assert "not quoted" in said(table)


def test_two_stray_quotation_marks_do_not_swallow_the_rows_between_them(tmp_path: Path) -> None:
    rows = [('"Open', "a"), ("two", "b"), ("three", "a"), ('closed"', "b")]
    assert pairs(read(tmp_path, "a.tsv", lines("\t", rows=rows))) == rows


def test_many_stray_quotation_marks_swallow_no_rows_where_the_labels_show_that_these_are_rows(tmp_path: Path) -> None:
    marks = {2: ('"', ""), 5: ("", '"')}
    rows = [(f"Message {n} on parcels".join(marks.get(n % 7, ("", ""))), "abc"[n % 3]) for n in range(60)]
    assert pairs(read(tmp_path, "a.tsv", lines("\t", rows=rows))) == rows


def test_letters_stay_whole_next_to_rows_on_one_line_and_the_user_hears_of_it(tmp_path: Path) -> None:
    rows = [(f"Dear team,\nparcel {n} is late", "a") if n % 3 == 0 else (f"parcel {n} came", "ab"[n % 2]) for n in range(6)]
    with (tmp_path / "data.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    table = read_table(tmp_path / "data.csv")
    assert [(row["text"], row["label"]) for row in table.rows] == rows
    assert "rows that begin in lines 2, 6 run over several lines" in said(table)


def test_tabs_with_quoted_values_are_still_quoted(tmp_path: Path) -> None:
    table = read(tmp_path, "a.tsv", 'text\tlabel\n"two\nlines"\tx\n"a ""b"""\ty\n')
    assert (pairs(table), table.findings) == ([("two\nlines", "x"), ('a "b"', "y")], ())


def test_quotation_marks_behind_backslashes(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", 'text,label\n"He said \\"no, never\\" to me",x\n"C:\\\\temp, or D:\\new",y\n')
    assert pairs(table) == [('He said "no, never" to me', "x"), ("C:\\temp, or D:\\new", "y")]
    assert '\\"' in said(table)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(("header_end", "row_end"), [("", 1), (1, 1), (1, ""), ("", 3), (2, 2)])
def test_delimiters_behind_the_last_value_are_no_column(tmp_path: Path, delimiter: str, header_end: int, row_end: int) -> None:
    text = lines(delimiter, "text{}label" + delimiter * int(header_end or 0), end=delimiter * int(row_end or 0))
    table = read(tmp_path, "a.csv", text)
    assert (table.columns, pairs(table)) == (("text", "label"), PLAIN)
    assert "nothing behind it" in said(table)


def test_an_empty_last_value_is_a_value(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "text,label\na,\nb,x\nc,\n")
    assert (pairs(table), table.findings) == ([("a", ""), ("b", "x"), ("c", "")], ())


def test_a_column_without_name_that_holds_something_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "text,label,\na,x,\nb,y,note\n").columns == ("text", "label", "column 3")


@pytest.mark.parametrize(
    "before",
    ["Export of March\n", "Export of March\n\nby the help desk\n", "# exported by, hand\n# on Monday\n", "Export of March,\n\n"],
)
def test_lines_before_the_column_names_are_no_rows(tmp_path: Path, before: str) -> None:
    table = read(tmp_path, "a.csv", before + "id,text,label\n1,a b,x\n2,c d,y\n3,e f,x\n")
    assert (table.columns, pairs(table)[0]) == (("id", "text", "label"), ("1", "a b", "x"))
    assert "lines before its column names: line" in said(table)


def test_rows_that_repeat_the_names_or_hold_nothing_are_left_out_and_named(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "text,label\na,x\ntext,label\nb,y\n,\nc,x\n")
    assert pairs(table) == [("a", "x"), ("b", "y"), ("c", "x")]
    assert [table.place(index) for index in range(3)] == ["a.csv row 1", "a.csv row 3", "a.csv row 5"]
    assert "repeats its column names in line 3" in said(table)
    assert "nothing but delimiters or dashes in line 5" in said(table)


def test_a_markdown_table_is_a_table(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "| text | label |\n|:---|---|\n| a b | x |\n| - | y |\n")
    assert [(str(row["text"]).strip(), str(row["label"]).strip()) for row in table.rows] == [("a b", "x"), ("-", "y")]
    assert "dashes in line 2" in said(table)


def test_lines_that_are_quoted_as_a_whole_are_rows(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", '"text,label"\n"a b,x"\n"c d,y"\n')
    assert (table.columns, pairs(table)) == (("text", "label"), [("a b", "x"), ("c d", "y")])
    assert "quoted as a whole" in said(table)
    assert pairs(read(tmp_path, "a.csv", '"one, or two"\n"a, b, c"\nd\n')) == [("a, b, c",), ("d",)]


@pytest.mark.parametrize(
    ("body", "headerless"),
    [
        (lines(",", "My parcel is late{}delivery"), True),
        ("1,good\n2,bad\n1,good\n2,fine\n", True),
        ("Where do I find the form for a refund?,On the last page\nWho pays for a lost parcel then?,We do\n" * 3, True),
        (lines(","), False),
        ("nachricht,art\n" + "\n".join(f"{text},{label}" for text, label in PLAIN), False),
        ("0,1\na b c,x\nd e f,y\n", False),
        ("country,2019,2020\nPeru,4,5\nChile,6,7\n", False),
        ("Timestamp,What would you like us to know about your visit?\nMonday,The staff were kind to all of us today\n", False),
    ],
)
def test_a_first_row_that_reads_like_data_is_noticed(tmp_path: Path, body: str, headerless: bool) -> None:
    table = read(tmp_path, "a.csv", body)
    assert table.headerless is headerless
    assert ("no header" in said(table)) is headerless


def test_columns_can_be_named_for_a_file_without_names(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "My parcel is late,delivery\nCard declined,billing\n", columns=("text", "label"))
    assert (table.columns, pairs(table)) == (("text", "label"), [("My parcel is late", "delivery"), ("Card declined", "billing")])
    again = read(tmp_path, "a.csv", lines(","), columns=("text", "label"))
    assert pairs(again) == PLAIN  # the names were there after all


@pytest.mark.parametrize(
    ("content", "sentence", "hint"),
    [
        ("text,label\na,b,c\nd,e\n", "a.csv has 2 columns, but line 2 has 3", "double quotes"),
        ("text,label,more\na,b\nd,e,f\n", "a.csv has 3 columns, but line 2 has 2", "Write every delimiter"),
        ("text,label\na,b,c\nd,e,f\n", "names 2 columns, but all its rows have 3 values", "Give every column a name"),
        ("text,text\na,b\n", "two columns named `text`", "its own name"),
        ('{"text": "a", "label": "b"}\n', "a.csv holds JSON", ".jsonl"),
    ],
)
def test_what_gives_no_table_is_refused_with_a_hint_that_fits(tmp_path: Path, content: str, sentence: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, "a.csv", content)
    assert sentence in str(caught.value)
    assert hint in caught.value.hint


# Encodings


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [lines(","), "text,label\n我的包裹今天没有到,物流\n账单金额不对,账务\n" * 9])
def test_utf_16_without_a_mark_is_recognised_and_said(tmp_path: Path, codec: str, text: str) -> None:
    table = read(tmp_path, "a.csv", text.encode(codec))
    assert pairs(table) == pairs(read(tmp_path, "b.csv", text))
    assert "looks like UTF-16" in said(table)


def test_an_old_encoding_is_refused_with_its_name_and_read_when_told(tmp_path: Path) -> None:
    content = "text,label\nMüller's café,x\n“Yes” – 5 €,y\n".encode("cp1252")
    with pytest.raises(DataError, match="not UTF-8") as caught:
        read(tmp_path, "a.csv", content)
    assert "encoding: cp1252" in caught.value.hint
    assert "`Müller's`" in caught.value.hint
    assert pairs(read(tmp_path, "a.csv", content, encoding="cp1252")) == [("Müller's café", "x"), ("“Yes” – 5 €", "y")]


@pytest.mark.parametrize(("encoding", "sentence"), [("klingon", "no encoding `klingon`"), ("ascii", "is not `ascii` text: byte 2")])
def test_an_encoding_that_does_not_fit_is_refused(tmp_path: Path, encoding: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, "a.csv", "aé,b\n", encoding=encoding)


@pytest.mark.parametrize(
    ("name", "magic", "kind"),
    [("a.csv.gz", b"\x1f\x8b\x08", "gzip"), ("a.csv", b"\x1f\x8b\x08", "gzip"), ("a.xlsx", b"PK\x03\x04", "spreadsheet"),
     ("a.zip", b"PK\x03\x04", "unpack it"), ("a.csv", b"PAR1\x15", "Parquet"), ("a.arrow", b"ARROW1\0\0", "Arrow")],
)  # fmt: skip
def test_files_of_other_kinds_are_named(tmp_path: Path, name: str, magic: bytes, kind: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, name, magic + b"\0" * 20)
    assert kind in caught.value.hint


def test_line_ends_of_all_systems_end_rows(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, "a.csv", "text,label\r\na,x\nb,y\rc,z\r\n")) == [("a", "x"), ("b", "y"), ("c", "z")]


def test_thousands_of_columns_are_read(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(5000)]
    table = read(tmp_path, "a.csv", ",".join(names) + "\n" + ",".join("1" * 5000) + "\n")
    assert len(table.columns) == 5000


@given(st.text(st.sampled_from('ab,;|\t"\\\n\r #=1'), max_size=60), st.sampled_from([".csv", ".tsv", ".txt"]))
@settings(deadline=None, derandomize=True, max_examples=400)
def test_whatever_stands_in_a_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str, suffix: str) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(text.encode())
    try:
        table = read_table(path)
    except DataError as error:
        assert "\n" not in str(error)
        return
    assert all(set(row) == set(table.columns) for row in table.rows)
    assert len({table.place(index) for index in range(len(table.rows))}) == len(table.rows)


_WORDS = st.text(st.sampled_from("abc de,;|\"\\#'"), min_size=1, max_size=12).map(str.strip).filter(bool)


@given(st.lists(st.tuples(_WORDS, st.sampled_from(["x", "y"])), min_size=3, max_size=12), st.sampled_from(",;\t|"))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_no_row_is_lost_whatever_the_delimiter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    import csv

    path = tmp_path_factory.mktemp("rows") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([("text", "label"), *rows])
    assert [tuple(row.values()) for row in read_table(path).rows] == rows


@pytest.mark.parametrize("comments", ["# made by a tool, v1\n", "# one\n# two, three\n", "# a, b, c\n"])
def test_comments_before_the_names_may_hold_delimiters(tmp_path: Path, comments: str) -> None:
    table = read(tmp_path, "a.csv", comments + lines(","))
    assert (table.columns, pairs(table)) == (("text", "label"), [*PLAIN])
    assert "lines before its column names" in said(table)


def test_a_first_name_may_begin_with_a_hash(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", lines(",", header="#text{}label"))
    assert (table.columns, len(table.rows)) == (("#text", "label"), len(PLAIN))


def test_quoted_values_may_stand_after_spaces(tmp_path: Path) -> None:
    content = "text, label\n" + "".join(f'"{text}", "{label}"\n' for text, label in ROWS)
    table = read(tmp_path, "a.csv", content)
    assert (table.columns, pairs(table)) == (("text", "label"), [*ROWS])
    assert "Spaces stand between" in said(table)


def test_a_quotation_after_a_comma_inside_a_value_is_no_space_before_a_value(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f'"{text}, ""so"", ""oh""",{label}\n' for text, label in ROWS)
    table = read(tmp_path, "a.csv", content)
    assert pairs(table) == [(f'{text}, "so", "oh"', label) for text, label in ROWS]
    assert not table.findings


def test_a_tsv_file_without_tabs_is_read_by_the_delimiter_it_has(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, "a.tsv", lines(","))) == [*PLAIN]
    assert pairs(read(tmp_path, "a.tsv", lines(";"))) == [*PLAIN]


def test_two_byte_order_marks_are_no_part_of_a_name(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "\ufeff\ufeff" + lines(",")).columns == ("text", "label")


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "git lfs pull"),
        ("<!DOCTYPE html>\n<html><body>Log in, please</body></html>\n", "a web page"),
    ],
)
def test_what_stands_in_place_of_a_file_is_named(tmp_path: Path, content: str, hint: str) -> None:
    with pytest.raises(DataError) as refused:
        read(tmp_path, "a.csv", content)
    assert hint in str(refused.value.hint)


def test_names_of_groups_of_columns_stand_before_the_names(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "Customer,,Team\nid,text,label\n" + "".join(f"{n},{a},{b}\n" for n, (a, b) in enumerate(PLAIN)))
    assert (table.columns, len(table.rows)) == (("id", "text", "label"), len(PLAIN))
    assert "lines before its column names: line 1" in said(table)


def test_texts_over_several_lines_stay_whole_where_each_line_has_as_many_delimiters_as_a_row(tmp_path: Path) -> None:
    rows = [(f"first, {n}\nand more", "x") for n in range(5)]
    with (tmp_path / "data.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    table = read_table(tmp_path / "data.csv")
    assert [(row["text"], row["label"]) for row in table.rows] == rows
