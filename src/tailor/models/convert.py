"""A GGUF file as a folder of dense bfloat16 safetensors and tokenizer: ``python -m tailor.models.convert GGUF FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path


def convert(gguf: Path, folder: Path) -> None:
    """Read the GGUF file, unpack its weights to bfloat16, and save them with their tokenizer.

    bfloat16 keeps 8 bits of each weight's mantissa, more than the 4 bits that the blocks of such a file hold.
    """
    import torch
    import transformers

    place, name = str(gguf.parent), gguf.name
    options = {"gguf_file": name, "local_files_only": True}
    # newer versions can keep weights packed, and ask for this to unpack them; older ones always unpack
    unpack = {"quantization_config": transformers.GgufConfig(dequantize=True)} if hasattr(transformers, "GgufConfig") else {}
    tokenizer = transformers.AutoTokenizer.from_pretrained(place, trust_remote_code=False, **options)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        place, dtype=torch.bfloat16, trust_remote_code=False, **options, **unpack
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
