"""Settled states as flat facts, so that both sides can be compared one by one."""

from __future__ import annotations

from typing import Any

from playback.recording import State
from playback.symbols import timeless

Facts = dict[str, str]

# Left out on both sides: when things happened, what this version does not maintain (docs/limits.md), and the generation,
# which the reference's own first write raises.
_UNTOLD = {"lastTransitionTime", "lastUpdateTime", "duration", "observedGeneration"}
_OWN = "tidegate.io/"  # bookkeeping of this controller and its router


def facts_of(state: State) -> Facts:
    """Every leaf of every object by its path: `Rollout/web status.phase`.

    Of an entry that a list holds more than once, the first is told, and how often it is there: what was copied is one fact.
    """
    facts: Facts = {}
    for name, value in state.items():
        _collect(facts, name, value)
    return facts


def _collect(facts: Facts, path: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in _UNTOLD and not key.startswith(_OWN):
                _collect(facts, f"{path}.{key}" if " " in path else f"{path} {key}", part)
    elif isinstance(value, list) and path.endswith("conditions"):
        for condition in value:
            shown = "{status} {reason}: {message}".format(**{"reason": "", "message": "", **condition})
            facts[f"{path}[{condition['type']}]"] = timeless(shown)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            if part not in value[:number]:
                _collect(facts, f"{path}[{number}]", part)
                if (times := value.count(part)) > 1:
                    facts[f"{path}[{number}] times"] = str(times)
    else:
        facts[path] = timeless(str(value))
