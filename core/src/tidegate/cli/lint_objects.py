"""What lint finds between the documents of its sources: objects that several Rollouts name, and versions on their way out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from tidegate.api.rollout import Rollout
from tidegate.cli.manifests import Manifests, configured_routers
from tidegate.hooks.configs import target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.router import Target
from tidegate.hooks.sharing import shared_by_rollouts
from tidegate.machine.observed import Problem

Targets = Mapping[str, Target[BaseModel]]


def between_documents(
    rollouts: Sequence[Rollout], manifests: Manifests, facade: Facade
) -> Iterator[tuple[tuple[str, str], Problem]]:
    """(key of the Rollout, warning) for everything that no Rollout shows by itself."""
    targets = [_targets(rollout, facade) for rollout in rollouts]
    for target, problem in shared_by_rollouts(facade, targets):
        yield (target.namespace, target.name), problem
    for rollout, each in zip(rollouts, targets, strict=True):
        for problem in _versions(each, manifests, facade):
            yield rollout.key, problem


def _targets(rollout: Rollout, facade: Facade) -> Targets:
    found = {each.name: each for each in configured_routers(rollout, facade) if each.config is not None}
    return {name: target_for(rollout, each) for name, each in found.items()}


def _versions(targets: Targets, manifests: Manifests, facade: Facade) -> Iterator[Problem]:
    """Objects that are written in another version than the one that the router prefers."""
    for router, target in targets.items():
        for ref in facade.reads(router, target):
            found = manifests.read(ref.kind, ref.namespace or target.namespace, ref.name)
            if found is None or found.get("apiVersion") in (None, ref.kind.api_version):
                continue
            said = (
                f'{ref.kind.resource} "{ref.name}" is written as {found["apiVersion"]}; write it as {ref.kind.api_version}, '
                f"which replaces it"
            )
            yield Problem(ref.path or target.path, said, json.dumps(ref.name), code="TR050", warning=True)
