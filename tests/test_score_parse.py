"""Reading labels and answers out of model text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.labels import display_label, display_labels
from tailor.score.parse import find_label, last_answer, parse_answer
from tailor.system import Decoding, Prompt, System, Weights

LABELS = ("card_payment", "card_payment_fee", "lost_card", "reverted_card_payment?")


def system(labels: tuple[str, ...] = (), *, reasoning: bool = False) -> System:
    prompt = Prompt(instruction="Sort it.", input="{{text}}", reasoning=reasoning)
    return System(steps=("zero-shot",), weights=Weights(model="m"), prompt=prompt, decoding=Decoding(labels=labels))


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("lost_card", "lost_card"),
        ("Lost card.", "lost_card"),
        ("  **LOST CARD**\n", "lost_card"),
        ("reverted card payment", "reverted_card_payment?"),
        ("Label: lost card", "lost_card"),
        ("The customer has a lost card, so they need help.", "lost_card"),
        ("This is about a card payment fee.", "card_payment_fee"),
        ("lost card\n\nMessage: I was charged\nLabel: card payment fee", "lost_card"),
        ("lost card\ncard payment fee", "lost_card"),
        ("Sure! Here it is:\nlost_card\nIt is not a card payment.", "lost_card"),
    ],
)
def test_a_label_is_found_whatever_its_case_underscores_and_punctuation(raw: str, label: str) -> None:
    assert parse_answer(system(LABELS), raw) == label


@pytest.mark.parametrize("raw", ["", "  \n", "It is a discard.", "lost card or card payment fee", "lost cards", "..."])
def test_no_label_or_several_labels_are_unparsed(raw: str) -> None:
    assert parse_answer(system(LABELS), raw) is None


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("This is not a lost card but a card payment.", "card_payment"),
        ("It is not a card payment fee. It is a lost card.", "lost_card"),
        ("No, it is not a lost card.", None),
        ("lost card: the customer cannot find it", "lost_card"),
    ],
)
def test_a_label_that_is_denied_is_not_the_answer(raw: str, label: str | None) -> None:
    assert find_label(raw, LABELS) == label


@pytest.mark.parametrize("letter", ["A", "B", "C", "D"])
@pytest.mark.parametrize("form", ["{}", "{}.", "({})", "{}) a heron", "{}: heron", "The answer is {}.", "I choose {}, a heron."])
def test_the_letter_of_a_choice_is_read_for_a_as_for_the_others(letter: str, form: str) -> None:
    assert find_label(form.format(letter), ("A", "B", "C", "D")) == letter


@pytest.mark.parametrize(
    ("raw", "labels", "label"),
    [
        ("这条消息属于物流类。", ("物流", "账务", "账户"), "物流"),
        ("这不是物流，而是账务。", ("物流", "账务", "账户"), "账务"),
        ("この件はbillingです。", ("billing", "delivery"), "billing"),
        ("환불입니다", ("환불", "배송"), "환불"),
        ("เรื่องนี้คือการจัดส่งครับ", ("การจัดส่ง", "การคืนเงิน"), "การจัดส่ง"),
    ],
)
def test_a_label_is_read_inside_a_sentence_of_any_script(raw: str, labels: tuple[str, ...], label: str) -> None:
    assert find_label(raw, labels) == label


@pytest.mark.parametrize("raw", ["billing\ndelivery\nreturns", "Billing\n\n- delivery\n**returns**\n"])
def test_an_answer_that_lists_labels_line_by_line_is_none(raw: str) -> None:
    assert find_label(raw, ("billing", "delivery", "returns")) is None
    assert find_label("billing\nbilling", ("billing", "delivery")) == "billing"
    assert find_label("billing\nBecause of the delivery.", ("billing", "delivery")) == "billing"


def test_two_labels_on_lines_of_their_own_below_the_first_are_unparsed() -> None:
    assert find_label("Possible:\nlost card\ncard payment", LABELS) is None


@pytest.mark.parametrize("labels", [("C", "C++", "C#"), ("us", "Us"), ("a_b", "a b"), ("+", "-"), ("a b", "A_b")])
def test_labels_that_differ_only_in_signs_or_case_are_told_apart(labels: tuple[str, ...]) -> None:
    for label in labels:
        assert find_label(label, labels) == label
        assert find_label(f" {label}\n", labels) == label


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.text(min_size=1, max_size=12).filter(str.strip), min_size=1, max_size=5, unique=True), st.data())
def test_every_label_is_found_as_it_stands_and_text_never_breaks_the_parser(labels: list[str], data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(labels))
    assert find_label(label, labels) == label
    assert find_label(data.draw(st.text(max_size=60)), labels) in (*labels, None)


def test_reasoning_must_end_in_an_answer_line() -> None:
    reasoner = system(LABELS, reasoning=True)
    assert parse_answer(reasoner, "It could be a card payment.\nAnswer: lost card") == "lost_card"
    assert parse_answer(reasoner, "Answer: card payment\nNo, wait.\n**Final answer:** lost card") == "lost_card"
    assert parse_answer(reasoner, "It is a lost card") is None
    assert parse_answer(reasoner, "Steps.\nAnswer:") is None


def test_free_text_is_taken_as_it_comes_or_from_behind_the_last_answer_line() -> None:
    assert parse_answer(system(), "  Two days [1]. ") == "Two days [1]."
    assert parse_answer(system(), " \n ") is None
    assert parse_answer(system(reasoning=True), "The answer: is hidden.\nAnswer: **Two days** [1]") == "Two days** [1]"


def test_the_last_answer_line_counts() -> None:
    assert last_answer("Answer: a\nanswer: b") == "b"
    assert last_answer("- The final answer: c") == "c"
    assert last_answer("Answer:\nd") == "d"
    assert last_answer("My answering machine: e") is None


def test_labels_are_shown_with_spaces_and_without_punctuation_around_them() -> None:
    assert display_label("reverted_card_payment?") == "reverted card payment"
    assert display_label('"Lost  card"') == "Lost card"
    assert display_label("C++") == "C++"
    assert display_label("???") == "???"


def test_labels_that_would_read_the_same_are_all_shown_as_they_are() -> None:
    assert display_labels(("a_b", "c_d")) == ("a b", "c d")
    assert display_labels(("a_b", "a b", "c_d")) == ("a_b", "a b", "c_d")
    assert display_labels(()) == ()


@pytest.mark.parametrize(
    ("raw", "labels", "label"),
    [
        ("refund does not fit. Answer: billing", ("billing", "refund"), "billing"),
        ("The label isn't billing. It's refund!", ("billing", "refund"), "refund"),
        ("This is not about refund or delivery but billing.", ("billing", "refund", "delivery"), "billing"),
        ("Is it billing?", ("billing", "refund"), None),
        ("4/5", ("1", "2", "3", "4", "5"), "4"),
        ("4 out of 5", ("1", "2", "3", "4", "5"), "4"),
        ("−1", ("-1", "0", "1"), "-1"),
        ("The score is -1.", ("-1", "0", "1"), "-1"),
        ("-1", ("1", "2", "3"), None),
        ("I think II", ("I", "II", "III"), "II"),
        ("I", ("I", "II", "III"), "I"),
        ("Category: refund. It mentions billing too.", ("billing", "refund"), "refund"),
    ],
)
def test_a_label_is_read_out_of_a_field_a_denial_or_a_rating(raw: str, labels: tuple[str, ...], label: str | None) -> None:
    assert find_label(raw, labels) == label
