# Each target is one line; the work is in tools/. `make setup` runs first everywhere and is quick when nothing changed.
# PYTHON=python3.12 chooses the interpreter for a new environment; ARGS='...' is handed on.
.PHONY: mutants demo test check docs bench dist faults fuzz setup constraints clean control-plane
.NOTPARALLEL:

TIMED = @.venv/bin/python tools/timed.py

demo: setup          ; $(TIMED) demo .venv/bin/tidegate demo $(if $(ROUTER),--router $(ROUTER)) $(ARGS)
test: setup          ; $(TIMED) test .venv/bin/python tools/test.py $(ARGS)
check: setup         ; $(TIMED) check .venv/bin/python tools/check.py $(ARGS)
docs: setup          ; $(TIMED) docs .venv/bin/python -m pytest -p no:cacheprovider tests/docs $(ARGS)
mutants: setup       ; $(TIMED) mutants .venv/bin/python tools/mutants.py $(ARGS)
bench: setup         ; $(TIMED) bench .venv/bin/python benchmarks/bench.py $(ARGS)
dist: setup          ; $(TIMED) dist .venv/bin/python tools/dist.py $(ARGS)
faults: setup        ; $(TIMED) faults .venv/bin/python tools/faults.py $(ARGS)
fuzz: setup          ; $(TIMED) fuzz .venv/bin/python tools/fuzz_expressions.py $(ARGS)
setup:               ; @PYTHON='$(PYTHON)' sh tools/setup.sh
constraints: setup   ; $(TIMED) constraints .venv/bin/python tools/constraints.py
control-plane: setup ; $(TIMED) control-plane sh tests/cluster/controlplane/build.sh $(ARGS)
clean:               ; rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov dist build && find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
