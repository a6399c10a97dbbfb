#!/bin/sh
# What a GPU makes of dynsparse, inside a time limit: docs/gpu.md.
#
#     sh benchmarks/gpu.sh FOLDER [--seconds 540] [--rehearse]
set -eu
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=3
# Several processes share the device, and each takes what it needs.
export XLA_PYTHON_CLIENT_PREALLOCATE=false
exec "${PYTHON:-python3}" benchmarks/gpu.py "$@"
