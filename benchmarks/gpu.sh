#!/usr/bin/env bash
# The tests marked `cuda`, then bench_gpu.py, on a machine with a GPU that has torch and nothing of ours; in under eight
# minutes, without a network. Everything is printed, and kept in $OUT where that is set.
#
#     benchmarks/gpu.sh [--site FOLDER] [further options of bench_gpu.py]
#
# --site FOLDER: pure Python wheels of packages that are not installed there (platformdirs may be one).
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-$(mktemp -d)}
site=$(mktemp -d)
if [ "${1:-}" = --site ]; then
  for wheel in "$2"/*.whl; do python3 -m zipfile -e "$wheel" "$site"; done
  shift 2
fi
cp -r mnistfaces "$site/" && cp -r assets "$site/mnistfaces/assets"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
mkdir "$site/mnistfaces-$version.dist-info"
printf 'Metadata-Version: 2.1\nName: mnistfaces\nVersion: %s\n' "$version" > "$site/mnistfaces-$version.dist-info/METADATA"
export PYTHONPATH=$site:benchmarks PYTHONUNBUFFERED=1 MNF_DATA_DIR=$site/data
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>&1 | tee "$out/gpu.txt"
timeout 240 python3 -P -m pytest -q -p no:cacheprovider -W default -m cuda --durations=8 tests/*/test_cuda*.py 2>&1 | tee "$out/tests.txt"
tests=$?
timeout 270 python3 -P benchmarks/bench_gpu.py "$@" 2>&1 | tee "$out/bench.txt"
bench=$?
echo "tests ended with $tests, the benchmark with $bench"
exit $((tests || bench))
