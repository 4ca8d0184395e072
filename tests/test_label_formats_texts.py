"""CoNLL, doccano, Prodigy, Potato and tables: files are written as they were read."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from label_files import data, put, rows, sample

from tailor.labelling.formats.door import read_labels, write_labels
from tailor.labelling.marks import Answer, Box, Item, Labels, Layer, Span


def test_the_real_conll_files_come_back_byte_for_byte() -> None:
    for name in ("train", "dev", "test"):
        path = data("wnut17") / f"{name}.conll"
        labels = read_labels(path)
        written = write_labels(labels, "conll")
        assert written.files["labels.conll"].strip() == path.read_bytes().strip() and not written.findings
    spans = [(span.labels[0], span.shape) for item in labels.items for span in item.layers[0].regions]
    told = rows((data("wnut17") / "test.jsonl").read_bytes())
    assert spans == [(one["label"], Span(one["start"], one["end"], one["text"])) for row in told for one in row["entities"]]


def test_other_columns_comments_and_documents_of_conll_are_kept(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O O\n\nEU NNP I-NP S-ORG\nrejects VBZ I-VP O\n\n# id = 2\nPeter NNP I-NP B-PER\nBlack NNP I-NP E-PER\n"
    labels = read_labels(put(tmp_path, {"a.conll": text.encode()}))
    assert write_labels(labels, "conll").files["labels.conll"].decode() == text
    assert [region.shape for region in labels.items[1].layers[0].regions] == [Span(0, 11, "Peter Black")]


def test_doccano_files_are_written_as_they_were_read_and_name_their_annotator(tmp_path: Path) -> None:
    text = sample("doccano.jsonl")
    labels = read_labels(put(tmp_path, {"ben.jsonl": text}))
    written = write_labels(labels, "doccano")
    assert labels.annotators == ("ben",) and labels.format == "doccano" and not written.findings
    assert rows(written.files["labels.jsonl"]) == rows(sample("doccano.jsonl"))
    both = read_labels(put(tmp_path, {"anna.jsonl": text}).parent)
    assert [layer.annotator for layer in both.items[0].layers] == ["anna", "ben"]


def test_prodigy_files_are_written_as_they_were_read(tmp_path: Path) -> None:
    labels = read_labels(put(tmp_path, {"set.jsonl": sample("prodigy.jsonl")}))
    written = write_labels(labels, "prodigy")
    assert labels.format == "prodigy" and not written.findings
    assert rows(written.files["labels.jsonl"]) == rows(sample("prodigy.jsonl"))
    first, second, third = labels.items[0].layers
    assert (first.annotator, second.rejected, third.skipped) == ("set-anna", True, "ignore")
    assert [(link.source, link.target, link.labels) for link in first.links] == [("1", "2", ("PAYS",))]
    assert labels.items[2].layers[0].regions[0].shape == Box(1.5, 2, 10, 4)


def test_potato_files_are_written_as_they_were_read(tmp_path: Path) -> None:
    labels = read_labels(put(tmp_path, {"annotated_instances.jsonl": sample("potato.jsonl")}))
    written = write_labels(labels, "potato")
    assert labels.format == "potato" and not written.findings
    assert rows(written.files["annotated_instances.jsonl"]) == rows(sample("potato.jsonl"))
    anna, ben = labels.items[0].layers
    assert anna.seconds == 12.5 and [answer.value for answer in anna.answers] == ["good", "so it says"]
    assert anna.regions[0].shape == Span(8, 13, "great") and ben.answers[0].value == "bad"


@pytest.mark.parametrize("name", ["crowd_bluebirds", pytest.param("crowd_adult_content", marks=pytest.mark.slow)])
def test_crowds_are_read_and_written_without_loss(name: str) -> None:
    path = data(name) / "labels.csv"
    labels = read_labels(path)
    given_rows = list(csv.DictReader(path.read_text().splitlines()))
    written = write_labels(labels, "annotators")
    made = list(csv.DictReader(written.files["labels.csv"].decode().splitlines()))
    same_rows = sorted(tuple(row.values()) for row in made) == sorted(tuple(row[key] for key in made[0]) for row in given_rows)
    assert same_rows and not written.findings
    assert len(labels.annotators) == len({row["annotator"] for row in given_rows})


def test_odd_cells_of_tables_come_back(tmp_path: Path) -> None:
    """Every cell of csv-spectrum, as the text of an item that two people labelled."""
    tried = 0
    for path in sorted((data("csv_spectrum") / "csvs").glob("*.csv")):
        cells = [cell for row in csv.reader(path.read_bytes().decode().splitlines(keepends=True)) for cell in row]
        said = (Layer("anna", marks=(Answer("label", "x"),)), Layer("bén", marks=(Answer("label", "y"),)))
        items = tuple(Item(str(number), {"id": str(number), "text": cell}, said) for number, cell in enumerate(cells, start=1))
        back = read_labels(put(tmp_path / path.stem, write_labels(Labels(items), "annotators").files))
        assert back.items == items, path.name
        tried += len(cells)
    assert tried > 50
