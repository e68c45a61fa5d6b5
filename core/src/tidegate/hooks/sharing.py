"""Objects that more than one writes: two routers of a Rollout, or two Rollouts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from tidegate.hooks.facade import Facade
from tidegate.hooks.references import Ref
from tidegate.hooks.router import Target
from tidegate.machine.observed import Problem

WRITING = frozenset({"create", "update", "patch", "delete"})

Spot = tuple[str, str, str, str, str]  # cluster, group, plural, namespace, name
Targets = Mapping[str, Target[BaseModel]]


def written_spots(facade: Facade, router: str, target: Target[BaseModel]) -> Iterator[tuple[Spot, Ref]]:
    """The named objects of the kinds that the router writes; what it may only read is nobody's alone."""
    record = facade.find(router)
    rules = record.needs if record is not None else ()
    writes = {(rule.group, rule.resource) for rule in rules if not WRITING.isdisjoint(rule.verbs.split())}
    for ref in facade.reads(router, target):
        if ref.name and (ref.kind.group, ref.kind.plural) in writes:
            namespace = ref.namespace or target.namespace
            yield (facade.remote(router), ref.kind.group, ref.kind.plural, namespace, ref.name), ref


def shared_by_routers(facade: Facade, targets: Targets) -> Iterator[tuple[str, Problem]]:
    """(router, problem) for every object that a router before it writes too: each would take back what the other wrote."""
    first: dict[Spot, str] = {}
    for router, target in targets.items():
        for spot, ref in written_spots(facade, router, target):
            other = first.setdefault(spot, router)
            if other != router:
                said = (
                    f'{ref.kind.resource} "{ref.name}" is written by router "{other}" too, and each would take back what '
                    f"the other writes; give each an object of its own"
                )
                yield router, Problem(ref.path or target.path, said, json.dumps(ref.name), code="TR011")


def shared_by_rollouts(facade: Facade, rollouts: Iterable[Targets]) -> Iterator[tuple[Target[BaseModel], Problem]]:
    """(Rollout, warning) for every object that a Rollout before it names too. It works where each has parts of its own."""
    first: dict[Spot, str] = {}
    for targets in rollouts:
        for router, target in targets.items():
            for spot, ref in written_spots(facade, router, target):
                other = first.setdefault(spot, target.key)
                if other != target.key:
                    said = (
                        f'{ref.kind.resource} "{ref.name}" is named by Rollout {other} too; it works only where each of '
                        f"them has a part of its own in there"
                    )
                    value = json.dumps(ref.name)
                    yield target, Problem(ref.path or target.path, said, value, code="TR012", warning=True)
