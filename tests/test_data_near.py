from __future__ import annotations

import random
import time

from data_helpers import sentence
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.data.near import near_groups, normalise

LONG = "My router has been blinking red since the storm on Monday night and nothing I try brings it back"


def test_case_spacing_and_punctuation_do_not_make_a_new_text() -> None:
    assert near_groups(["Where is my card?", "where is  my card", "WHERE is my card!!", "Where is my dog?"]) == [0, 0, 0, 3]


def test_a_slip_of_the_pen_is_a_near_duplicate() -> None:
    assert near_groups([LONG, LONG.replace("blinking", "blinkng"), "Something else entirely about a bill"]) == [0, 0, 2]


def test_texts_without_words_are_compared_as_they_are() -> None:
    assert near_groups(["???", "!!!", "???", "", "\U0001f600", " "]) == [0, 1, 0, 3, 4, 3]


def test_languages_without_spaces_have_near_duplicates_too() -> None:
    text = "我的路由器自从星期一晚上的暴风雨以来一直在闪红灯我尝试的任何方法都无法使其恢复正常"
    assert near_groups([text, "请问" + text, "完全不同的关于账单的问题"])[:2] == [0, 0]


def test_nearness_is_closed() -> None:
    chain = [LONG, LONG + " ok then", LONG + " ok then, thanks you"]
    assert near_groups(chain) == [0, 0, 0]


def test_long_texts_are_compared_by_a_sketch() -> None:
    words = [sentence(number) for number in range(2000)]
    text, changed = " ".join(words), " ".join([*words[:1900], "an ending of its own"])
    assert near_groups([text, changed, " ".join(words[:1000])]) == [0, 0, 2]


@given(
    st.lists(st.sampled_from([LONG, LONG.upper(), LONG + "!", LONG[:-4], "a", "b", "a b", "", "\ud800", "\x00"]), max_size=12),
    st.randoms(),
)
@settings(deadline=None, derandomize=True)
def test_the_order_of_texts_does_not_change_the_groups(texts: list[str], rng: random.Random) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    before, after = near_groups(texts), near_groups([texts[place] for place in order])
    for a, i in enumerate(order):
        for b, j in enumerate(order):
            assert (before[i] == before[j]) == (after[a] == after[b])


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_twenty_thousand_rows_take_seconds_even_when_all_are_alike() -> None:
    alike = [
        f"Hello, my order number {number:05d} has not arrived at my home, please look into it today" for number in range(10_000)
    ]
    different = [sentence(number) for number in range(10_000)]
    started = time.perf_counter()
    groups = near_groups([*alike, *different])
    assert time.perf_counter() - started < 20
    assert len(set(groups[10_000:])) == 10_000
    assert len(set(groups[:10_000])) < 100
