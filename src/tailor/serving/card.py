"""What goes into a bundle for people: the model card, the recipes for other runtimes, and what has to be installed."""

from __future__ import annotations

from tailor.decide.formats import describe_system, format_percent
from tailor.models.base import Model
from tailor.serving.certified import Certified
from tailor.system import System

PACKAGES = ("tailor", "numpy", "torch", "transformers", "peft", "lancedb")
"""Packages whose version may change an answer."""


def card_of(found: Certified, model: Model) -> str:
    """The model card: what was decided, on what it rests, and what it says nothing of."""
    score, task = found.score, found.task
    interval = (
        f" [{format_percent(score.low)}, {format_percent(score.high)}]" if score.low is not None and score.high is not None else ""
    )
    person = (
        f"- A person should answer where the confidence is below {format_percent(found.threshold)}; answers say so (`hand_over`).\n"
        if found.threshold is not None
        else ""
    )
    changed = f"The rows in `certified.json` are the first {len(found.rows)} of the test set, with their texts and answers."
    return f"""# {task.name}

{found.headline}

| | |
| --- | --- |
| Task | {_cell(task.instruction)} |
| System | {found.system.name}: {describe_system(found.system)} |
| Model | {_model(found.system, model)} |
| Score | {format_percent(score.mean)}{interval} on {found.n_test} rows of a sealed test set, metric `{task.scored_by}` |
| Certified lower limit | {format_percent(found.lower)}; target {format_percent(task.target)} |
| Verdict | {found.verdict} |
| Study | {found.study} |
| Fingerprint | `{found.system.fingerprint}` |

## Serve it

```sh
pip install -r requirements.txt
tailor serve .
```

It answers once it has answered measured rows as it was measured. `recipes.md` says how to run the model elsewhere, with the command
that holds the other runtime to the same rows.

## Limits

- The score speaks of rows like those of the study. It says nothing of other inputs, languages or times; watch what is asked.
- The interval is about this way of answering: this prompt, these weights, these documents. Another temperature, system message or
  rounding is another system.
{person}- {changed} Whoever gets this folder can read them.
"""


def recipes_of(found: Certified, model: Model, *, merged: str = "") -> str:
    """How to run the model in vLLM and Ollama, each with the command that holds it to what was measured.

    Args:
        found: the certified system.
        model: the model that it asks.
        merged: folder of the bundle with the tuned weights merged into their base; empty for none.
    """
    system = found.system
    base = f"./{merged}" if merged else system.weights.model
    lora = system.weights.method == "lora" and not merged
    adapter = f"store/{system.weights.tuned}"
    served = "tuned" if lora else base
    tuned = f" \\\n  --enable-lora --max-lora-rank 64 --lora-modules tuned={adapter}" if lora else ""
    scored = (
        "\nThis system scores all labels and takes the likeliest. Other runtimes write a label instead, so some answers may "
        "differ: the check says how many.\n"
        if system.decoding.method == "score"
        else ""
    )
    if not system.is_generative:
        return "# Other runtimes\n\nThis system asks no generative model: `tailor serve .` is the way to run it.\n"
    if model.capabilities.billed:
        return f"# Other runtimes\n\nThis system asks {base} behind an endpoint; there are no weights to run elsewhere.\n"
    gguf = (
        f"python convert_lora_to_gguf.py {adapter} --base {base} --outfile adapter.gguf\n"
        "printf 'FROM ./model.gguf\\nADAPTER ./adapter.gguf\\n'"
        if lora
        else "printf 'FROM ./model.gguf\\n'"
    )
    return f"""# Other runtimes

What these runtimes serve is not what was measured until the check says so. They render the prompt with their own chat template, and
may round weights. `tailor serve . --check URL` compares the tokens of prompts where the runtime tells them, then the answers to the
measured rows, then the score with the certified interval.
{scored}
Callers then have to send the whole prompt, as `tailor export` writes it.

## vLLM

```sh
vllm serve {base}{tuned} --port 8000
tailor serve . --check http://127.0.0.1:8000 --check-model {served}
```

## llama.cpp and Ollama

Convert the weights with the scripts of llama.cpp, without quantising them:

```sh
python convert_hf_to_gguf.py {base} --outfile model.gguf --outtype bf16
{gguf} > Modelfile
ollama create {_slug(found)} -f Modelfile
tailor serve . --check http://127.0.0.1:11434 --check-model {_slug(found)}
```

A Modelfile's own `TEMPLATE` or `SYSTEM` changes the prompt; leave both out.
"""


def requirements_of(found: Certified) -> str:
    """What has to be installed, in the versions that measured."""
    versions = found.provenance
    return "".join(f"{name}=={versions[name].partition('+')[0]}\n" for name in PACKAGES if name in versions)


def _model(system: System, model: Model) -> str:
    tuned = f", tuned by {system.weights.method}" if system.is_tuned else ""
    return f"{system.weights.model}{tuned}, {model.precision}; SHA-256 `{system.weights.digest[:16]}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _slug(found: Certified) -> str:
    return "-".join(found.task.name.lower().split())
