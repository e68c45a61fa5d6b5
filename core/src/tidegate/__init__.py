"""Progressive delivery for Kubernetes: a pure rollout machine whose every outside action is a plugin's.

The layers, bottom up: `api` (wire shapes), `machine` (judgement), `hooks` (the plugin contract), `runtime` (the world),
and the entry points `cli`, `controller`, `dashboard`. Imports run downwards only; `tests/architecture` enforces it.
"""

__version__ = "0.1.0"
