"""Label probabilities from an endpoint's log-probabilities: read, used for the label prior, and found out without a question."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from data_helpers import make_example, make_task, sentence
from endpoint import Answer, Endpoint, completion, refusal
from hypothesis import given
from hypothesis import strategies as st

from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.prompting import ChainOfThought
from tailor.data.example import Example
from tailor.decide.rungs import ladder
from tailor.engine import Engine
from tailor.evaluate.measure import measure
from tailor.models.base import Capabilities, Reply, Request, message
from tailor.models.endpoint.probabilities import FEWER, LEAST, MOST, Place, label_scores, probe, read_places
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings

LABELS = ("billing", "lost card", "lost card fee", "other")
Told = Sequence[Mapping[str, float]]


def told(*places: Mapping[str, float]) -> dict[str, Any]:
    """`logprobs` of a choice, as the API writes them: the first of each place was written."""
    content = []
    for place in places:
        tokens = [{"token": token, "logprob": math.log(share), "bytes": list(token.encode())} for token, share in place.items()]
        content.append(tokens[0] | {"top_logprobs": tokens})
    return {"content": content}


def scores(text: str, *places: Mapping[str, float], labels: Sequence[str] = LABELS) -> list[float]:
    """Probability of each label."""
    return [math.exp(score) for score in label_scores(read_places(told(*places)), labels, text)]


def test_each_label_has_the_probability_of_its_tokens_as_far_as_they_are_told() -> None:
    found = scores("billing", {"bill": 0.7, "lost": 0.2, "other": 0.06, "The": 0.03}, {"ing": 0.9, "board": 0.1})
    # "lost" is the beginning of two labels, which share it; "ing" ends the only label that begins with "bill".
    assert found == pytest.approx([0.63, 0.1, 0.1, 0.06])


def test_a_label_that_is_the_beginning_of_another_ends_where_it_does() -> None:
    found = scores("lost card", {"lost": 0.8, "b": 0.2}, {" card": 1.0}, {"<end>": 0.6, " fee": 0.4})
    assert found[:3] == pytest.approx([0.2, 0.48, 0.32])
    longer = scores("lost card fee", {"lost": 0.8}, {" card": 1.0}, {" fee": 0.6, ".": 0.3, "\n": 0.1})
    assert longer[1:3] == pytest.approx([0.32, 0.48])


def test_where_the_end_is_not_told_of_the_longer_label_has_half_at_most() -> None:
    found = scores("lost card", {"lost": 0.8, "bill": 0.2}, {" card": 1.0})
    assert found[1] == pytest.approx(0.8) and found[2] == pytest.approx(0.4)


def test_a_label_that_is_not_told_of_has_no_more_than_what_is_left() -> None:
    (billing, other) = scores("billing", {"billing": 0.6, "Bill": 0.3, "x": 0.08}, labels=("billing", "other"))
    assert billing == pytest.approx(0.9) and other == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("**Lost_card**", ({"**": 1.0}, {"Lost": 0.9, "bill": 0.1}, {"_card": 1.0}, {"**": 1.0})),
        ("lost card", ({" lost": 0.9, " bill": 0.1}, {" card": 1.0}, {"": 1.0})),
        ("LOST CARD.", ({"LOST": 0.9, "bill": 0.1}, {" CARD": 1.0}, {".": 1.0})),
        ("lost card\n\nThe customer says so.", ({"lost": 0.9, "bill": 0.1}, {" card": 1.0}, {"\n\n": 1.0}, {"The": 1.0})),
    ],
)
def test_the_form_of_a_label_does_not_matter(text: str, places: Told) -> None:
    found = scores(text, *places)
    assert found[:2] == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize("text", ["I think it is billing", "billing or lost card", "unknown", "", "billings"])
def test_what_is_no_label_has_no_scores(text: str) -> None:
    words = [{word: 0.5, "billing": 0.4} for word in text.split(" ")]
    assert scores(text, *words) == []


def test_labels_that_cannot_be_told_apart_have_no_scores() -> None:
    assert scores("yes", {"yes": 1.0}, labels=("yes", "Yes", "no")) == []


def test_a_thought_in_front_is_passed_over() -> None:
    thought = ({"<think>": 1.0}, {"billing": 0.5, "other": 0.5}, {"?": 1.0}, {"</think>": 1.0}, {"\n": 1.0})
    found = scores("other", *thought, {"other": 0.75, "billing": 0.25})
    assert found[0] == pytest.approx(0.25) and found[3] == pytest.approx(0.75)


def test_letters_cut_between_tokens_are_joined() -> None:
    def entry(raw: bytes, share: float) -> dict[str, Any]:
        return {"token": "\\x", "logprob": math.log(share), "bytes": list(raw)}

    first, second = "grün".encode()[:3], "grün".encode()[3:]
    content = [
        entry(first, 0.8) | {"top_logprobs": [entry(first, 0.8), entry(b"rot", 0.2)]},
        entry(second, 1.0) | {"top_logprobs": []},
    ]
    assert [math.exp(s) for s in label_scores(read_places({"content": content}), ("grün", "rot"), "grün")] == pytest.approx(
        [0.8, 0.2]
    )


@given(
    st.lists(
        st.fixed_dictionaries(
            {"token": st.sampled_from(["lost", " card", " fee", "billing", "o", ".", "", "é", "�"]), "logprob": st.floats()},
            optional={"bytes": st.none() | st.lists(st.integers(-1, 300), max_size=4), "top_logprobs": st.lists(st.integers())},
        )
        | st.none(),
        max_size=5,
    ),
    st.sampled_from(["lost card", "lost card fee", "billing", "", "x"]),
)
def test_whatever_an_endpoint_tells_scores_are_log_probabilities_or_none(content: list[Any], text: str) -> None:
    found = label_scores(read_places({"content": content}), LABELS, text)
    assert found == () or (len(found) == len(LABELS) and all(3 * LEAST * len(content) <= score <= 0 for score in found))


@pytest.mark.parametrize("odd", [None, [], {}, {"content": None}, {"content": [{}]}, {"tokens": ["a"]}, "x"])
def test_another_form_is_none(odd: object) -> None:
    assert read_places(odd) == []


def test_what_is_left_of_one_limits_what_is_not_told() -> None:
    assert Place(b"a", math.log(0.5), ((b"b", math.log(0.5)),)).bound == LEAST
    assert math.exp(Place(b"a", math.log(0.9), ((b"b", math.log(0.06)),)).bound) == pytest.approx(0.04)


# --- over the wire


def remote(endpoint: Endpoint) -> RemoteModel:
    settings = ModelSettings(name="m", base_url=endpoint.url, context_tokens=None, patience_minutes=0.02)
    return RemoteModel(settings, attempts=2, backoff_seconds=0.001)


def sure(payload: Mapping[str, Any]) -> Answer:
    body = completion("yes")
    if payload.get("logprobs"):
        body["choices"][0]["logprobs"] = told({"yes": 0.9, "no": 0.1})
    return Answer(body)


def ask(model: RemoteModel, *texts: str, **options: Any) -> list[Reply]:
    given_options: dict[str, Any] = {"max_tokens": 5, "labels": ("yes", "no")} | options
    return model.reply([Request((message("user", text),), **given_options) for text in texts])


def test_probabilities_come_with_the_answer_and_cost_no_further_call() -> None:
    with Endpoint(sure) as endpoint:
        (reply,) = ask(remote(endpoint), "Right?")
    assert reply.text == "yes" and [math.exp(score) for score in reply.scores] == pytest.approx([0.9, 0.1])
    assert endpoint.calls == 1 and endpoint.payloads[0]["top_logprobs"] == MOST


def test_nothing_is_asked_for_without_labels() -> None:
    with Endpoint(sure) as endpoint:
        (reply,) = ask(remote(endpoint), "Right?", labels=())
    assert reply.scores == () and "logprobs" not in endpoint.payloads[0]


@pytest.mark.parametrize(
    ("words", "status", "calls"),
    [("logprobs is not supported with this model", 400, 3), ("Internal error", 500, 2), ("field not permitted", 422, None)],
)
def test_an_endpoint_that_tells_none_is_asked_without_from_then_on(words: str, status: int, calls: int | None) -> None:
    def without(payload: Mapping[str, Any]) -> Answer:
        return refusal(status, words) if "logprobs" in payload else sure(payload)

    with Endpoint(without) as endpoint:
        model = remote(endpoint)
        (reply,) = ask(model, "Right?")
        found_out = endpoint.calls
        again = ask(model, "And this?", "And that?")
        assert endpoint.calls == found_out + 2
    assert [r.text for r in (reply, *again)] == ["yes"] * 3 and reply.scores == ()
    assert calls is None or found_out == calls


def test_fewer_are_asked_for_where_an_endpoint_tells_of_fewer() -> None:
    def few(payload: Mapping[str, Any]) -> Answer:
        if payload.get("top_logprobs", 0) > FEWER:
            return refusal(400, "top_logprobs must be between 0 and 5")
        return sure(payload)

    with Endpoint(few) as endpoint:
        (reply,) = ask(remote(endpoint), "Right?")
    assert len(reply.scores) == 2 and [payload["top_logprobs"] for payload in endpoint.payloads] == [MOST, FEWER]


def test_a_probe_shows_whether_an_endpoint_tells() -> None:
    with Endpoint(sure) as endpoint:
        assert remote(endpoint).reply([probe()])[0].scores
    with Endpoint([Answer(completion("yes"))]) as endpoint:
        assert not remote(endpoint).reply([probe()])[0].scores


# --- the label prior


COLOURS = ("red", "green", "blue", "pink")


def biased(payload: Mapping[str, Any]) -> Answer:
    """A model that likes red, and of the others knows which is right: the last word of the question."""
    right = payload["messages"][-1]["content"].split()[-1]
    share = {"red": 0.5} | {colour: 0.1 for colour in COLOURS[1:]}
    share[right if right in COLOURS else "red"] += 0.2
    body = completion("red", usage={"prompt_tokens": 9, "completion_tokens": 1})
    if payload.get("logprobs"):
        body["choices"][0]["logprobs"] = told(dict(sorted(share.items(), key=lambda item: -item[1])))
    return Answer(body)


def coloured(n: int) -> TrainingData:
    def part(first: int) -> tuple[Example, ...]:
        labels = [(number, COLOURS[number % 4]) for number in range(first, first + n)]
        return tuple(make_example(number, label, text=f"{sentence(number)} {label}") for number, label in labels)

    task = make_task(labels=list(COLOURS), embedder="fake")
    return TrainingData(task, part(0), part(100))


def test_the_prior_is_removed_from_what_an_endpoint_tells_and_nothing_is_asked_twice(
    tmp_path: Path, engine_for: Callable[..., Engine]
) -> None:
    data = coloured(12)
    with Endpoint(biased) as endpoint:
        engine = engine_for(remote(endpoint), tmp_path)
        plain = starting_system(data.task, data.train, engine.model)
        before = measure(data.task, plain, "dev", data.dev, engine)
        (rung,) = [rung for rung in ladder(data.task, False, Capabilities()) if rung.name == "calibrate"]
        (option,) = rung.candidates(plain, [before])
        system = option.approach.fit(option.base, data, engine)
        asked = endpoint.calls
        after = measure(data.task, system, "dev", data.dev, engine)
    assert (before.mean, after.mean) == (0.25, 1.0)
    assert plain.decoding.method == "generate" and system.name == "prior-removed" and system.fingerprint != plain.fingerprint
    assert asked == endpoint.calls == len(data.dev) + len(data.train) + 1


def test_there_is_no_prior_to_remove_where_an_endpoint_tells_nothing(tmp_path: Path, engine_for: Callable[..., Engine]) -> None:
    data = coloured(4)
    with Endpoint([Answer(completion("red"))]) as endpoint:
        engine = engine_for(remote(endpoint), tmp_path)
        plain = starting_system(data.task, data.train, engine.model)
        run = measure(data.task, plain, "dev", data.dev, engine)
    (rung,) = [rung for rung in ladder(data.task, False, Capabilities()) if rung.name == "calibrate"]
    assert rung.candidates(plain, [run]) == []


def test_a_system_that_writes_steps_first_is_not_asked_for_probabilities(tmp_path: Path, engine_for: Callable[..., Engine]) -> None:
    data = coloured(4)
    with Endpoint(biased) as endpoint:
        engine = engine_for(remote(endpoint), tmp_path)
        system = ChainOfThought().fit(starting_system(data.task, data.train, engine.model), data, engine)
        engine.answer(system, data.dev)
    assert all("logprobs" not in payload for payload in endpoint.payloads)


def test_a_number_beyond_all_bounds_is_no_log_probability() -> None:
    assert read_places({"content": [{"token": "yes", "logprob": -(10**400)}]}) == []
    (place,) = read_places({"content": [{"token": "yes", "logprob": -0.1, "top_logprobs": [{"token": "no", "logprob": 10**400}]}]})
    assert place.others == ()
