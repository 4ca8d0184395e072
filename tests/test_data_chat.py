"""Chats in all their forms: what is asked, what is right, what is shown; and chats that cannot be scored are named."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tailor.data.table import Table, read_table
from tailor.errors import DataError

PARTS = [{"type": "input_text", "text": "Where "}, {"type": "text", "text": "is it?"}]
IMAGE = [{"inline_data": {"data": ""}}]
SEEN = {"type": "image_url", "image_url": {"url": "a.png"}}
SHOWING = {"role": "user", "content": "<image>\nWhere is it?"}
USER = {"role": "user", "content": "Where is it?"}
ANSWER = {"role": "assistant", "content": "delivery"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"q":1}'}}],
}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "queue 7"}
MADE = {"input": "Where is it?", "output": "delivery", "system": "", "history": ""}


def read(folder: Path, *rows: object) -> Table:
    path = folder / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return read_table(path)


def row(folder: Path, content: object) -> dict[str, Any]:
    return dict(read(folder, content).rows[0])


@pytest.mark.parametrize(
    "content",
    [
        {"messages": [USER, ANSWER]},
        {"conversations": [{"from": "human", "value": "Where is it?"}, {"from": "gpt", "value": "delivery"}]},
        {"conversation": [{"role": "Human", "content": "Where is it?"}, {"role": "Assistant", "content": "delivery"}]},
        {"prompt": [USER], "completion": [ANSWER]},
        {"prompt": [USER], "completion": "delivery"},
        {"prompt": [USER], "response": "delivery"},
        {"prompt": "Where is it?", "completion": [ANSWER]},
        {"contents": [{"role": "user", "parts": [{"text": "Where is it?"}]}, {"role": "model", "parts": [{"text": "delivery"}]}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "input_text", "text": "Where "}, {"type": "text", "text": "is it?"}]},
                ANSWER,
            ]
        },
    ],
)
def test_chats_are_read_alike_however_they_are_written(tmp_path: Path, content: object) -> None:
    assert row(tmp_path, content) == MADE


def test_the_chosen_answer_is_the_right_one_and_the_rejected_is_kept_apart(tmp_path: Path) -> None:
    rejected = [{"role": "assistant", "content": "billing"}]
    for content in (
        {"prompt": [USER], "chosen": [ANSWER], "rejected": rejected},
        {"prompt": "Where is it?", "chosen": [ANSWER], "rejected": rejected},
        {"chosen": [USER, ANSWER], "rejected": [USER, *rejected]},
    ):
        table = read(tmp_path, content)
        assert {name: table.rows[0][name] for name in MADE} == MADE
        assert "the chosen answer is the right one" in " ".join(finding.what for finding in table.findings)


def test_developers_speak_as_the_system_and_a_column_of_that_name_is_heard(tmp_path: Path) -> None:
    assert row(tmp_path, {"messages": [{"role": "developer", "content": "Be brief."}, USER, ANSWER]})["system"] == "Be brief."
    turns = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    assert row(tmp_path, {"system": "Be brief.", "conversations": turns})["system"] == "Be brief."
    with pytest.raises(DataError, match=r"row 1 \(its column `system` says something else"):
        read(tmp_path, {"system": "Be brief.", "messages": [{"role": "system", "content": "Be kind."}, USER, ANSWER]})


def test_earlier_turns_are_history_and_tools_are_steps(tmp_path: Path) -> None:
    first = [{"role": "user", "content": "Hi"}, CALL, RESULT, {"role": "assistant", "content": "Yes?"}]
    found = row(tmp_path, {"messages": [*first, USER, CALL, RESULT, ANSWER]})
    assert found["history"] == 'user: Hi\nassistant: calls look({"q":1})\ntool: queue 7\nassistant: Yes?'
    assert found["steps"] == 'assistant: calls look({"q":1})\ntool: queue 7'
    assert (found["input"], found["output"]) == ("Where is it?", "delivery")


@pytest.mark.parametrize(
    "steps",
    [
        [{"from": "function_call", "value": 'look({"q":1})'}, {"from": "observation", "value": "queue 7"}],
        [
            {"role": "assistant", "content": [{"type": "tool_use", "name": "look", "input": {"q": 1}}]},
            {"role": "tool", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "queue 7"}]}]},
        ],
        [
            {"role": "assistant", "content": "", "function_call": {"name": "look", "arguments": '{"q":1}'}},
            {"role": "function", "name": "look", "content": "queue 7"},
        ],
    ],
)
def test_calls_of_tools_are_shown_in_every_form(tmp_path: Path, steps: Sequence[object]) -> None:
    found = row(tmp_path, {"messages": [USER, *steps, ANSWER]})
    assert found["steps"] == 'assistant: calls look({"q":1})\ntool: queue 7'


def test_a_tools_result_given_as_the_user_is_no_question(tmp_path: Path) -> None:
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "queue 7"}]}
    call = {"role": "assistant", "content": [{"type": "tool_use", "name": "look", "input": {}}]}
    found = row(tmp_path, {"messages": [USER, call, result, ANSWER]})
    assert (found["input"], found["steps"]) == ("Where is it?", "assistant: calls look({})\ntool: queue 7")


def test_several_turns_of_the_assistant_are_said(tmp_path: Path) -> None:
    table = read(tmp_path, {"messages": [USER, ANSWER]}, {"messages": [USER, ANSWER, USER, ANSWER]})
    assert "1 of 2 chats have several turns of the assistant; only the last is scored." in table.findings[1].what


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"messages": [USER]}, "it does not end with the assistant's answer"),
        ({"messages": [USER, CALL]}, "its last turn calls a tool, which cannot be scored yet"),
        ({"messages": [USER, {**CALL, "content": "Let me look."}]}, "its last turn calls a tool"),
        ({"messages": [USER, {"role": "assistant", "content": None}]}, "the assistant's last turn is empty"),
        ({"messages": [{"role": "user", "content": ""}, ANSWER]}, "the user says nothing"),
        ({"messages": []}, "it holds no messages"),
        ({"messages": None}, "it holds no messages"),
        ({"text": "a"}, "it holds no messages"),
        ({"messages": [{"role": "wizard", "content": "a"}, ANSWER]}, "the role `wizard` is none of user, assistant, system"),
        ({"messages": [{"content": "a"}, ANSWER]}, "a message has no role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}, ANSWER]},
            "a message holds an image that is no file; save it in the project's folder and give its path",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}]},
            "a message holds an image that is no file",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"data": "A"}}]}, ANSWER]},
            "a message holds an image",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}]}, ANSWER]},
            "0 images are named next to it, and the user's last",
        ),
        ({"messages": [USER, ANSWER], "images": ["a.png"]}, "1 images are named next to it, and the user's last turn shows 0"),
        ({"messages": [SHOWING, ANSWER], "images": ["a.png", "b.png"]}, "2 images are named next to it"),
        ({"messages": [SHOWING, ANSWER], "image": {"bytes": "A"}}, "0 images are named next to it"),
        ({"messages": [SHOWING, ANSWER], "images": ["https://a/b.png"]}, "it names an image that is no file"),
        ({"messages": [SHOWING, ANSWER, USER, ANSWER], "images": ["a.png"]}, "an image stands outside the user's last turn"),
        ({"messages": [{"role": "user", "content": [SEEN]}, ANSWER, USER, ANSWER]}, "an image stands outside the user's last turn"),
        (
            {"messages": [{"role": "user", "content": [SEEN]}, ANSWER], "image": "b.png"},
            "it holds an image and has a column `image`",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}, ANSWER]}, "a message holds an `audio` part"),
        (
            {"messages": [{"role": "user", "content": IMAGE}, ANSWER]},
            "a message holds an `inline` part, which cannot",
        ),
    ],
)
def test_the_odd_row_among_good_ones_is_named(tmp_path: Path, odd: object, why: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, {"messages": [USER, ANSWER]}, odd, {"messages": [USER, ANSWER]})
    assert f"row 2 ({why}" in str(caught.value)
    assert "row 1" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        {"messages": [{"role": "user", "content": [SEEN, *PARTS]}, ANSWER]},
        {"messages": [{"role": "user", "content": [{"type": "input_image", "image_url": "a.png"}, *PARTS]}, ANSWER]},
        {"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}, *PARTS]}, ANSWER]},
        {"messages": [{"role": "user", "content": [{"type": "image"}, *PARTS]}, ANSWER], "images": ["a.png"]},
        {"messages": [SHOWING, ANSWER], "images": ["a.png"]},
        {"messages": [SHOWING, ANSWER], "image": "a.png"},
        {"messages": [USER, ANSWER], "image": "a.png"},
    ],
)
def test_images_of_the_last_question_are_columns_that_name_files(tmp_path: Path, content: object) -> None:
    assert row(tmp_path, content) == {**MADE, "image": "a.png"}


def test_several_images_and_none_keep_their_number(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "<image><image>"}
    table = read(tmp_path, {"messages": [asked, ANSWER], "images": ["a.png", "b.png"]}, {"messages": [USER, ANSWER], "images": []})
    assert [(found["image"], found["image_2"], found["input"]) for found in table.rows] == [
        ("a.png", "b.png", ""),
        ("", "", "Where is it?"),
    ]
    said = read(tmp_path, {"messages": [{"role": "user", "content": "What does <image> mean?"}, ANSWER]})
    assert said.rows[0]["input"] == "What does <image> mean?"


def test_a_column_that_is_called_like_a_part_of_a_chat_is_no_part_of_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="and also a column `output`"):
        read(tmp_path, {"messages": [USER, ANSWER], "output": "x"})


def test_plain_prompts_and_completions_stay_columns(tmp_path: Path) -> None:
    assert row(tmp_path, {"prompt": "a", "completion": "b"}) == {"prompt": "a", "completion": "b"}


def test_chats_written_into_the_cells_of_a_csv_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "messages"), ("1", json.dumps([USER, ANSWER])), ("2", str([USER, ANSWER]))])
    table = read_table(path)
    assert [{name: found[name] for name in MADE} for found in table.rows] == [MADE, MADE]
    assert table.place(1) == "a.csv row 2"


@pytest.mark.parametrize("system", ["Be brief.", {"parts": [{"text": "Be brief."}]}, {"role": "system", "content": "Be brief."}])
@pytest.mark.parametrize("column", ["system", "systemInstruction", "system_instruction"])
def test_a_system_text_beside_the_chat_is_shown(tmp_path: Path, column: str, system: object) -> None:
    assert row(tmp_path, {column: system, "messages": [USER, ANSWER]}) == {**MADE, "system": "Be brief."}


@pytest.mark.parametrize(("speaker", "said"), [("speaker", "text"), ("sender", "message"), ("role", "utterance")])
def test_turns_of_a_customer_and_an_agent_are_a_chat(tmp_path: Path, speaker: str, said: str) -> None:
    turns = [{speaker: "customer", said: "Where is it?"}, {speaker: "Agent", said: "delivery"}]
    assert [dict(made) for made in read(tmp_path, *[{"conversation": turns}] * 2).rows] == [MADE, MADE]


def test_a_list_of_turns_in_each_row_is_a_chat(tmp_path: Path) -> None:
    assert [dict(made) for made in read(tmp_path, [USER, ANSWER], [USER, ANSWER]).rows] == [MADE, MADE]


def test_a_last_turn_that_is_not_to_be_learnt_is_no_right_answer(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 2 \(its last turn has the weight 0"):
        read(tmp_path, {"messages": [USER, {**ANSWER, "weight": 1}]}, {"messages": [USER, {**ANSWER, "weight": 0}]})
    assert row(tmp_path, {"messages": [USER, {**ANSWER, "weight": 0}, USER, ANSWER]})["output"] == "delivery"
