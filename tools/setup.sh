#!/bin/sh
# Finds a Python that can make the workspace's virtual environment, and lets tools/setup.py do the rest.
#
# PYTHON=... chooses the interpreter. Without it an existing .venv keeps its own, so a repeated set-up costs one start of Python.
set -eu
cd "$(dirname "$0")/.."

if [ -z "${PYTHON:-}" ] && [ -x .venv/bin/python ] && .venv/bin/python -I -S tools/setup.py --current; then
    exit 0
fi

# A name on PATH proves nothing: version managers leave shims that only print an error, and Debian ships a Python without ensurepip.
for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
    if "$candidate" -I -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$candidate" -I -S tools/setup.py
    fi
done

echo "setup: no usable Python: looked for ${PYTHON:-python3.14, python3.13, python3.12, python3.11 and python3}." >&2
for candidate in ${PYTHON:-python3}; do
    echo "setup: found $candidate: $("$candidate" -I -c 'import sys; print(sys.version.split()[0])' 2>/dev/null || echo 'does not run')." >&2
done
echo "setup: install Python 3.11 or newer with its venv and ensurepip modules (Debian: python3-venv), or name one: make setup PYTHON=/path/to/python3" >&2
exit 2
