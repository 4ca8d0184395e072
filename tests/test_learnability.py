"""Whether labels follow from the texts: told for true labels, and not for shuffled ones."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from data_helpers import SHARED, make_example, make_task, sentence

from tailor.advise.advice import advise
from tailor.advise.gather import gather
from tailor.data.learnability import LEAST, Learnability, learnability, task_learnability
from tailor.data.near import near_groups

COLOURS = {"red": "rose blood brick cherry", "green": "grass leaf moss frog", "blue": "sea sky ink jeans"}


def coloured(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts that each hold one word by which their label can be told."""
    rng = random.Random(seed)
    labels = [rng.choice(sorted(COLOURS)) for _ in range(n)]
    return [f"{sentence(number)[:-6]} {rng.choice(COLOURS[label].split())}" for number, label in enumerate(labels)], labels


def learned(texts: list[str], labels: list[str]) -> Learnability:
    found = learnability(texts, labels, near_groups(texts))
    assert found is not None
    return found


def shuffled(labels: list[str], seed: int = 0) -> list[str]:
    return random.Random(seed).sample(labels, len(labels))


def test_labels_that_follow_from_a_word_are_learned_and_shuffled_ones_are_not() -> None:
    texts, labels = coloured(200)
    true, chance = learned(texts, labels), learned(texts, shuffled(labels))
    assert true.is_clear and true.right > 0.8 and 0.25 < true.by_chance < 0.42 and true.skill > 0.7
    assert not chance.is_clear and chance.skill == 0 and chance.right < 0.45


def test_shuffled_labels_pass_no_more_often_than_is_told() -> None:
    texts, labels = coloured(LEAST)
    passed = sum(learned(texts, shuffled(labels, seed)).is_clear for seed in range(100))
    assert passed <= 3  # 0.6 expected


def test_copies_of_a_row_teach_nothing_about_it() -> None:
    rng = random.Random(0)
    once = [sentence(number)[:-6] for number in range(120)]
    labels = [rng.choice("ab") for _ in once]
    texts = [copy for text in once for copy in (text, text.upper(), f"{text} please", f"{text} 12", text.replace("a", "e", 1))]
    repeated = [label for label in labels for _ in range(5)]
    apart = learnability(texts, repeated, range(len(texts)))
    assert apart is not None and apart.is_clear and apart.right > 0.9  # what the units prevent
    found = learned(texts, repeated)
    assert found.rows == 120 and not found.is_clear


def test_the_order_of_rows_changes_nothing() -> None:
    texts, labels = coloured(150)
    order = random.Random(1).sample(range(150), 150)
    assert learned([texts[i] for i in order], [labels[i] for i in order]) == learned(texts, labels)


def test_an_emoji_or_a_vowel_sign_is_enough() -> None:
    texts, labels = coloured(120)
    binary = [str(label == "red") for label in labels]
    assert learned(
        [f"{text} {'👍' if label == 'True' else '👎'}" for text, label in zip(texts, binary, strict=True)], binary
    ).is_clear


def test_too_few_rows_or_one_label_tell_nothing() -> None:
    texts, labels = coloured(LEAST)
    assert learnability(texts[1:], labels[1:], range(LEAST - 1)) is None
    assert learnability(texts, ["red"] * LEAST, range(LEAST)) is None
    assert learnability(["the same"] * 200, ["red", "green"] * 100, [0] * 200) is None
    assert learnability([""] * LEAST, labels, range(LEAST)) is not None  # nothing to learn from, and no error
    assert task_learnability(make_task(kind="answer"), [make_example(n, "a") for n in range(LEAST)]) is None


def test_advice_goes_by_it_and_by_the_number_of_rows() -> None:
    task = make_task()
    texts, labels = coloured(300)

    def expected(rows: int, answers: list[str]) -> tuple[str, str]:
        examples = [make_example(n, label, text=text) for n, (text, label) in enumerate(zip(texts[:rows], answers, strict=False))]
        advice = advise(gather(task, examples))
        return advice.expected, " ".join((*advice.observed, *advice.mind))

    everything = [make_example(n, label, text=text) for n, (text, label) in enumerate(zip(texts, labels, strict=True))]
    assert gather(task, everything, learned_from=everything[: LEAST - 1]).get("learnability") is None
    assert expected(300, labels)[0] == "fine-tuning"
    assert expected(90, labels)[0] == "prompting"
    approach, said = expected(300, shuffled(labels))
    assert approach == "prompting"
    assert "do not seem to follow from the texts" in said and "Check that each is next to its own text" in said


# --- real data


def table(path: str, text: str, label: str) -> list[tuple[str, str]]:
    with (SHARED / path).open(encoding="utf-8", newline="") as file:
        return [(row[text], row[label]) for row in csv.DictReader(file)]


def records(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (SHARED / path).read_text(encoding="utf-8").splitlines()]


def intents_of_hotels_and_banks() -> list[tuple[str, str]]:
    rows = [*records("nlupp/banking.jsonl"), *records("nlupp/hotels.jsonl")]
    return [(str(row["text"]), str(intents[0])) for row in rows if isinstance(intents := row.get("intents"), list) and intents]


def kinds_of_food() -> list[tuple[str, str]]:
    rows = table("e2e_nlg/dev.csv", "ref", "mr")
    return [(text, found[1]) for text, facts in rows if (found := re.search(r"food\[(.*?)\]", facts))]


SETS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "banking77": lambda: table("banking77/train.csv", "text", "label"),
    "clinc150": lambda: table("clinc150/train.csv", "text", "label"),
    "nlupp": intents_of_hotels_and_banks,
    "e2e_nlg": kinds_of_food,
    "squad_xquad": lambda: [(str(row["question"]), str(row["doc_id"])[:3]) for row in records("squad_xquad/questions.zh.jsonl")],
}


@pytest.mark.skipif(not Path(SHARED).exists(), reason="the public data sets are not there")
@pytest.mark.parametrize("name", SETS)
def test_true_labels_are_never_doubted_and_shuffled_ones_are(name: str) -> None:
    rows = SETS[name]()
    for seed in range(20):
        some = random.Random(seed).sample(rows, (100, 150, 250, 400)[seed % 4])
        texts, labels = [text for text, _ in some], [label for _, label in some]
        groups = near_groups(texts)
        found = learnability(texts, labels, groups)
        assert found is None or found.is_clear, f"seed {seed}: {found}"
    wrong = learnability(texts, shuffled(labels), groups)
    assert wrong is not None and not wrong.is_clear
