"""Scoring and generating row by row, with nothing but the model's own code.

For models that `tailor.models.packed` cannot compute: recurrent states cannot be rolled back, sliding windows need masks of their
own. Slow, and the same answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailor.models.cores import share_cores
from tailor.models.decoding import Generated, Sampler, Sampling


def score_answers(module: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> list[list[float]]:
    """Log-probability of each answer after each prompt, as `tailor.models.scoring.score_answers`."""
    import torch

    rows = []
    with torch.inference_mode():
        for prompt in prompts:
            row = []
            for answer in answers:
                ids = torch.tensor([[*prompt, *answer]], device=module.device)
                share_cores()
                logits = module(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1]
                steps = torch.log_softmax(logits.float(), dim=-1)
                row.append(float(steps[torch.arange(len(answer)), list(answer)].double().sum()))
            rows.append(row)
    return rows


def generate(
    module: Any, prompts: Sequence[Sequence[int]], sampling: Sequence[Sampling], end_tokens: frozenset[int]
) -> list[Generated]:
    """New tokens for each prompt, as `tailor.models.decoding.generate`: transformers' loop, our choice of each token."""
    import torch
    from transformers import LogitsProcessor, StoppingCriteria

    class Choose(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped
        def __init__(self, sampler: Sampler) -> None:
            self.sampler, self.going = sampler, True

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            logits = scores[0].float()
            greedy = int(logits.argmax())
            self.going = self.sampler.take(logits, greedy)
            forced = torch.full_like(scores, -torch.inf)
            # The token after the last one is thrown away, whichever it is.
            forced[0, self.sampler.tokens[-1] if self.going else greedy] = 0.0
            return forced

    class Done(StoppingCriteria):  # type: ignore[misc]
        def __init__(self, choose: Choose) -> None:
            self.choose = choose

        def __call__(self, input_ids: Any, scores: Any, **rest: Any) -> Any:
            return torch.full((1,), not self.choose.going, device=input_ids.device)

    out = []
    with torch.inference_mode():
        for prompt, how in zip(prompts, sampling, strict=True):
            share_cores()
            choose = Choose(Sampler(how, end_tokens))
            ids = torch.tensor([list(prompt)], device=module.device)
            module.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=how.max_tokens,
                do_sample=False,
                logits_processor=[choose],
                stopping_criteria=[Done(choose)],
            )
            out.append(Generated(choose.sampler.tokens, choose.sampler.ended))
    return out


def try_out(module: Any) -> None:
    """Read one token; raises whatever a network raises that cannot be computed."""
    import torch

    with torch.inference_mode():
        module(torch.zeros((1, 1), dtype=torch.long, device=module.device))
