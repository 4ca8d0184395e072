"""Scores of labels and of answers over documents."""

from __future__ import annotations

import pytest

from tailor.data.example import Example
from tailor.kinds.base import score, score_run
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer, Outcome, Score
from tailor.system import Decoding, Knowledge, Prompt, System, Weights
from tailor.task import Task

LABELS = ("lost_card", "card_fee")
QUOTE = "Parking permits are renewed every two years at the Amber Desk."


def classify_task() -> Task:
    return Task.model_validate(
        {
            "name": "t",
            "kind": "classify",
            "instruction": "Sort.",
            "input": "{{x}}",
            "output": "y",
            "labels": LABELS,
            "data": "a.csv",
        }
    )


def answer_task(**settings: object) -> Task:
    basic = {"name": "t", "kind": "answer", "instruction": "Answer.", "input": "{{q}}", "output": "a", "data": "a.csv"}
    return Task.model_validate(basic | settings)


def classifier(*, method: str = "generate", reasoning: bool = False) -> System:
    decoding = Decoding.model_validate({"method": method, "labels": LABELS})
    return System(
        steps=("s",),
        weights=Weights(model="m"),
        prompt=Prompt(instruction="i", input="{{x}}", reasoning=reasoning),
        decoding=decoding,
    )


def answerer(kind: str = "none", *, reasoning: bool = False) -> System:
    return System(
        steps=("s",),
        weights=Weights(model="m"),
        prompt=Prompt(instruction="i", input="{{q}}", not_found="not in the documents", reasoning=reasoning),
        knowledge=Knowledge.model_validate({"kind": kind, "passages": 2 if kind == "index" else 0}),
    )


def question(*answers: str, quote: str = "") -> Example:
    return Example("1", {"q": "?"}, answers, quote=quote)


def passages(*texts: str) -> tuple[Passage, ...]:
    return tuple(Passage(f"{i}.md", "", 0, len(text), text) for i, text in enumerate(texts))


def scored(example: Example, raw: str, found: tuple[Passage, ...] = (), kind: str = "none", **settings: object) -> Score:
    return score(answer_task(**settings), answerer(kind), example, Answer("1", raw, passages=found))


@pytest.mark.parametrize(
    ("raw", "outcome", "value", "answer"),
    [
        ("lost_card", "right", 1.0, "lost_card"),
        ("card fee", "wrong", 0.0, "card_fee"),
        ("no idea ", "unparsed", 0.0, "no idea"),
    ],
)
def test_a_label_is_right_wrong_or_unparsed(raw: str, outcome: str, value: float, answer: str) -> None:
    found = score(classify_task(), classifier(), Example("1", {"x": ""}, ("lost_card",)), Answer("1", raw))
    assert (found.outcome, found.value, found.answer) == (outcome, value, answer)


def test_the_form_of_a_generated_label_is_measured_and_only_there() -> None:
    example = Example("1", {"x": ""}, ("lost_card",))
    task = classify_task()
    assert score(task, classifier(), example, Answer("1", "Lost card.")).details == {"form": 1.0}
    assert score(task, classifier(), example, Answer("1", "It is a lost card.")).details == {"form": 0.0}
    assert score(task, classifier(), example, Answer("1", "?")).details == {"form": 0.0}
    assert score(task, classifier(method="score"), example, Answer("1", "lost_card")).details == {}
    assert score(task, classifier(reasoning=True), example, Answer("1", "So:\nAnswer: lost card")).details == {}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer("1", "", error="timed out"), "failed"),
        (Answer("1", "lost_card", finish="error", error="overloaded"), "failed"),  # text in front of an error is no answer
        (Answer("1", "lost_card", finish="refused"), "refused"),
        (Answer("1", "", finish="refused", error="the prompt does not fit"), "refused"),
    ],
)
def test_a_failed_or_refused_call_is_never_wrong(answer: Answer, outcome: Outcome) -> None:
    example = Example("1", {"x": ""}, ("lost_card",))
    assert score(classify_task(), classifier(), example, answer) == Score(outcome, 0.0, "")
    assert score(answer_task(), answerer(), question("two"), answer) == Score(outcome, 0.0, "")


def test_an_answer_that_reached_its_greatest_length_is_cut_unless_it_is_right() -> None:
    example = Example("1", {"x": ""}, ("lost_card",))
    assert score(classify_task(), classifier(), example, Answer("1", "los", finish="length")).outcome == "cut"
    assert score(classify_task(), classifier(), example, Answer("1", "lost card", finish="length")).outcome == "right"
    for text, outcome in (("They are renewed", "cut"), ("They last two years, and", "right")):
        assert score(answer_task(), answerer(), question("two years"), Answer("1", text, finish="length")).outcome == outcome


def test_a_failed_answer_still_says_whether_retrieval_found_the_passage() -> None:
    answer = Answer("1", "", passages=passages("every two years"), error="timed out")
    assert score(answer_task(), answerer("index"), question("two years"), answer).details == {"retrieved": 1.0}


def test_an_answer_that_holds_an_accepted_one_is_right() -> None:
    found = scored(question("two years", "24 months"), "They are renewed every two years [1].")
    assert (found.outcome, found.value, found.answer) == ("right", 1.0, "They are renewed every two years.")
    assert found.details["exact"] == 0.0
    assert found.details["f1"] == pytest.approx(2 * 2 / (6 + 2))
    assert scored(question("two years", "24 months"), "24 Months!").details["exact"] == 1.0


def test_a_wrong_answer_is_wrong() -> None:
    assert scored(question("two years"), "three years").outcome == "wrong"


def test_listing_everything_does_not_count() -> None:
    listing = " ".join(f"{n} years" for n in ["one", "two", "three", "four", "five", "six", "seven", "eight"])
    assert scored(question("two years"), listing, max_words=50).outcome == "wrong"
    assert scored(question("two years"), "two years, " + "as everybody here knows " * 4, max_words=15).outcome == "wrong"


def test_a_long_accepted_answer_allows_three_times_its_words() -> None:
    wanted = "one two three four"
    assert scored(question(wanted), f"{wanted} " + "x " * 8, max_words=5).outcome == "right"
    assert scored(question(wanted), f"{wanted} " + "x " * 9, max_words=5).outcome == "wrong"


@pytest.mark.parametrize(
    "raw",
    [
        "Not in the documents.",
        "Sorry, that is not in the documents [2].",
        "I don't know.",
        "The documents do not say.",
        "Not mentioned in the text",
        "Unknown",
        "n/a",
    ],
)
def test_saying_so_is_right_when_the_documents_do_not_answer_and_wrong_when_they_do(raw: str) -> None:
    unanswerable, answerable = scored(question(), raw), scored(question("two years"), raw)
    assert (unanswerable.outcome, unanswerable.value, unanswerable.details["f1"], unanswerable.details["exact"]) == (
        "right",
        1,
        1,
        1,
    )
    assert (answerable.outcome, answerable.details["abstained"]) == ("wrong", 1.0)


@pytest.mark.parametrize("raw", ["Two years.", "Unknown soldiers are honoured there.", "None of the staff pay."])
def test_an_answer_where_there_is_none_is_wrong(raw: str) -> None:
    found = scored(question(), raw)
    assert (found.outcome, found.details["abstained"], found.details["f1"]) == ("wrong", 0.0, 0.0)


def test_an_answer_and_a_not_found_in_one_is_not_right() -> None:
    assert scored(question("two years"), "Two years, or it is not in the documents.").outcome == "wrong"


def test_an_accepted_answer_that_reads_like_not_found_is_an_answer() -> None:
    found = scored(question("None"), "none")
    assert (found.outcome, found.details["abstained"]) == ("right", 0.0)


def test_an_empty_answer_or_a_missing_answer_line_is_unparsed() -> None:
    assert scored(question("two"), "  ").outcome == "unparsed"
    reasoner = answerer(reasoning=True)
    found = score(answer_task(), reasoner, question("two years"), Answer("1", "It is two years"))
    assert (found.outcome, found.value, found.answer) == ("unparsed", 0.0, "It is two years")
    assert found.details == {"f1": 0.0, "exact": 0.0, "correct": 0.0, "form": 0.0, "abstained": 0.0}
    assert score(answer_task(), reasoner, question("two years"), Answer("1", "Steps\nAnswer: two years")).outcome == "right"


def test_the_value_follows_the_metric_and_exact_asks_for_nothing_more() -> None:
    found = {metric: scored(question("two years"), "every two years", metric=metric) for metric in ("correct", "f1", "exact")}
    assert {metric: one.outcome for metric, one in found.items()} == {"correct": "right", "f1": "right", "exact": "wrong"}
    assert {metric: round(one.value, 6) for metric, one in found.items()} == {"correct": 1.0, "f1": 0.8, "exact": 0.0}
    assert scored(question("two years"), "two years", metric="exact").value == 1.0
    assert scored(question(), "unknown", metric="exact").value == 1.0


def test_squads_metrics_compare_in_squads_normal_form() -> None:
    assert scored(question("-5"), "5", metric="squad_exact").value == 1.0
    assert scored(question("-5"), "5", metric="exact").value == scored(question("-5"), "5").value == 0.0
    assert scored(question("two years"), "every two years", metric="squad_f1").value == pytest.approx(0.8)
    assert scored(question(), "unknown", metric="squad_f1").value == 1.0


@pytest.mark.parametrize(
    ("asked", "wanted", "raw", "outcome"),
    [
        ("Are speakers allowed, yes or no?", "yes", "Yes or no.", "wrong"),
        ("How many days may it stay?", "48 days", "No, it is not 48 days.", "wrong"),
        ("项目位于哪座城市？", "杭州", "答案是杭州。", "right"),
        ("Which word of these is it?", "A", "A) heron", "right"),
    ],
)
def test_an_answer_is_right_if_it_commits_to_the_accepted_one(asked: str, wanted: str, raw: str, outcome: str) -> None:
    example = Example("1", {"q": asked}, (wanted,))
    task = answer_task(input="{{q}}")
    assert score(task, answerer(), example, Answer("1", raw)).outcome == outcome


def test_a_question_about_a_long_text_is_judged_by_the_question_alone() -> None:
    text = "It is open on Monday, Tuesday or Thursday. " * 20 + "On which day is it closed?"
    assert score(answer_task(), answerer(), Example("1", {"q": text}, ("Friday",)), Answer("1", "On Friday.")).outcome == "right"


def test_form_is_measured_by_the_tasks_constraints_and_length() -> None:
    assert scored(question("two"), "Two", constraints=["lower case"]).details["form"] == 0.0
    assert scored(question("two"), "two [1]", constraints=["at most one word"]).details["form"] == 1.0
    assert scored(question("two"), "two of them", max_words=2).details["form"] == 0.0


def test_retrieval_is_scored_by_the_quote_or_an_accepted_answer_in_any_passage() -> None:
    example = question("at the Amber Desk", quote=QUOTE)
    assert scored(example, "x", passages("nothing", QUOTE.upper()), "index").details["retrieved"] == 1.0
    assert scored(example, "x", passages("Go and ask at the amber desk today"), "index").details["retrieved"] == 1.0
    assert scored(example, "x", passages("nothing"), "index").details["retrieved"] == 0.0
    assert scored(example, "x", (), "index").details["retrieved"] == 0.0
    assert "retrieved" not in scored(example, "x").details
    assert "retrieved" not in scored(question(), "x", passages("nothing"), "index").details


@pytest.mark.parametrize(
    ("raw", "cited"),
    [
        ("The Amber Desk [2]", 1.0),
        ("The Amber Desk [1]", 0.0),
        ("The Amber Desk [1, 2]", 1.0),
        ("The Amber Desk [2][3]", 0.0),
        ("The Amber Desk [0]", 0.0),
        ("The Amber Desk", 0.0),
    ],
)
def test_a_citation_counts_when_the_cited_passage_holds_the_answer(raw: str, cited: float) -> None:
    example = question("Amber Desk", quote=QUOTE)
    assert scored(example, raw, passages("nothing", QUOTE), "index").details["cited"] == cited


def test_citations_are_not_scored_without_retrieval_without_an_answer_or_when_abstaining() -> None:
    found = passages(QUOTE)
    assert "cited" not in scored(question("Amber Desk"), "Amber Desk [1]").details
    assert "cited" not in scored(question(), "Amber Desk [1]", found, "index").details
    assert "cited" not in scored(question("Amber Desk"), "not in the documents", found, "index").details


def test_a_run_is_scored_row_by_row_and_mixed_up_answers_are_refused() -> None:
    task, system = classify_task(), classifier()
    rows = [Example("1", {"x": ""}, ("lost_card",)), Example("2", {"x": ""}, ("card_fee",))]
    answers = [Answer("1", "lost_card"), Answer("2", "lost_card")]
    assert [found.outcome for found in score_run(task, system, rows, answers)] == ["right", "wrong"]
    with pytest.raises(ValueError, match="in the same order"):
        score_run(task, system, rows, answers[::-1])
