"""The Responses API, where a model has no chat completions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from endpoint import Answer, Endpoint, refusal

from tailor.errors import EndpointError
from tailor.models.base import Reply, Request, message
from tailor.models.endpoint.responses import FEWEST
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings

ONLY = "This model is only supported in v1/responses and not in v1/chat/completions."
SCHEMA = json.dumps({"type": "object", "properties": {"city": {"type": "string"}}})


def response(*items: Mapping[str, Any], status: str = "completed", **more: Any) -> Answer:
    usage = {"input_tokens": 20, "output_tokens": 30, "total_tokens": 50, "output_tokens_details": {"reasoning_tokens": 25}}
    return Answer(
        {"object": "response", "status": status, "model": "m-1", "output": list(items), "usage": usage, "error": None, **more}
    )


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]}


def thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}


def only(answer: Answer, **refused: str) -> Any:
    """An endpoint that knows the Responses API alone, and refuses some of its parameters."""

    def respond(payload: Mapping[str, Any]) -> Answer:
        if "messages" in payload:
            return refusal(404, ONLY)
        name = next((name for name in refused if name in payload), None)
        return refusal(400, refused[name]) if name else answer

    return respond


def ask(endpoint: Endpoint, number: int = 1, settings: Mapping[str, Any] | None = None, **options: Any) -> list[Reply]:
    given = {"name": "m", "base_url": endpoint.url, "context_tokens": None, "patience_minutes": 0.02, **(settings or {})}
    model = RemoteModel(ModelSettings.model_validate(given), attempts=2, backoff_seconds=0.001)
    chat = (message("system", "Be brief."), message("user", "Capital of France?"))
    return model.reply([Request(chat, **{"max_tokens": 5, **options})] * number)


def test_a_model_without_chat_completions_is_asked_through_the_responses_api() -> None:
    with Endpoint(only(response(thought("France..."), said("Paris")))) as endpoint:
        replies = ask(endpoint, 3, {"concurrency": 1})
    assert [reply.text for reply in replies] == ["Paris"] * 3
    assert replies[0].thought == "France..." and (replies[0].tokens_in, replies[0].tokens_out) == (20, 30)
    assert endpoint.paths == ["/v1/chat/completions", *["/v1/responses"] * 3]
    assert endpoint.payloads[-1] == {
        "model": "m",
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Capital of France?"}],
        "max_output_tokens": FEWEST,
        "temperature": 0.0,
        "store": False,
    }


def test_its_parameters_are_found_out_too() -> None:
    with Endpoint(only(response(said("Paris")), temperature="Unsupported parameter: 'temperature'")) as endpoint:
        (reply,) = ask(endpoint)
    assert reply.text == "Paris" and "temperature" not in endpoint.payloads[-1] and endpoint.calls == 3


def test_a_schema_and_an_effort_are_asked_for_in_its_words() -> None:
    with Endpoint(only(response(said('{"city": "Paris"}')))) as endpoint:
        (reply,) = ask(endpoint, 1, {"reasoning_effort": "low"}, json_schema=SCHEMA)
    sent = endpoint.payloads[-1]
    assert json.loads(reply.text) == {"city": "Paris"} and sent["reasoning"] == {"effort": "low"}
    assert sent["text"] == {"format": {"type": "json_schema", "name": "answer", "schema": json.loads(SCHEMA), "strict": True}}


def test_what_it_does_not_take_is_done_here() -> None:
    with Endpoint(only(response(said("Paris\nQuestion: next")))) as endpoint:
        (reply,) = ask(endpoint, 1, stop=("\nQuestion:",), labels=("Paris", "Rome"))
    assert reply.text == "Paris" and not {"stop", "logprobs", "top_logprobs"} & set(endpoint.payloads[-1])


def test_a_cut_and_a_refused_response_are_told_apart() -> None:
    cut = response(said("Par"), status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    filtered = response(status="incomplete", incomplete_details={"reason": "content_filter"})
    refused = response({"type": "message", "content": [{"type": "refusal", "refusal": "I cannot help with that."}]})
    for answer, finish in ((cut, "length"), (filtered, "refused"), (refused, "refused")):
        with Endpoint(only(answer)) as endpoint:
            assert ask(endpoint, 1, {"max_tokens": 20})[0].finish == finish


def test_a_failed_response_is_no_answer() -> None:
    failed = response(status="failed", error={"code": "server_error", "message": "The model broke"})
    with Endpoint(only(failed)) as endpoint, pytest.raises(EndpointError, match="The model broke"):
        ask(endpoint)


def test_a_model_that_is_nowhere_is_told_as_such() -> None:
    with Endpoint(
        [refusal(404, "This is not a chat model and thus not supported in the v1/chat/completions endpoint.")]
    ) as endpoint:
        with pytest.raises(EndpointError, match="not a chat model"):
            ask(endpoint)
