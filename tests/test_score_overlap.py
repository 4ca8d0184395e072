"""chrF and ROUGE-L: equal to sacreBLEU and rouge-score on generated texts, and each deviation with its reason."""

from __future__ import annotations

import random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor.score.overlap import chrf, rouge_l

CASES = 500
WORDS = "the cat's mats are small, e.g. 1,050 of 27.5 % — on/off! A_B don't Über naïve façade 日本 語 😀 x yy Zzz".split()
PLAIN = [word for word in WORDS if word.isascii()]


def texts(words: list[str], seed: int) -> list[tuple[str, list[str]]]:
    """Texts with one to three references, some of them nearly the text itself, some empty."""
    chance = random.Random(seed)

    def some(most: int) -> list[str]:
        return [chance.choice(words) for _ in range(chance.randrange(most))]

    found = []
    for _ in range(CASES):
        said = some(30)
        changed = [chance.choice(words) if chance.random() < 0.3 else word for word in said]
        references = [changed, some(40), some(6)][: chance.randrange(1, 4)]
        found.append((chance.choice([" ", "  ", "\n"]).join(said), [" ".join(words) for words in references]))
    return found


def oracle(name: str) -> ModuleType:
    return pytest.importorskip(name, reason=f"{name} is not installed", exc_type=ImportError)  # type: ignore[no-any-return]


def test_chrf_is_that_of_sacrebleu() -> None:
    sacrebleu = oracle("sacrebleu")
    for said, references in texts(WORDS, 1):
        assert chrf(said, references) == pytest.approx(sacrebleu.sentence_chrf(said, references).score / 100, abs=1e-12), said


def test_rouge_l_is_that_of_rouge_score() -> None:
    scorer = oracle("rouge_score.rouge_scorer").RougeScorer(["rougeL"], use_stemmer=False)
    for said, references in texts(PLAIN, 2):
        assert rouge_l(said, references) == pytest.approx(scorer.score_multi(references, said)["rougeL"].fmeasure, abs=1e-12), said


def test_where_rouge_l_deviates_rouge_score_loses_letters_that_are_not_ascii() -> None:
    scorer = oracle("rouge_score.rouge_scorer").RougeScorer(["rougeL"], use_stemmer=False)
    # It reads "façade" as "fa" and "ade", and a text in another script as nothing.
    assert scorer.score("façade", "fa ade")["rougeL"].fmeasure == 1 and rouge_l("fa ade", ["façade"]) == 0
    assert scorer.score("Кошка спит", "Кошка спит")["rougeL"].fmeasure == 0 and rouge_l("Кошка спит", ["кошка спит"]) == 1
    assert rouge_l("日本語", ["日本人"]) == pytest.approx(2 / 3)


def test_what_is_known_by_hand() -> None:
    assert rouge_l("a b c d", ["a x c"]) == pytest.approx(2 * 2 / 7)
    assert chrf("", [""]) == rouge_l("", [""]) == chrf("a", []) == rouge_l("a", []) == 0.0
    # Runs of one: 2 of 2 are in the reference of 3. Runs of two: 1 of 1, of 2.
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    assert chrf("ab", ["abc"]) == pytest.approx(5 * precision * recall / (4 * precision + recall))


@given(st.text(max_size=60), st.text(max_size=60))
def test_both_are_shares_and_one_for_the_same_text(said: str, other: str) -> None:
    for measure in (chrf, rouge_l):
        assert 0 <= measure(said, [other]) <= 1
        assert measure(said, [said]) in (0.0, pytest.approx(1.0))
        assert measure(said, [other, said]) >= measure(said, [other])
