"""Conversations from a file to a model: turns stay turns, nothing is dropped, and what is learned is what the assistant says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from data_helpers import make_task, write_yaml
from endpoint import Answer, Endpoint, completion, echo, refusal
from tiny import make_engine, open_tiny, save_tiny

from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.prompting import FewShot
from tailor.asking import answers
from tailor.conversation import ToolCall, Turn, asked_in, readable, turns_in, written
from tailor.data.example import Example, Splits
from tailor.data.guess import GivenOptions, guess_task
from tailor.data.scaffold import write_project
from tailor.data.split import load_splits
from tailor.data.table import read_table
from tailor.data.units import find_units
from tailor.errors import DataError
from tailor.ledger import Ledger
from tailor.models.base import Message, Request, message
from tailor.models.fake import FakeModel
from tailor.models.remote import RemoteModel
from tailor.models.turns import with_one_system, without_tools
from tailor.project import load_project
from tailor.render import render_messages
from tailor.system import Prompt, Shot, System, Weights
from tailor.task import ModelSettings, Task

CALL = ToolCall("look_up", '{"order":"77"}', "call_1")
TURNS = (
    Turn("system", "You work for Brightwater, a bike shop."),
    Turn("user", "Hello, where is my order 77?"),
    Turn("assistant", "", (CALL,)),
    Turn("tool", "left the shop on Monday", result_of="call_1"),
    Turn("assistant", "It left on Monday."),
    Turn("user", "And when does it come?"),
)
CELL = written(TURNS)


def system(**prompt: Any) -> System:
    given = {"instruction": "Answer.", "input": "{{messages}}", **prompt}
    return System(steps=("zero-shot",), weights=Weights(model="m"), prompt=Prompt(**given))


def row(cell: str = CELL, **fields: str) -> Example:
    return Example("1", {"messages": cell, **fields}, ("On Wednesday.",))


def raw(number: int, *, steps: bool = True) -> dict[str, Any]:
    """A chat as a file holds it."""
    call = {"id": "c9", "type": "function", "function": {"name": "look_up", "arguments": f'{{"order":"{number}"}}'}}
    looked = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c9", "content": f"order {number} left on day {number % 7}"},
    ]
    return {
        "messages": [
            {"role": "system", "content": "You work for Brightwater, a bike shop."},
            {"role": "user", "content": f"Hello, I ask about my order {number} from shelf {number * 7}."},
            {"role": "assistant", "content": f"Gladly. What do you want to know of {number}?"},
            {"role": "user", "content": f"When did number {number} leave?"},
            *(looked if steps else []),
            {"role": "assistant", "content": f"On day {number % 7}."},
        ]
    }


def write_chats(path: Path, count: int) -> Path:
    path.write_text("".join(json.dumps(raw(number)) + "\n" for number in range(count)), encoding="utf-8")
    return path


def test_a_cell_holds_turns_and_gives_them_back() -> None:
    assert turns_in(CELL) == TURNS
    assert asked_in(CELL) == "And when does it come?"
    assert readable(CELL).splitlines()[2] == 'assistant: calls look_up({"order":"77"})'
    assert turns_in("Hello") == turns_in('{"turns":[ this is no conversation') == ()
    assert asked_in("Hello") == readable("Hello") == "Hello"


def test_turns_become_messages_and_the_system_turn_joins_the_instruction() -> None:
    chat = render_messages(system(), row())
    assert [one.role for one in chat] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert chat[0].text == "Answer.\n\nYou work for Brightwater, a bike shop."
    assert chat[2].calls == (CALL,) and chat[3].result_of == "call_1"
    told = render_messages(system(instruction="You work for Brightwater, a bike shop. Be brief."), row())
    assert told[0].text == "You work for Brightwater, a bike shop. Be brief."  # said once


def test_what_the_template_says_stands_around_the_users_last_turn_and_steps_follow_it() -> None:
    steps = (*TURNS, Turn("assistant", "", (ToolCall("plan", "{}", "call_2"),)), Turn("tool", "Wednesday", result_of="call_2"))
    chat = render_messages(system(input="Shop: {{shop}}\n{{messages}}\nBe brief."), row(written(steps), shop="Leeds"))
    assert chat[5].text == "Shop: Leeds\nAnd when does it come?\nBe brief."
    assert [one.role for one in chat[6:]] == ["assistant", "tool"]


def test_readers_of_text_take_what_the_user_said_last() -> None:
    assert system().texts([row()]) == ["And when does it come?"]


def test_worked_examples_with_conversations_are_turns_and_count_in_the_fingerprint() -> None:
    shown = Shot(answer="On Friday.", fields={"messages": CELL})
    with_shot = system(shots=(shown,))
    chat = render_messages(with_shot, row(written([Turn("user", "Where is it?")])), with_shot.prompt.shots)
    assert [one.role for one in chat] == ["system", "system", "user", "assistant", "tool", "assistant", "user", "assistant", "user"]
    assert chat[-2].text == "On Friday."
    other = written([Turn("user", "Another beginning."), *TURNS[-2:]])
    assert with_shot.fingerprint != system(shots=(Shot(answer="On Friday.", fields={"messages": other}),)).fingerprint


def test_fingerprints_of_systems_without_conversations_are_what_they_were() -> None:
    plain = system(input="{{text}}", shots=(Shot(answer="x", fields={"text": "a"}),))
    assert plain.fingerprint == "a24eefd3b4dfa494ae5ab6130646cce858d72d5ec88cd197d5264bd16b2c2bc6"


def test_a_model_without_tools_is_told_of_them_in_words() -> None:
    chat = without_tools(render_messages(system(), row()))
    assert [one.role for one in chat] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert chat[2].text == 'calls look_up({"order":"77"})' and chat[3].text == "Result of the tool: left the shop on Monday"
    two = without_tools(
        [message("user", "a"), Message("tool", message("tool", "b").content), Message("tool", message("tool", "c").content)]
    )
    assert [one.text for one in two] == ["a\nResult of the tool: b\nResult of the tool: c"]


def test_a_later_system_turn_is_told_by_the_user() -> None:
    chat = with_one_system([message("system", "a"), message("user", "b"), message("system", "c"), message("user", "d")])
    assert [(one.role, one.text) for one in chat] == [("system", "a"), ("user", "b"), ("user", "c\n\nd")]
    assert [one.text for one in with_one_system([message("user", "b"), message("system", "c")])] == ["b\nc"]


def test_a_local_model_reads_every_word_of_a_conversation(tmp_path: Path) -> None:
    model = open_tiny(save_tiny(tmp_path))
    read = model.tokenizer.decode(model.encode(render_messages(system(), row())))
    for turn in TURNS:
        assert turn.words in read
    assert read.count("<|start|>") == len(TURNS) + 1  # the last one begins the answer


def ask(url: str, example: Example) -> Any:
    model = RemoteModel(ModelSettings(name="m", base_url=url, context_tokens=None), attempts=1)
    return model.reply([Request(render_messages(system(), example))])[0]


def test_an_endpoint_gets_calls_and_results_as_such() -> None:
    with Endpoint(echo) as endpoint:
        ask(endpoint.url, row())
    sent = endpoint.payloads[0]["messages"]
    assert sent[2]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"order":"77"}'}}
    ]
    assert sent[3] == {"role": "tool", "content": "left the shop on Monday", "tool_call_id": "call_1"}


def test_an_endpoint_that_refuses_tools_is_told_of_them_in_words() -> None:
    def answers(payload: Mapping[str, Any]) -> Answer:
        if any(one["role"] == "tool" for one in payload["messages"]):
            return refusal(400, "tool messages need the parameter tools")
        return Answer(completion("ok"))

    with Endpoint(answers) as endpoint:
        assert ask(endpoint.url, row()).text == "ok"
    assert endpoint.payloads[-1]["messages"][3]["content"] == "Result of the tool: left the shop on Monday"


def test_chats_of_several_turns_are_read_as_conversations(tmp_path: Path) -> None:
    table = read_table(write_chats(tmp_path / "a.jsonl", 2))
    turns = turns_in(str(table.rows[1]["messages"]))
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user", "assistant", "tool"]
    assert turns[4].calls == (ToolCall("look_up", '{"order":"1"}', "c9"),) and turns[5].result_of == "c9"
    assert table.rows[1]["output"] == "On day 1."


@pytest.mark.parametrize(
    "steps",
    [
        [{"from": "function_call", "value": '{"name":"look","arguments":{"q":1}}'}, {"from": "observation", "value": "7"}],
        [{"from": "function_call", "value": 'look({"q":1})'}, {"from": "observation", "value": "7"}],
        [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "look", "input": {"q": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "7"}]},
        ],
    ],
)
def test_tools_are_kept_as_such_in_every_form(tmp_path: Path, steps: list[object]) -> None:
    path = tmp_path / "a.jsonl"
    chat = [{"role": "user", "content": "Where?"}, *steps, {"role": "assistant", "content": "There."}]
    path.write_text(json.dumps({"messages": chat}), encoding="utf-8")
    call = ToolCall("look", '{"q":1}', "call_1")
    assert turns_in(str(read_table(path).rows[0]["messages"]))[1:] == (
        Turn("assistant", "", (call,)),
        Turn("tool", "7", result_of="call_1"),
    )


def splits_of(folder: Path, count: int = 40, **data: Any) -> Splits:
    write_chats(folder / "chats.jsonl", count)
    settings = {"name": "t", "kind": "answer", "instruction": "Answer.", "input": "{{messages}}", "output": "output"}
    write_yaml(folder, {**settings, "data": {"file": "chats.jsonl", **data}})
    return load_splits(load_project(folder))


def test_all_turns_of_the_assistant_are_rows_and_a_chat_stays_in_one_split(tmp_path: Path) -> None:
    splits = splits_of(tmp_path, turns="all")
    parts = (splits.train, splits.dev, splits.test, splits.reserve)
    chats = [{example.group for example in part} for part in parts]
    assert sum(map(len, parts)) == 80 and sum(map(len, chats)) == len(set.union(*chats)) == 40
    first = next(example for example in splits.train if example.label.startswith("Gladly"))
    assert [turn.role for turn in turns_in(first.fields["messages"])] == ["system", "user"]


def test_turns_of_chats_without_several_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text('{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n' * 30, encoding="utf-8")
    settings = {"name": "t", "kind": "answer", "instruction": "Answer.", "input": "{{input}}", "output": "output"}
    write_yaml(tmp_path, {**settings, "data": {"file": "chats.jsonl", "turns": "all"}})
    with pytest.raises(DataError, match="needs chats of several turns"):
        load_splits(load_project(tmp_path))


def test_rows_are_dealt_as_they_were_before_there_were_conversations(tmp_path: Path) -> None:
    def dealt(template: str) -> list[str]:
        folder = tmp_path / str(len(template))
        folder.mkdir()
        write_chats(folder / "chats.jsonl", 40)
        settings = {"name": "t", "kind": "answer", "instruction": "Answer.", "output": "output", "data": "chats.jsonl"}
        write_yaml(folder, {**settings, "input": template})
        return [example.id for example in load_splits(load_project(folder)).test]

    assert dealt("{{history}}\n{{input}}") == dealt("{{messages}}")


def test_a_system_turn_that_all_rows_share_makes_no_near_duplicates() -> None:
    told = Turn("system", "You answer for Fennmere Cycle Hire. Answer the customer's last message from our pages, in a few words.")
    said = ("Where is my blue bike?", "What does a new tyre cost?", "When do you close on Sundays?")
    rows = [row(written([told, Turn("user", "Hello"), Turn("assistant", "Yes?"), Turn("user", text)])) for text in said]
    task = make_task(kind="answer", instruction="Answer.", input="{{messages}}", output="output")
    assert [example.unit for example in find_units(rows, task).examples] == ["", "", ""]


def test_init_asks_by_the_conversation(tmp_path: Path) -> None:
    guess = guess_task(write_chats(tmp_path / "chats.jsonl", 40), GivenOptions(kind="answer"))
    assert guess.asked.template == "{{messages}}"
    task = load_project(write_project(guess)).task
    assert task.instruction == "You work for Brightwater, a bike shop." and task.variables == ("messages",)


def test_nearest_examples_of_conversations_are_found_by_the_last_turn(tmp_path: Path) -> None:
    task: Task = make_task(kind="answer", instruction="Answer.", input="{{messages}}", output="output")
    asked = ("Where is my blue bike?", "What does a new tyre cost?", "When do you close today?")
    train = tuple(
        Example(str(place), {"messages": written([Turn("user", "Hello"), Turn("assistant", "Hi"), Turn("user", text)])}, ("x",))
        for place, text in enumerate(asked)
    )
    model = FakeModel()
    engine = make_engine(model, tmp_path)
    fitted = FewShot(2, "nearest").fit(starting_system(task, train, model), TrainingData(task, train, ()), engine)
    one = Example("9", {"messages": written([Turn("user", "Good day"), Turn("user", "What would a tyre cost?")])}, ())
    with engine.ledger:
        chat, _ = engine.messages(fitted, [one])[0]
    assert [turn.text for turn in chat if turn.role == "user"][-5:][2] == asked[1]


def test_a_new_chat_is_asked_as_a_conversation(tmp_path: Path) -> None:
    splits_of(tmp_path)
    project, model = load_project(tmp_path), FakeModel()
    Ledger(project.store).close()
    chat = [
        {"role": one.role, "content": one.text} for one in (Turn("user", "Hello"), Turn("assistant", "Hi"), Turn("user", "When?"))
    ]
    for given in (json.dumps(chat), json.dumps([json.dumps(one) for one in chat]), "When?"):
        answers(project, starting_system(project.task, (), model), [{"messages": given}], model)
    asked = [[one.role for one in request.messages] for request in model.requests]
    assert asked == [["system", "user", "assistant", "user"], ["system", "user"]]  # the same chat is asked once
    with pytest.raises(DataError, match="the role `wizard` is none of"):
        wizard = json.dumps([{"role": "wizard", "content": "a"}])
        answers(project, starting_system(project.task, (), model), [{"messages": wizard}], model)
