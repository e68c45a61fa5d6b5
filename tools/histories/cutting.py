"""Makes a failing history small: fewer operations, then a plainer config, as long as the same rule is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from histories.history import History
from histories.play import play

Fails = Callable[[History], bool]


def breaks(id_: str) -> Fails:
    """Whether a history breaks a rule."""
    return lambda history: any(violation.id == id_ for violation in play(history).violations)


def cut(history: History, fails: Fails) -> History:
    """The smallest history found that still fails; always itself a failing one."""
    history = replace(history, seed=None)
    smaller = True
    while smaller:
        smaller = False
        for candidate in _candidates(history):
            if fails(candidate):
                history, smaller = candidate, True
                break
    return history


def _candidates(history: History) -> Iterator[History]:
    operations = history.operations
    for size in (8, 4, 2, 1):
        for start in range(0, len(operations), size):
            if len(operations) >= size:
                yield replace(history, operations=operations[:start] + operations[start + size :])
    config = history.config
    for strategy in _plainer(config.strategy):
        yield replace(history, config=replace(config, strategy=strategy))
    for key in config.spec:
        yield replace(history, config=replace(config, spec={k: v for k, v in config.spec.items() if k != key}))
    for key in config.pods:
        yield replace(history, config=replace(config, pods={k: v for k, v in config.pods.items() if k != key}))
    for size in (1, 2, 4):
        if config.replicas is not None and size < config.replicas:
            yield replace(history, config=replace(config, replicas=size))
    if config.service_delay_s:
        yield replace(history, config=replace(config, service_delay_s=0.0))
    for place, (name, kind, delay) in enumerate(config.routers):
        if delay:
            plain = [*config.routers[:place], (name, kind, 0), *config.routers[place + 1 :]]
            yield replace(history, config=replace(config, routers=plain))


_NEEDED = frozenset({"trafficRouting", "activeService", "canaryService", "stableService", "pingPong"})


def _plainer(strategy: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name, body in strategy.items():
        for place in range(len(body.get("steps", []))):
            steps = body["steps"]
            yield {name: {**body, "steps": [*steps[:place], *steps[place + 1 :]]}}
        for key in body:
            if key not in _NEEDED and key != "steps":
                yield {name: {k: v for k, v in body.items() if k != key}}
