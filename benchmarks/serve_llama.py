"""llama.cpp's own server, of the package xllamacpp: ``python serve_llama.py MODEL.gguf PORT [CACHE [SLOTS [THREADS]]]``.

It prints its address. CACHE is `cache`, or anything else to keep no prompts. One thread is the default: where others use the cores,
several wait for each other at every step. Run by a Python that has that package; nothing of
Tailor is imported. It ends with its standard input.
"""

import sys

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.model_alias = {"smollm2-135m"} if isinstance(parameters.model_alias, set) else parameters.model_alias
parameters.hostnames = ["127.0.0.1"]
parameters.port = int(sys.argv[2])
slots = int(sys.argv[4]) if len(sys.argv) > 4 else 1
parameters.n_parallel = slots
parameters.n_ctx = 8192 if slots == 1 else 2048 * slots
parameters.warmup = False
parameters.endpoint_metrics = True
parameters.cache_prompt = len(sys.argv) < 4 or sys.argv[3] == "cache"
parameters.cpuparams.n_threads = int(sys.argv[5]) if len(sys.argv) > 5 else 1
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
