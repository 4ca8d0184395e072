#!/usr/bin/env bash
# Scoring, generating and training on the machine's GPU, against the same rivals as on two cores: eight minutes at most.
#
#   bash benchmarks/on_gpu.sh [FOLDER]
#
# It needs `pip install 'tailor[bench]'`, the built-in model and the public data next to the checkout. Each benchmark writes
# FOLDER/NAME.json (the figures) and FOLDER/NAME.log; one that takes too long is ended and named. Without a GPU it runs all the same,
# as a trial of the script; few benchmarks end within their time then.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(mkdir -p "${1:-${OUT:-on_gpu}}" && cd "${1:-${OUT:-on_gpu}}" && pwd)
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
limit=${SECONDS_EACH:-150}

"$python" -c 'import torch; print("GPU:", torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none; this is a trial on the processor")'
failed=0
for name in score-labels generate train; do
  started=$(date +%s)
  PYTHONPATH=src timeout --kill-after=5 "$limit" "$python" -m benchmarks "$name" --json >"$out/$name.json" 2>"$out/$name.log"
  status=$?
  if [ "$status" = 0 ]; then
    echo "$name: $(($(date +%s) - started)) s"
    cat "$out/$name.json"
  else
    failed=1
    [ "$status" = 124 ] && why="ended after $limit s" || why="status $status"
    echo "$name: no figures ($why); its last lines:"
    tail -n 5 "$out/$name.log"
  fi
done
exit "$failed"
