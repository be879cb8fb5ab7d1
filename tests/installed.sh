#!/usr/bin/env bash
# Install requirements of pip's into a fresh environment, and run the demo's command and the core tests there, from outside the checkout.
# usage: tests/installed.sh PYTHON REQUIREMENT...
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
outside=$(mktemp -d)
trap 'rm -rf "$outside"' EXIT
"$1" -m venv "$outside/venv"
"$outside/venv/bin/pip" install --quiet --disable-pip-version-check "${@:2}"

cd "$outside"
unset PYTHONPATH
export PATH="$outside/venv/bin:$PATH" PYTHONWARNINGS="${PYTHONWARNINGS-default}"
python -c 'import sys, torch, archbo; print("Python", sys.version.split()[0], "torch", torch.__version__, archbo.__file__)'
archbo search nb201 --queries 100 --repeats 3 --plot demo.png 2> errors.txt || (cat errors.txt && exit 1)
if grep -i warning errors.txt; then
  echo "the demo warns" && exit 1
fi
tests=(test_package.py spaces goals encodings predictors/test_gp.py studies/test_study.py cli/test_cli_search.py)
tests+=(bo_loop/test_bayesian.py bo_loop/test_log.py bo_loop/test_optimizer.py)
python -m pytest -q -p no:cacheprovider -c "$checkout/pyproject.toml" "${tests[@]/#/$checkout/tests/}"
