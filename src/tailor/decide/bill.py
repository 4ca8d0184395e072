"""What endpoints were paid, in sentences."""

from __future__ import annotations

from tailor.batches import FEWEST
from tailor.decide.formats import format_money
from tailor.decide.prices import batch_share
from tailor.store.spending import Spent
from tailor.task import ModelSettings, Task


def paid_amount(spent: Spent, currency: str) -> str:
    """The amount that was paid; unknown where no call has a price."""
    return format_money(None if spent.unpriced and spent.unpriced == spent.calls else spent.paid, currency)


def spent_sentence(spent: Spent, currency: str) -> str:
    """What all runs of a project paid, and how sure that is."""
    calls = "1 answered call" if spent.calls == 1 else f"{spent.calls:,} answered calls"
    tokens = f"{spent.tokens_in:,} tokens read, {spent.tokens_out:,} written"
    said = [f"Paid to endpoints so far: {paid_amount(spent, currency)}, for {calls} ({tokens})."]
    if 0 < spent.unpriced < spent.calls:
        said.append(f"The price of {spent.unpriced:,} of them is not known.")
    if spent.repriced:
        said.append("Prices were changed meanwhile: each call counts at those of its time.")
    if spent.estimated:
        said.append(f"{format_money(spent.estimated, currency)} of it rest on estimated tokens: the endpoint did not count them.")
    if spent.maybe_paid:
        said.append(maybe_paid(spent, currency))
    return " ".join(said)


def waiting(task: Task) -> str:
    """What waits for batches, and for how long; empty where nothing does."""
    found: dict[str, ModelSettings] = {
        f"model {label}".strip(): model for label, model in zip(task.model_labels, task.asked, strict=True)
    }
    found |= {"judge": task.judge.model} if task.judge else {}
    waits = {role: settings for role, settings in found.items() if settings.batch is not False}
    if not waits:
        return ""
    who = " and ".join(
        f"The {role} is asked in batches, at {100 * batch_share(settings):g} % of the price" for role, settings in waits.items()
    )
    return (
        f"{who}. The run waits for one batch after the other: one for each part of dev that the candidates of a rung answer, one "
        "for the final test, and further ones for what is asked in between. Each is promised within a day and may take minutes. "
        f"Asked at once, at the ordinary price: what the preflight asks, fewer than {FEWEST} rows, rows that a batch leaves open."
    )


def maybe_paid(spent: Spent, currency: str) -> str:
    """What may have been paid for without an answer."""
    count = sum(call.calls for call in spent.maybe_paid)
    calls = "1 call" if count == 1 else f"{count:,} calls"
    if any(call.batch for call in spent.maybe_paid):
        calls += ", those in batches that are still at the endpoint included,"
    most = f", {format_money(spent.maybe, currency)} at most" if spent.maybe else ""
    first = min(call.at for call in spent.maybe_paid)[:16].replace("T", " ")
    return (
        f"{calls} may have been paid for without an answer{most}: a run was killed while they were under way, or the connection "
        f"broke off (the first on {first} UTC; `tailor show --json` lists them)."
    )
