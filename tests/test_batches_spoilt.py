"""Batch endpoints that misbehave: nothing that was paid for is lost, paid twice or not counted, and every end is told in words."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from batch_endpoint import BatchEndpoint, word
from batch_project import ORDINARY, SHARE, asked, project
from biller import PRICES
from endpoint import completion

from tailor.errors import EndpointError, OverBudget
from tailor.ledger import Ledger
from tailor.open_engine import open_engine
from tailor.score.types import Answer

COUNT = 20
Lines = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.batches.FIRST_PAUSE", 0.005)
    monkeypatch.setattr("tailor.models.endpoint.desk.LOOKS", (0.0, 0.01, 0.01))


@pytest.fixture
def endpoint() -> Iterator[BatchEndpoint]:
    with BatchEndpoint() as server:
        yield server


def once(endpoint: BatchEndpoint, answers: list[Answer]) -> None:
    """Every question has its answer, and was billed once."""
    assert all(answer.raw.startswith("word") for answer in answers) and len(answers) == COUNT
    assert sorted(endpoint.answered.values()) == [1] * COUNT and len(endpoint.batches) == 1


def content(change: Callable[[Any], Any], times: int = 10**6) -> Callable[[str, str, Any], Any]:
    """A file with answers comes back changed, the first times it is asked for."""
    left = times

    def twist(method: str, path: str, found: Any) -> Any:
        nonlocal left
        if path.endswith("output_file_id/content") and left:
            left -= 1
            return change(found)
        return found

    return twist


def each(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """Every line of a file is changed."""

    def changed(found: bytes) -> bytes:
        lines = [change(json.loads(line)) for line in found.splitlines()]
        return b"\n".join(json.dumps(line).encode() for line in lines if line is not None)

    return changed


def response(**changes: Any) -> Callable[[bytes], bytes]:
    return each(lambda line: line | {"response": line["response"] | changes})


def half(found: bytes) -> bytes:
    return b"\n".join(found.splitlines()[:9])


def doubled(found: bytes) -> bytes:
    """Every answer once more, as another one."""
    lines = [json.loads(line) for line in found.splitlines()]
    others = [line | {"response": line["response"] | {"body": completion("other", usage={"prompt_tokens": 9})}} for line in lines]
    return b"\n".join(json.dumps(line).encode() for line in (*lines, *others))


def stray(found: bytes) -> bytes:
    """Lines about nothing that was asked, and lines that are none."""
    odd: list[object] = ["99", None, [], {}, "-1", True]
    names = [json.dumps({"custom_id": name, "response": None}).encode() for name in odd]
    return b"\n".join((b"", b"{", b"[]", b"[" * 50_000, *names, found, b"null"))


SAME: dict[str, tuple[Callable[[Any], Any], int]] = {
    "a web page": (lambda found: (200, b"<html>Sign in</html>"), 1),
    "nothing": (lambda found: b"", 1),
    "an error": (lambda found: (500, b"oops"), 1),
    "not there yet": (lambda found: (404, b'{"error": {"message": "No such File"}}'), 2),
    "half of the lines": (half, 1),
    "every line twice": (doubled, 1),
    "lines of others": (stray, 1),
    "numbers as names": (each(lambda line: line | {"custom_id": int(line["custom_id"])}), 1),
    "no status": (response(status_code=None), 1),
    "a status in letters": (response(status_code="200"), 1),
    "another good status": (response(status_code=201), 1),
    "bodies as strings": (each(lambda line: line | {"response": {"body": json.dumps(line["response"]["body"])}}), 1),
}


@pytest.mark.parametrize("how", SAME)
def test_answers_are_read_in_every_form_and_looked_for_again(tmp_path: Path, endpoint: BatchEndpoint, how: str) -> None:
    change, times = SAME[how]
    endpoint.twist = content(change, times)
    answers, spent, _ = asked(project(tmp_path, endpoint))
    once(endpoint, answers)
    assert spent.paid == pytest.approx(ORDINARY * (1 + (COUNT - 1) * SHARE)) and spent.calls == COUNT and not spent.maybe_paid
    batched = [answer.payment for answer in answers if answer.payment and answer.payment.amount < ORDINARY]
    assert [payment.amount for payment in batched] == pytest.approx([ORDINARY * SHARE] * (COUNT - 1))
    assert {(payment.input_per_million, payment.output_per_million) for payment in batched} == {(SHARE * 1.0, SHARE * 10.0)}


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", gzip.compress(b"{}", mtime=0), b'{"object": "list", "data": []}'])
def test_what_is_no_file_of_answers_ends_the_run_and_the_batch_is_kept(
    tmp_path: Path, endpoint: BatchEndpoint, body: bytes
) -> None:
    opened = project(tmp_path, endpoint)
    endpoint.twist = content(lambda found: (200, body))
    with pytest.raises(EndpointError, match="something else than the answers in batch-0-output_file_id"):
        asked(opened)
    endpoint.twist = lambda method, path, found: found
    answers, spent, _ = asked(opened)
    once(endpoint, answers)
    assert not spent.maybe_paid


@pytest.mark.slow
def test_a_batch_whose_answers_cannot_be_had_for_days_does_not_end_every_run(tmp_path: Path, endpoint: BatchEndpoint) -> None:
    opened = project(tmp_path, endpoint)
    endpoint.twist = content(lambda found: (200, b"<html>Sign in</html>"))
    with pytest.raises(EndpointError):
        asked(opened)
    with Ledger(opened.store) as ledger:
        ((mark, note),) = ledger.batches().items()
        ledger.note_batch(mark, note | {"at": (datetime.now(UTC) - timedelta(days=4)).isoformat(timespec="seconds")})
    endpoint.twist = lambda method, path, found: (200, b"<html>") if "batch-0-output" in path else found
    answers, spent, said = asked(opened)
    assert all(answer.raw.startswith("word") for answer in answers) and "has no answers of the batch batch-0 any more" in " ".join(
        said
    )
    assert [call.calls for call in spent.maybe_paid] == [COUNT - 1]


@pytest.mark.parametrize("where", ["batches/batch-0", "content"])
def test_what_an_endpoint_has_lost_is_asked_again_and_counts_as_maybe_paid(
    tmp_path: Path, endpoint: BatchEndpoint, where: str
) -> None:
    def twist(method: str, path: str, found: Any) -> Any:
        is_lost = path.endswith(where) and (where != "content" or "batch-0" in path)
        return (404, b"{}") if method == "GET" and is_lost else found

    endpoint.twist = twist
    answers, spent, said = asked(project(tmp_path, endpoint))
    assert all(answer.raw.startswith("word") for answer in answers) and len(endpoint.batches) == 2
    assert (
        "the batch batch-0 any more: what it held is asked again, and its 19 answers count as what may have been paid"
        in " ".join(said)
    )
    assert [call.calls for call in spent.maybe_paid] == [COUNT - 1] and spent.maybe > (COUNT - 1) * ORDINARY * SHARE


def test_a_batch_that_got_lost_leaves_no_call_waiting_for_ever_where_there_is_a_cap(
    tmp_path: Path, endpoint: BatchEndpoint
) -> None:
    endpoint.twist = lambda method, path, found: (404, b"{}") if method == "GET" and "batches/" in path else found
    opened = project(tmp_path, endpoint)
    with pytest.raises(OverBudget, match="may have been paid for calls without an answer"):
        asked(opened, budget=0.014)


def test_answers_that_the_endpoint_counts_and_does_not_send_may_have_been_paid(tmp_path: Path, endpoint: BatchEndpoint) -> None:
    endpoint.twist = content(half)
    opened = project(tmp_path, endpoint)
    answers, spent, said = asked(opened, budget=1.0)
    assert all(answer.raw.startswith("word") for answer in answers)
    assert "Of 19 answers that the endpoint counts in the batch batch-0, 10 did not come and are asked again" in " ".join(said)
    billed = ORDINARY * ((COUNT - 1) * SHARE + 1 + 10)
    assert sum(endpoint.answered.values()) == COUNT + 10
    with Ledger(opened.store) as ledger:
        left = ledger.spending(cap=1.0).left
    assert 1.0 - left >= billed > spent.paid, "the cap counts what may have been paid, too"


@pytest.mark.parametrize(
    ("word_", "kept"),
    [("COMPLETED", True), ("ended", True), ("succeeded", True), ("TIMEOUT_EXCEEDED", True), ("canceled", False), ("Failed", False)],
)
def test_ends_are_known_whatever_they_are_called(tmp_path: Path, endpoint: BatchEndpoint, word_: str, kept: bool) -> None:
    endpoint.end = word_
    opened = project(tmp_path, endpoint)
    if kept:
        answers, _, _ = asked(opened)
        once(endpoint, answers)
    else:
        with pytest.raises(EndpointError, match="was called off at the endpoint|did not take the batch"):
            asked(opened)


def test_a_batch_without_an_end_is_not_waited_for_without_end(
    tmp_path: Path, endpoint: BatchEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailor.batches.LONGEST_WAIT", 0.1)
    endpoint.end = "resting"
    with pytest.raises(EndpointError, match="the batch batch-0 is not over after .*; the endpoint calls it 'resting'"):
        asked(project(tmp_path, endpoint))


@pytest.mark.parametrize("path", ["files", "batches"])
@pytest.mark.parametrize("status", [201, 202])
def test_what_was_taken_was_taken_whatever_good_status_says_so(
    tmp_path: Path, endpoint: BatchEndpoint, path: str, status: int
) -> None:
    def twist(method: str, asked_: str, found: Any) -> Any:
        return (status, json.dumps(found).encode()) if method == "POST" and asked_.endswith(path) else found

    endpoint.twist = twist
    answers, _, _ = asked(project(tmp_path, endpoint))
    once(endpoint, answers)


@pytest.mark.parametrize("said", [(499, b""), (504, b"<html>"), (500, b"{}"), (200, b"<html>"), (200, b'{"data": []}')])
def test_a_batch_that_was_taken_though_the_answer_says_otherwise_is_found(
    tmp_path: Path, endpoint: BatchEndpoint, said: tuple[int, bytes]
) -> None:
    def twist(method: str, path: str, found: Any) -> Any:
        return said if method == "POST" and path.endswith("batches") else found

    endpoint.twist = twist
    answers, spent, _ = asked(project(tmp_path, endpoint))
    once(endpoint, answers)
    assert not spent.maybe_paid


@pytest.mark.parametrize("path", ["files", "batches", "batches/batch-0"])
@pytest.mark.parametrize("body", [b'{"data": []}', b'{"id": null}', b"[]", b'{"id": ["x"]}', b""])
def test_what_no_batch_api_says_ends_the_run_in_words(tmp_path: Path, endpoint: BatchEndpoint, path: str, body: bytes) -> None:
    def twist(method: str, asked_: str, found: Any) -> Any:
        if asked_.endswith(path) or "?" in asked_:
            return 200, body
        return found

    endpoint.twist = twist
    with pytest.raises(EndpointError, match="its Batch API: .* answered to .* with something else than its Batch API does"):
        asked(project(tmp_path, endpoint))


FLAGGED = {"error": {"message": "Your account was flagged for a violation of our usage policies"}}
FILTERED = {"error": {"message": "The prompt triggers our content management policy", "code": "content_filter"}}


@pytest.mark.parametrize("inside", [True, False])
def test_an_account_that_was_blocked_meanwhile_makes_no_refusals(tmp_path: Path, endpoint: BatchEndpoint, inside: bool) -> None:
    response_ = {"status_code": 200 if inside else 403, "body": FLAGGED}
    to_batch = content(each(lambda line: line | {"response": response_}))

    def twist(method: str, path: str, found: Any) -> Any:
        if endpoint.batches and path.endswith("chat/completions"):
            return 403, json.dumps(FLAGGED).encode()
        return to_batch(method, path, found)

    endpoint.twist = twist
    opened = project(tmp_path, endpoint)
    with pytest.raises(EndpointError, match="account was flagged"):
        asked(opened)
    endpoint.twist = lambda method, path, found: found
    answers, _, _ = asked(opened)
    assert all(answer.raw.startswith("word") for answer in answers)


def test_a_text_that_a_batch_refuses_is_refused_when_it_is_asked_at_once(tmp_path: Path, endpoint: BatchEndpoint) -> None:
    texts = list[str]()

    def refuse(line: dict[str, Any]) -> dict[str, Any]:
        return line | {"response": {"status_code": 400, "body": FILTERED}} if line["custom_id"] in ("3", "7") else line

    to_batch = content(each(refuse))

    def twist(method: str, path: str, found: Any) -> Any:
        if path.endswith("chat/completions") and endpoint.batches:
            texts.append(path)
            if len(texts) <= 2:
                return 400, json.dumps(FILTERED).encode()
        return to_batch(method, path, found)

    endpoint.twist = twist
    answers, _, _ = asked(project(tmp_path, endpoint))
    assert sum(answer.finish == "refused" for answer in answers) == 2 and len(texts) == 3, (
        "a known one shows that others are answered"
    )
    assert all("content management" in answer.error for answer in answers if answer.finish == "refused")


# --- money


def failed(line: dict[str, Any]) -> dict[str, Any]:
    """No answer, and yet its tokens."""
    return line | {"response": {"status_code": 200, "body": {"choices": [], "usage": line["response"]["body"]["usage"]}}}


def broken(line: dict[str, Any]) -> dict[str, Any]:
    body = completion("wo", "error", usage=line["response"]["body"]["usage"])
    return line | {"response": {"status_code": 200, "body": body}}


@pytest.mark.parametrize("change", [failed, broken])
def test_what_cannot_be_read_in_a_batch_was_paid_all_the_same(
    tmp_path: Path, endpoint: BatchEndpoint, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    endpoint.twist = content(each(lambda line: change(line) if int(line["custom_id"]) < 5 else line))
    answers, spent, _ = asked(project(tmp_path, endpoint))
    assert all(answer.raw.startswith("word") for answer in answers)
    assert spent.paid == pytest.approx(ORDINARY * ((COUNT - 1) * SHARE + 1 + 5)) and spent.calls == COUNT + 5


def test_what_the_endpoint_says_it_billed_for_a_batch_goes_before_its_tokens(tmp_path: Path) -> None:
    def billed(payload: Any) -> dict[str, Any]:
        said = word(payload)
        return said | {"usage": said["usage"] | {"cost": 0.003}}

    with BatchEndpoint(billed) as endpoint:
        answers, spent, _ = asked(project(tmp_path, endpoint))
        assert spent.paid == pytest.approx(COUNT * 0.003)
        assert all(answer.payment and answer.payment.amount == pytest.approx(0.003) for answer in answers)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_a_batch_counts_at_the_prices_at_which_it_was_handed_in(tmp_path: Path, endpoint: BatchEndpoint, factor: float) -> None:
    opened = project(tmp_path, endpoint)
    endpoint.twist = lambda method, path, found: (403, b"{}") if method == "GET" and "batches/" in path else found
    with pytest.raises(EndpointError):
        asked(opened)
    endpoint.twist = lambda method, path, found: found
    opened = project(tmp_path, endpoint, {name: factor * price for name, price in PRICES.items()})
    answers, spent, _ = asked(opened, budget=1.0)
    once(endpoint, answers)
    paid = ORDINARY * (1 + (COUNT - 1) * SHARE)
    assert spent.paid == pytest.approx(paid)
    with Ledger(opened.store) as ledger:
        engine = open_engine(opened, ledger, budget=1.0)
        assert engine.spending is not None and 1.0 - engine.spending.left == pytest.approx(paid * max(1.0, factor))


@pytest.mark.parametrize("count", [-5, 10**400, "many", None])
def test_counts_that_are_none_are_estimated_in_batches_too(tmp_path: Path, count: object) -> None:
    with BatchEndpoint(lambda payload: word(payload) | {"usage": {"prompt_tokens": count, "completion_tokens": count}}) as endpoint:
        answers, spent, _ = asked(project(tmp_path, endpoint))
        once(endpoint, answers)
        assert 0 < spent.estimated == spent.paid < 0.01 and not any(answer.counted for answer in answers)
