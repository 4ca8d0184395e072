"""Answers that must be JSON: held against their schema here, whoever promised to keep to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from endpoint import Answer, Endpoint, completion, refusal
from hypothesis import given
from hypothesis import strategies as st
from tiny import answer_material, start

from tailor.data.example import Example
from tailor.engine import Engine
from tailor.evaluate.measure import measure
from tailor.jsonform import canonical, fitting
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings, Task

SCHEMA = {
    "type": "object",
    "properties": {"month": {"enum": ["March", "April"]}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["month"],
    "additionalProperties": False,
}
RIGHT = '{"month": "March", "days": [1, 25]}'
MakeEngine = Callable[..., Engine]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@pytest.mark.parametrize("wrapped", ["{}", "```json\n{}\n```", "```\n{}```", " \n{}\n"])
def test_what_fits_comes_in_one_spelling_and_without_its_fence(wrapped: str) -> None:
    for text in (RIGHT, '{"days":[1,25],"month":"March"}'):
        assert fitting(wrapped.replace("{}", text), json.dumps(SCHEMA)) == canonical(RIGHT)


@pytest.mark.parametrize(
    "text",
    [
        '{"month": "May"}',
        '{"days": []}',
        '{"month": "March", "x": 1}',
        "March",
        "",
        '{"month": "March"',
        f"So: {RIGHT}",
        "[" * 99_999,
    ],
)
def test_what_does_not_fit_is_nothing(text: str) -> None:
    assert fitting(text, json.dumps(SCHEMA)) is None


def test_what_only_looks_like_json_is_none() -> None:
    assert fitting("NaN", "{}") is None and fitting("Infinity", "{}") is None and fitting("1e3", "{}") == "1000.0"


@given(json_values)
def test_json_in_any_spelling_is_the_same(value: Any) -> None:
    dense = json.dumps(value, separators=(",", ":"))
    assert canonical(dense) == canonical(json.dumps(value, indent=2)) == fitting(dense, "{}")


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    schema = json.dumps(SCHEMA)
    found = fitting(text, schema)
    assert found is None or found == fitting(found, schema)
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "strin"}, "it is not a JSON schema: 'strin'"),
        ({"$ref": "#/$defs/month"}, "it refers to '#/\\$defs/month', which is not in it"),
        ({"prefixItems": [{"$ref": "http://127.0.0.1:9/month"}]}, "which is not in it"),
    ],
)
def test_a_schema_that_nothing_can_be_held_against_is_refused(schema: dict[str, Any], reason: str) -> None:
    basic = {"name": "t", "kind": "answer", "instruction": "Answer.", "input": "{{q}}", "output": "a", "data": "a.csv"}
    with pytest.raises(ValueError, match=reason):
        Task.model_validate(basic | {"json_schema": schema})
    assert Task.model_validate(basic | {"json_schema": {"$ref": "#/$defs/a", "$defs": {"a": {"const": 1}}}}).json_schema


@pytest.mark.parametrize("refused", [(), ("json_schema",), ("json_schema", "json_object")])
def test_an_endpoints_answers_are_held_against_the_schema_however_it_was_asked(
    refused: tuple[str, ...], tmp_path: Path, engine_for: MakeEngine
) -> None:
    said = ['{"days": [1, 25], "month": "March"}', f"```json\n{RIGHT}\n```", '{"month": "May"}', "March", '{"month": "April"}']

    def answer(payload: Mapping[str, Any]) -> Answer:
        form = payload.get("response_format", {}).get("type", "")
        if form in refused:
            return refusal(400, f"response_format {form} is not supported")
        asked = payload["messages"][-1]["content"]
        text = asked if isinstance(asked, str) else "".join(part["text"] for part in asked)
        assert bool(form) or '"month"' in text, "where it can be said in no other way, the schema is in the question"
        return Answer(completion(said[int(next(word for word in text.split() if word.isdigit()))]))

    data = answer_material(json_schema=SCHEMA)
    rows = tuple(Example(str(n), {"text": f"When? {n} "}, (RIGHT,)) for n in range(len(said)))
    with Endpoint(answer) as endpoint:
        model = RemoteModel(ModelSettings(name="m", base_url=endpoint.url, concurrency=1), backoff_seconds=0.01)
        engine = engine_for(model, tmp_path)
        run = measure(data.task.model_copy(update={"metric": "exact"}), start(data, engine), "dev", rows, engine)
    assert [score.outcome for score in run.scores] == ["right", "right", "unparsed", "unparsed", "wrong"]
    assert run.scores[0].details["exact"] == 1 and run.scores[2].value == 0
