"""What is published of a remote model: its prices and its context window, from the dated data that genai-prices brings along."""

from __future__ import annotations

from typing import Any

from tailor.doors import door_at
from tailor.models.secrets import is_here

SAMPLE = 1_000  # tokens priced at once, below the first tier of any tiered price
DEFAULT_WINDOW = 8192
"""Tokens that the built-in and the fake model read at once, and that a remote one is taken to read where nothing says it."""


def listed(name: str, address: str, *, cached: bool = False) -> Any:
    """The genai-prices calculation for `SAMPLE` tokens read and as many written, in USD; None where the model is not listed there.

    Args:
        name: of the model, as the endpoint calls it.
        address: of the endpoint.
        cached: whether what is read was read before.
    """
    door = door_at(address)
    if is_here(address) and not (door and door.prices):
        return None
    import genai_prices

    usage = genai_prices.Usage(input_tokens=SAMPLE, output_tokens=SAMPLE, cache_read_tokens=SAMPLE if cached else 0)
    try:
        if door is not None and door.prices:
            return genai_prices.calc_price(usage, name, provider_id=door.prices)
        return genai_prices.calc_price(usage, name, provider_api_url=address)
    except LookupError:
        return None


def context_window(name: str, address: str) -> int | None:
    """Tokens that a model reads at once, prompt and answer together; None where neither its door nor its provider says it."""
    door = door_at(address)
    if door is not None and door.context:
        return door.context
    found = listed(name, address)
    return found.model.context_window if found is not None else None
