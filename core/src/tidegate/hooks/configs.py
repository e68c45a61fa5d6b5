"""Reads a plugin's part of a Rollout or a metric into the plugin's own model, once, with every fault as a field error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from tidegate.api.rollout import Rollout
from tidegate.hooks.router import NO_HASHES, Target
from tidegate.machine.observed import Problem
from tidegate.machine.traffic import Capability, Hashes


@dataclass(frozen=True, slots=True)
class Configured:
    """A plugin's validated config, or what is wrong with it. A router's is good for as long as the Rollout's generation.

    `name` is the plugin's key and `path` its field in the object; `config` is None exactly where there are problems.
    `can` is what a router declares, as far as whoever asked cares.
    """

    name: str
    path: str
    config: BaseModel | None = None
    problems: tuple[Problem, ...] = ()
    can: Set[Capability] = frozenset()


def read_config(model: type[BaseModel], name: str, raw: object, path: str, what: str = "traffic router") -> Configured:
    """`raw` as `model`; a null counts as empty, as the API server's clients read it. Texts say whose config it is, `what`.

    A value that is refused is repeated in its problem, unless the model sets `hide_input_in_errors` or the value is an
    object or a list: either may hold a credential.
    """
    hidden = bool(model.model_config.get("hide_input_in_errors"))
    raw = {} if raw is None else raw
    if not isinstance(raw, Mapping):
        problem = Problem(path, f"the config of a {what} is an object, found {type(raw).__name__}", _shown(raw, hidden))
        return Configured(name, path, problems=(problem,))
    try:
        return Configured(name, path, model.model_validate(dict(raw)))
    except ValidationError as error:
        problems = []
        for each in error.errors():
            cause = each.get("ctx", {}).get("error")  # what a validator raised, without pydantic's "Value error, "
            detail = each["msg"] if cause is None else str(cause)
            value = None if each["type"] == "missing" else _shown(each["input"], hidden)
            problems.append(Problem(_field(path, each["loc"]), detail, value))
        return Configured(name, path, problems=tuple(problems))


def target_for(rollout: Rollout, configured: Configured, hashes: Hashes = NO_HASHES) -> Target[BaseModel]:
    """For whom the router works. Raises ValueError where the config has problems: ask `configured.problems` first."""
    if configured.config is None:
        raise ValueError(f"{configured.path}: no target for a config with problems")
    canary = rollout.spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    canary_service, stable_service = _services(rollout, configured.can)
    return Target(
        namespace=rollout.metadata.namespace,
        name=rollout.metadata.name,
        uid=rollout.metadata.uid,
        config=configured.config,
        router=configured.name,
        path=configured.path,
        canary_service=canary_service,
        stable_service=stable_service,
        hashes=hashes,
        total=(routing.max_traffic_weight if routing else None) or 100,
        managed_routes=tuple(route.name for route in (routing.managed_routes if routing else None) or ()),
        annotations=rollout.metadata.annotations,
        replicas=1 if rollout.spec.replicas is None else rollout.spec.replicas,
    )


def _services(rollout: Rollout, can: Set[Capability]) -> tuple[str, str]:
    """Canary and stable Service for a router, "" for what is not named.

    With ping-pong the pair takes turns, and `pong` is stable until the first promotion. A router that does not know of
    ping-pong gets canaryService and stableService where they are named beside it, and so does one that wants them first.
    """
    canary = rollout.spec.strategy.canary
    if canary is None:
        return "", ""
    plain, pair = (canary.canary_service, canary.stable_service), canary.ping_pong
    plain_first = Capability.PING_PONG not in can or Capability.SERVICES_FIRST in can
    if pair is None or (plain_first and all(plain)):
        return plain
    if rollout.status.canary.stable_ping_pong == "ping":
        return pair.pong_service, pair.ping_service
    return pair.ping_service, pair.pong_service


def _field(path: str, parts: tuple[int | str, ...]) -> str:
    return path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


def _shown(value: object, hidden: bool) -> str:
    """A refused value as JSON; a word of its kind in place of what may hold a credential."""
    if isinstance(value, Mapping):
        return "(an object)"
    if isinstance(value, list | tuple):
        return "(a list)"
    return "(hidden)" if hidden else json.dumps(value, default=str)
