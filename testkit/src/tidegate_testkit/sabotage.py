"""Ways to break any router: what a suite has to notice, whatever the router is.

A case proves little when its `observe` looks at the wrong field, or its manifests hold nothing to lose. Each sabotage
makes a subclass of the router that does one thing wrong; `caught` tells whether the suite sees it on this case.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from tidegate.errors import ApiError, Retry, SpecError, TidegateError
from tidegate.hooks.objects import Manifest, Objects
from tidegate.hooks.references import Ref, Rule
from tidegate.hooks.router import Target, TrafficRouter
from tidegate.machine.traffic import Hashes, Weights
from tidegate_testkit.stage import TrafficCase
from tidegate_testkit.traffic import TrafficConformance

Router = type[TrafficRouter[Any]]
SERVER = ("apiVersion", "kind", "metadata")
MARK = "sabotage.example.com/calls"


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One thing done wrong, and the check that has to see it. `members` makes the members of the broken subclass."""

    name: str
    check: str
    members: Callable[[Router], Mapping[str, object]]
    arguments: Mapping[str, object] = field(default_factory=dict)

    def router(self, good: Router) -> Router:
        """The broken router."""
        broken: Router = type(f"Sabotaged{good.__name__}", (good,), dict(self.members(good)))
        return broken


def caught(case: TrafficCase, sabotage: Sabotage) -> str:
    """What the check says of the broken router; "" where it sees nothing.

    Skips where the check skips for the router as it is, and raises what it raises for that: a check that does not pass
    proves nothing.
    """
    check: Callable[..., None] = getattr(TrafficConformance(), sabotage.check)
    check(case, **sabotage.arguments)
    try:
        check(replace(case, router=sabotage.router(case.router)), **sabotage.arguments)
    except (AssertionError, TidegateError, pytest.fail.Exception, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def _weighing(spoil: Callable[..., None]) -> Callable[[Router], Mapping[str, object]]:
    """A router whose `set_weights` is `spoil(good, router, target, weights, objects)`."""

    def members(good: Router) -> Mapping[str, object]:
        def set_weights(self: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
            spoil(good, self, target, weights, objects)

        return {"set_weights": set_weights}

    return members


def _edited(objects: Objects) -> list[Manifest]:
    """What has been edited or created in this unit of work, to be edited further."""
    changes = [change for change in objects.changes() if change.verb != "delete"]
    return [objects.edit(change.kind, change.name, namespace=change.namespace) for change in changes]


def _first(router: Any, target: Target[Any], objects: Objects) -> Ref:
    """An object that is there: one of the router's own if there is one, else one that it was given."""
    refs: list[Ref] = [ref for ref in router.reads(target) if ref.name]
    there = [ref for ref in refs if objects.get(ref.kind, ref.name, namespace=ref.namespace) is not None]
    return min(there, key=lambda ref: ref.required)


def _mark(ref: Ref, objects: Objects) -> None:
    """Write what was not there: a number that grows."""
    annotations = objects.edit(ref.kind, ref.name, namespace=ref.namespace)["metadata"].setdefault("annotations", {})
    annotations[MARK] = str(int(annotations.get(MARK, "0")) + 1)


def _writes_every_time(good: Any, router: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    good.set_weights(router, target, weights, objects)
    _mark(_first(router, target, objects), objects)


def _drops_labels(good: Any, router: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    good.set_weights(router, target, weights, objects)
    for manifest in _edited(objects):
        manifest["metadata"]["labels"] = None


def _restores_metadata(good: Any, router: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    """Puts back what it has seen first."""
    good.set_weights(router, target, weights, objects)
    seen = router.__dict__.setdefault("_seen", {})
    for manifest in _edited(objects):
        labels = manifest["metadata"].get("labels")
        manifest["metadata"]["labels"] = seen.setdefault(manifest["metadata"]["name"], labels)


def _rounds(good: Any, router: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    good.set_weights(router, target, replace(weights, canary=weights.canary // 10 * 10), objects)


def _remembers(good: Any, router: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    """Believes what it has done last instead of what is there."""
    if router.__dict__.get("_last") != weights:
        good.set_weights(router, target, weights, objects)
    router.__dict__["_last"] = weights


def _leaks(good: Any, router: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    """Hands the weights on through the instance, which other threads use as well."""
    router.__dict__["_weights"] = weights
    ref = next(ref for ref in router.reads(target) if ref.name)
    objects.get(ref.kind, ref.name, namespace=ref.namespace)
    good.set_weights(router, target, router.__dict__["_weights"], objects)


def _peeks(good: Any, router: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    objects.get(next(iter(router.reads(target))).kind, "somebody-elses")
    good.set_weights(router, target, weights, objects)


def _floats(good: Any, router: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    good.set_weights(router, target, weights, objects)
    for manifest in _edited(objects):
        manifest.update({key: _in_floats(value) for key, value in manifest.items() if key not in SERVER})
        annotations = manifest["metadata"].get("annotations") or {}
        for key, value in annotations.items():
            if value.startswith(("{", "[")):
                annotations[key] = json.dumps(_in_floats(json.loads(value)))


def _in_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_floats(item) for item in value]
    numeric = type(value) is int or (isinstance(value, str) and value.isdecimal())
    return float(value) if numeric else value


def _ignores_missing(good: Router) -> Mapping[str, object]:
    plain: Any = good

    def set_weights(self: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
        try:
            plain.set_weights(self, target, weights, objects)
        except (ApiError, SpecError, Retry):
            return

    def update_hash(self: Any, target: Target[Any], hashes: Hashes, objects: Objects) -> None:
        try:
            plain.update_hash(self, target, hashes, objects)
        except (ApiError, SpecError, Retry):
            return

    hashing = {"update_hash": update_hash} if plain.update_hash is not TrafficRouter.update_hash else {}
    return {"set_weights": set_weights, **hashing}


def _never_cleans(_: Router) -> Mapping[str, object]:
    return {"clean_up": _leave}


def _leave(_: Any, target: Target[Any], objects: Objects) -> None:
    """A clean-up that does nothing."""
    del target, objects


def _cleans_for_ever(good: Router) -> Mapping[str, object]:
    plain: Any = good

    def clean_up(self: Any, target: Target[Any], objects: Objects) -> None:
        given = [ref for ref in self.reads(target) if ref.required]
        if given:
            plain.clean_up(self, target, objects)
        for ref in given or [_first(self, target, objects)]:
            _mark(ref, objects)

    return {"clean_up": clean_up}


def _lacks_a_right(good: Router) -> Mapping[str, object]:
    first, *rest = good.needs
    return {"needs": (Rule(first.group, first.resource, first.verbs.replace("patch", "").strip()), *rest)}


def _wants_too_much(good: Router) -> Mapping[str, object]:
    return {"needs": (*good.needs, Rule("", "secrets", "get list watch"))}


class _Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def _takes_anything(_: Router) -> Mapping[str, object]:
    return {"config": _Anything}


SABOTAGES: tuple[Sabotage, ...] = (
    Sabotage("writes-every-time", "test_asking_twice_writes_once", _weighing(_writes_every_time)),
    Sabotage("drops-labels", "test_what_others_wrote_is_kept", _weighing(_drops_labels)),
    Sabotage("restores-metadata", "test_a_conflict_is_overcome", _weighing(_restores_metadata)),
    Sabotage("rounds", "test_weights_go_up_and_down", _weighing(_rounds)),
    Sabotage("remembers", "test_drift_is_repaired", _weighing(_remembers)),
    Sabotage("leaks-between-threads", "test_two_threads_in_one_router", _weighing(_leaks)),
    Sabotage("peeks", "test_it_touches_only_what_it_reads", _weighing(_peeks)),
    Sabotage("writes-floats", "test_it_writes_plain_json", _weighing(_floats)),
    Sabotage("ignores-missing", "test_a_missing_object_is_told_with_its_field", _ignores_missing),
    Sabotage("never-cleans", "test_clean_up_leaves_the_cluster_as_it_was", _never_cleans),
    Sabotage("cleans-for-ever", "test_clean_up_leaves_the_cluster_as_it_was", _cleans_for_ever),
    Sabotage("lacks-a-right", "test_its_rights_are_enough", _lacks_a_right),
    Sabotage("wants-too-much", "test_none_of_its_rights_is_too_much", _wants_too_much),
    Sabotage("takes-anything", "test_junk_in_the_config_is_refused_with_its_field", _takes_anything),
)


class TrafficProof:
    """The case is worth something: the suite sees every sabotage on it. Subclass it with the same fixture `case`."""

    @pytest.mark.parametrize("sabotage", SABOTAGES, ids=[each.name for each in SABOTAGES])
    def test_a_broken_router_is_caught(self, case: TrafficCase, sabotage: Sabotage) -> None:
        """`sabotage.check` fails for the router that is broken in this way."""
        assert caught(case, sabotage), f"{sabotage.check} does not see that the router {sabotage.name}"
