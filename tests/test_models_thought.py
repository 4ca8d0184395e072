"""Telling thought from answer, as models of today mark them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor.models.thought import split_thought

MARKS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel>thought\n", "<channel|>"),
]
words = st.text("ab c\n.?", max_size=30)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("refund", "", "refund"),
        ("<think>\nIs it b?\n</think>\n\nrefund", "Is it b?", "refund"),
        ("<think></think>refund", "", "refund"),
        ("Is it b?\n</think>\n\nrefund", "Is it b?", "refund"),  # the opening mark was in the prompt
        ("<think>\nIs it b? It may", "Is it b? It may", ""),  # cut off in the middle
        ("<think>one</think>\n<think>two</think> refund", "one\n\ntwo", "refund"),
        (
            "<|channel|>analysis<|message|>Is it b?<|end|><|start|>assistant<|channel|>final<|message|>refund<|return|>",
            "Is it b?",
            "refund",
        ),
        ("<|channel|>analysis<|message|>Is it b? It", "Is it b? It", ""),
        ("analysisWe must choose.assistantfinalrefund", "We must choose.", "refund"),
        ("analysis", "", "analysis"),  # a label of that name
        ("Write <think> in front.", "", "Write <think> in front."),
        ("<|begin_of_thought|>x<|end_of_thought|><|begin_of_solution|>refund<|end_of_solution|>", "x", "refund"),
    ],
)
def test_the_thought_is_taken_off_the_answer(text: str, thought: str, answer: str) -> None:
    assert split_thought(text) == (thought, answer)


@given(words, words, st.sampled_from(MARKS))
def test_whatever_is_thought_the_answer_stays(thought: str, answer: str, marks: tuple[str, str]) -> None:
    assert split_thought(f"{marks[0]}{thought}{marks[1]}{answer}") == (thought.strip(), answer.strip())
    assert split_thought(f"{thought}{marks[1]}{answer}") == (thought.strip(), answer.strip())
    assert split_thought(f"{marks[0]}{thought}") == (thought.strip(), "")


@given(words)
def test_text_without_marks_is_all_answer(text: str) -> None:
    assert split_thought(text) == ("", text.strip())
