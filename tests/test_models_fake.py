"""The fake model: deterministic, better than chance, and it counts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor.errors import EndpointError, ModelError
from tailor.jsonform import fitting
from tailor.models.base import Request, message
from tailor.models.fake import FakeModel

PASSAGES = """<passages>
[1] Travel > Hotels: A night in a hotel may cost 120 pounds. Breakfast is paid extra.
[2] Pay: Wages are paid on the 25th of each month. A bonus is paid in March!
</passages>
When are wages paid each month?"""


def ask(text: str, choices: tuple[str, ...] = (), system: str = "Answer.", max_tokens: int = 48) -> Request:
    return Request((message("system", system), message("user", text)), choices, max_tokens)


def say(model: FakeModel, text: str) -> str:
    (reply,) = model.reply([ask(text)])
    return reply.text


def test_it_answers_with_the_sentence_that_shares_most_words_and_cites_its_passage() -> None:
    assert say(FakeModel(), PASSAGES) == "Pay: Wages are paid on the 25th of each month. [2]"


def test_whole_documents_are_read_without_a_citation() -> None:
    system = "Read.\n<passages>\n# Pay\nWages are paid on the 25th.\n\n# Travel\nHotels cost 120 pounds.\n</passages>"
    (reply,) = FakeModel().reply([ask("When are wages paid?", system=system)])
    assert reply.text == "Wages are paid on the 25th."


def test_without_passages_it_takes_the_item_of_a_list_and_else_repeats_the_question() -> None:
    system = "Answer with exactly one of these labels:\n- refund missing\n- slow connection\n- charged twice"
    (reply,) = FakeModel().reply([ask("Why was I charged two times?", system=system)])
    assert reply.text == "charged twice"
    assert say(FakeModel(), "Context.\n\n  How  are you?\n") == "How are you?"
    assert say(FakeModel(), "") == ""


def test_scores_are_log_probabilities_and_better_than_chance() -> None:
    labels = ("refund_missing", "slow_connection", "charged_twice")
    texts = ["my refund is missing", "the connection is slow", "you charged me twice"]
    replies = FakeModel().reply([ask(text, labels) for text in texts])
    assert [reply.text for reply in replies] == list(labels)
    unrelated = FakeModel().reply([ask(f"number {i}", labels) for i in range(60)])
    assert {reply.text for reply in unrelated} == set(labels)
    for reply in (*replies, *unrelated):
        assert sum(2.718281828459045**score for score in reply.scores) == pytest.approx(1)


def test_two_fakes_of_different_names_differ_and_the_same_one_repeats_itself() -> None:
    requests = [ask(f"number {i}", ("a", "b")) for i in range(20)]
    first, again, other = (FakeModel(name=name).reply(requests) for name in ("fake", "fake", "fake:2"))
    assert first == again != other
    assert FakeModel().digest == hashlib.sha256(b"fake").hexdigest()


def test_given_answers_go_before_the_rule() -> None:
    model = FakeModel({"paid": "too general", "wages paid": "on the 25th"})
    assert say(model, PASSAGES) == "on the 25th" and say(model, "Hello?") == "Hello?"
    assert say(FakeModel(lambda request: request.messages[0].text), "x") == "Answer."


def test_an_answer_longer_than_asked_for_is_cut_and_says_so() -> None:
    model = FakeModel({"x": "one two three"})
    (cut,) = model.reply([ask("x", max_tokens=2)])
    (whole,) = model.reply([ask("x", max_tokens=3)])
    assert (cut.text, cut.finish, cut.tokens_out) == ("one two", "length", 2) and (whole.text, whole.finish) == (
        "one two three",
        "stop",
    )


def test_errors_can_be_put_in_and_calls_are_counted() -> None:
    def fail(request: Request) -> str:
        if "dead" in request.messages[-1].text:
            raise EndpointError("the key is dead", fatal=True)
        return "no answer came" if "bad" in request.messages[-1].text else ""

    model = FakeModel(fail=fail)
    good, bad = model.reply([ask("good"), ask("bad")])
    assert (good.error, bad.error, bad.finish) == ("", "no answer came", "error")
    with pytest.raises(EndpointError):
        model.reply([ask("dead")])
    assert model.calls == 2 and [request.messages[-1].text for request in model.requests] == ["good", "bad", "dead"]


def test_a_prompt_that_does_not_fit_says_by_how_much() -> None:
    (reply,) = FakeModel(context_tokens=50).reply([ask("word " * 60)])
    assert reply.error == "the prompt does not fit: 61 of 50 tokens"


def test_it_cannot_be_tuned(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights to tune"):
        FakeModel().reply([ask("x")], tuned=tmp_path)


def test_it_keeps_to_a_pattern_with_what_it_finds_and_says_where_it_finds_nothing() -> None:
    asked = [replace(ask(PASSAGES), pattern=pattern) for pattern in ("[0-9]+(?:st|th)", "March!", "[0-9]{5}")]
    said, read, nothing = FakeModel().reply(asked)
    assert (said.text, read.text, nothing.text) == ("25th", "March!", "")
    assert nothing.finish == "refused" and nothing.error == "fake finds nothing that matches the pattern"
    (cut,) = FakeModel({"x": "one. two; three"}).reply([replace(ask("x"), stop=(";", ". "))])
    assert cut.text == "one"


INVOICE = """Order from Oak & Co, 12 March 2026
Customer: Oak & Co
Order date: 2026-03-12
Total: 1240.50 for 3 chairs; paid is no
Colours: red, blue"""
ORDER = {
    "type": "object",
    "properties": {
        "customer": {"type": ["string", "null"]},
        "orderDate": {"type": "string", "format": "date"},
        "total": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "paid": {"type": ["boolean", "null"]},
        "colours": {"type": "array", "items": {"type": "string"}},
        "note": {"type": ["string", "null"]},
        "size": {"enum": ["three chairs", "one table", None]},
        "names": {"type": "array", "items": {"$ref": "#/$defs/entity"}},
    },
    "$defs": {"entity": {"type": "object", "properties": {"type": {"enum": ["company"]}, "text": {"type": "string"}}}},
}


def test_it_fills_json_with_what_stands_behind_the_names() -> None:
    request = replace(ask(INVOICE), json_schema=json.dumps(ORDER))
    first, again = FakeModel().reply([request, request])
    said = json.loads(first.text)
    assert first == again and fitting(first.text, request.json_schema)
    assert (said["customer"], said["orderDate"], said["total"], said["paid"]) == ("Oak & Co", "2026-03-12", 1240.5, False)
    assert (said["colours"], said["note"], said["size"]) == (["red", "blue"], None, "three chairs")
    assert {"type": "company", "text": "Oak & Co"} in said["names"]


@given(st.text(max_size=60), st.sampled_from([*ORDER["properties"], ""]))
def test_any_text_is_made_into_json_that_fits(text: str, name: str) -> None:
    request = replace(ask(f"{text} {name}: {text}"), json_schema=json.dumps(ORDER))
    (reply,) = FakeModel().reply([replace(request, max_tokens=4000)])
    assert fitting(reply.text, request.json_schema)


def test_json_that_it_is_given_goes_before_the_rule() -> None:
    (reply,) = FakeModel({"x": '{"a": 1}'}).reply([replace(ask("x"), json_schema="{}")])
    assert reply.text == '{"a": 1}'
