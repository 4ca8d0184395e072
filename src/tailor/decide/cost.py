"""What a system costs: from tokens, never from wall time, so that the same data give the same cost."""

from __future__ import annotations

from dataclasses import replace

from tailor.approaches.approach import TrainingData
from tailor.decide.prices import EMBEDDER_PARAMETERS, TFIDF_PARAMETERS, machine_rates
from tailor.decide.types import Cost, Pace, Rates
from tailor.decide.upkeep import changing, upkeep
from tailor.engine import Engine
from tailor.evaluate.run import Run
from tailor.models.tune import read_tuned
from tailor.score.types import Answer
from tailor.system import Teacher
from tailor.task import Task

NEVER_SAID = Pace()


def cost_of(
    task: Task,
    run: Run,
    rates: Rates,
    labels_used: int,
    training_tokens: int,
    *,
    teaching: float | None = 0.0,
    dev_rows: int = 0,
    document_price: float | None = 0.0,
    pace: Pace = NEVER_SAID,
) -> Cost:
    """The cost of a system, from its Run, in the task's currency.

    An answer costs what the endpoint says that it billed, else its tokens at the rates (`Rates.price`).
    Every answer that is not right (wrong, unparsed or failed) costs `prices.error`; where fields have prices, what its wrong fields
    cost (`tailor.score.types.Score.cost`).
    One-off are the labels that the system learned from and the tokens that it was trained on. Upkeep is what changes of documents
    and rules cost at their pace: the training again, measuring on dev again, putting a document into the index again. `total` is
    one-off + months x (upkeep + answers a month x (answer + expected error)). What needs an unknown price, or a Run in which no
    answer came, is None, and so is every sum with it; an unknown price of training leaves `one_off` the labels alone, with a note
    in `how`.

    Args:
        task: prices and volume.
        run: the system's answers and scores.
        rates: prices per million tokens.
        labels_used: hand-labelled examples that went into the system.
        training_tokens: tokens seen in training, all epochs together.
        teaching: what a teacher's labels cost; None when a price is unknown.
        dev_rows: examples on which a changed system is measured again.
        document_price: of putting one document into the index.
        pace: how often things change.
    """
    notes = [rates.how] if rates.how else []
    answered = any(not answer.error for answer in run.answers)
    each = _answer_price(run, rates)
    per_1000 = 1000 * each if answered and each is not None else None
    if not answered:
        notes.append("no answer arrived, so the cost of an answer is unknown")
    elif per_1000 is None:
        notes.append("the price of tokens is unknown")
    if uncounted := sum(not answer.counted and not answer.error for answer in run.answers):
        notes.append(f"the tokens of {uncounted:,} of {len(run.answers):,} answers are estimated: the endpoint did not count them")
    training = _price(training_tokens, rates.training_per_million)
    if training is None:
        notes.append("the price of training is unknown and not counted")
    if teaching is None:
        notes.append("the price of the teacher's labels is unknown and not counted")
    one_off = labels_used * task.prices.label + (training or 0.0) + (teaching or 0.0)
    errors_per_1000 = 1000 * (own_losses(run) + error_count(run) * task.prices.error)
    measuring = None if per_1000 is None else dev_rows * per_1000 / 1000
    changes = changing(task, run.system, {"train": training, "measure": measuring, "index": document_price})
    kept = upkeep(changes, pace)
    total = None
    if per_1000 is not None and training is not None and teaching is not None and kept is not None:
        answers = task.volume.months * task.volume.answers_per_month
        total = one_off + task.volume.months * kept + answers * (per_1000 + errors_per_1000) / 1000
    right = _for_right(per_1000, error_rate(run))
    return Cost(per_1000, one_off, errors_per_1000, total, "; ".join(notes), training, kept, changes, right)


def system_cost(
    data: TrainingData, run: Run, rates: Rates, engine: Engine, pace: Pace = NEVER_SAID, teacher_rates: Rates | None = None
) -> Cost:
    """What a system costs: labels it learned from, training, tokens, and keeping up with changes.

    `teacher_rates` are the prices of its teacher's tokens, where that is another model.
    """
    system, embedding = run.system, machine_rates(data.task.prices, EMBEDDER_PARAMETERS)
    teaching = _teaching(data, system.weights.teacher, teacher_rates or rates, engine)
    rates = _rates_of(system.weights.method, data.task, rates)
    labels, trained = len(system.prompt.shots), 0
    if not system.is_generative:
        labels = len(data.train)
    elif system.is_tuned and (tuned := read_tuned(engine.store / system.weights.tuned)) is not None:
        labels, trained = len(data.train[: data.task.tuning.max_rows]), tuned.trained_tokens
    # The same stated estimate as elsewhere: a token is about four characters.
    tokens = sum(len(document.text) for document in engine.documents) / 4 / max(1, len(engine.documents))
    document_price = tokens * (embedding.input_per_million or 0.0) / 1e6 if system.knowledge.embedder else 0.0
    return cost_of(
        *(data.task, run, rates, labels, trained),
        teaching=teaching,
        dev_rows=len(data.dev),
        document_price=document_price,
        pace=pace,
    )


def _rates_of(method: str, task: Task, rates: Rates) -> Rates:
    """The prices of what answers: of the embedder or of words and characters for a classifier, else of the model."""
    parameters = {"head": EMBEDDER_PARAMETERS, "tfidf": TFIDF_PARAMETERS}.get(method)
    return rates if parameters is None else machine_rates(task.prices, parameters)


def _teaching(data: TrainingData, teacher: Teacher | None, rates: Rates, engine: Engine) -> float | None:
    """What a teacher's answers cost by which it labelled rows; nothing where there was none."""
    if teacher is None:
        return 0.0
    prices = _rates_of(teacher.method, data.task, rates)
    found = [_price_of(answer, prices) for answer in engine.answered(teacher.fingerprint, data.unlabelled) if not answer.error]
    known = [price for price in found if price is not None]
    return sum(known) if len(known) == len(found) else None


def with_error_rate(task: Task, cost: Cost, rate: float) -> Cost:
    """The cost of the same system, were this the share of its answers that are not right."""
    errors_per_1000 = 1000 * rate * task.prices.error
    more = task.volume.months * task.volume.answers_per_month * (errors_per_1000 - cost.errors_per_1000) / 1000
    total, right = None if cost.total is None else cost.total + more, _for_right(cost.per_1000, rate)
    return replace(cost, errors_per_1000=errors_per_1000, total=total, per_1000_right=right)


def _for_right(per_1000: float | None, errors: float) -> float | None:
    return None if per_1000 is None or errors >= 1 else per_1000 / (1 - errors)


def error_rate(run: Run) -> float:
    """Share of answers that are not right, in [0, 1]; 0 for an empty Run."""
    return 1 - run.count("right") / len(run.scores) if run.scores else 0.0


def error_count(run: Run) -> float:
    """How many errors at the price of an error an answer makes on average: the error rate, unless fields have prices."""
    return sum(score.error_count for score in run.scores) / len(run.scores) if run.scores else 0.0


def own_losses(run: Run) -> float:
    """What an answer's errors with a price of their own cost on average."""
    return sum(score.loss for score in run.scores) / len(run.scores) if run.scores else 0.0


def _answer_price(run: Run, rates: Rates) -> float | None:
    """The mean price of the answers that came; None where the price of one is unknown."""
    prices = [_price_of(answer, rates) for answer in run.answers if not answer.error]
    known = [price for price in prices if price is not None]
    return None if len(known) < len(prices) else sum(known) / max(1, len(known))


def _price_of(answer: Answer, rates: Rates) -> float | None:
    return rates.price(answer.tokens_in, answer.tokens_out, cached=answer.cached, billed=answer.billed)


def _price(tokens: float, per_million: float | None) -> float | None:
    """The price of so many tokens; none cost nothing, even at an unknown price."""
    if not tokens:
        return 0.0
    return None if per_million is None else tokens * per_million / 1_000_000
