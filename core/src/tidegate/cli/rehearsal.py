"""What routers would write for a plan: their verbs run on copies, with every wrapper around them; nothing is sent.

Kept out: a plan's other actions, which are data and need no rehearsal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.errors import Pending, Retry, TidegateError
from tidegate.hooks.configs import target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import check_owner
from tidegate.hooks.objects import Change, Reader, carries
from tidegate.hooks.references import Kind
from tidegate.hooks.router import Target
from tidegate.machine.actions import Action
from tidegate.machine.merge import merged
from tidegate.machine.observed import Observed
from tidegate.machine.plan import Outcome, Plan, Result, Settled, settle
from tidegate.machine.routing import (
    CleanUpRouter,
    RemoveManagedRoutes,
    RouterAction,
    SetHeaderRoute,
    SetMirrorRoute,
    SetWeights,
    UpdateHash,
    VerifyWeights,
)
from tidegate.machine.traffic import Hashes, Verdict

Manifest = Mapping[str, Any]
Attempt = Callable[[Action], Outcome]


@dataclass(slots=True)
class Copies:
    """A reader that remembers what was rehearsed on top of what another reader knows."""

    reader: Reader
    edited: dict[tuple[Kind, str, str], Manifest | None] = field(default_factory=dict)

    def read(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The object as it would stand by now."""
        place = (kind, namespace, name)
        return self.edited[place] if place in self.edited else self.reader.read(*place)

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Manifest]:
        """The objects that would carry `labels` by now."""
        found = {str(each["metadata"]["name"]): each for each in self.reader.select(kind, namespace, labels)}
        for (edited, where, name), after in self.edited.items():
            if (edited, where) == (kind, namespace):
                found.pop(name, None)
                if after is not None and carries(after, labels):
                    found[name] = after
        return list(found.values())

    def take(self, change: Change) -> None:
        """Let a change have been made."""
        after = {"create": change.patch, "patch": merged(change.before, change.patch), "delete": None}[change.verb]
        self.edited[change.key] = after


@dataclass(frozen=True, slots=True)
class Prospect:
    """One pass that was thought through to its end.

    `changes` are what a router would write, by the number of its action from 0 on; only what was rehearsed is in there.
    `refused` are the texts of those that would not do it, `untried` the actions that are not come to because of that.
    """

    seen: Observed
    plan: Plan
    settled: Settled
    changes: Mapping[int, tuple[Change, ...]] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)
    untried: frozenset[int] = frozenset()


def expected(seen: Observed, plan: Plan) -> Prospect:
    """What happens if everything succeeds; no router is asked."""
    return Prospect(seen, plan, plan.expected)


class Rehearsal:
    """Runs a plan's router verbs on copies. Made anew for each plan."""

    def __init__(self, seen: Observed, facade: Facade, reader: Reader) -> None:
        self._seen, self._facade, self._copies = seen, facade, Copies(reader)
        self._changes: tuple[Change, ...] = ()

    def run(self, plan: Plan) -> Prospect:
        """The plan's end as far as routers are concerned: what they would write, and what their refusal would come to."""
        outcomes: dict[int, Outcome] = {}
        changes: dict[int, tuple[Change, ...]] = {}
        failed = set[str]()
        for number, action in enumerate(plan.actions):
            router = action.router if isinstance(action, RouterAction) else ""
            if failed and (not router or router in failed):
                continue
            self._changes = ()
            outcome = outcomes[number] = self._tried(action)
            if router and not isinstance(action, VerifyWeights):
                changes[number] = self._changes
            if outcome.result is not Result.DONE:
                failed.add(router)
                if not (isinstance(action, RouterAction) and action.go_on):
                    break
        refused = {n: o.message for n, o in outcomes.items() if o.result is not Result.DONE}
        settled = settle(plan, list(outcomes.values())) if refused else plan.expected
        untried = frozenset(range(len(plan.actions))) - outcomes.keys()
        return Prospect(self._seen, plan, settled, changes, refused, frozenset(untried))

    def _tried(self, action: Action) -> Outcome:
        """The outcome, expected to be good for everything that is no router's."""
        if isinstance(action, VerifyWeights):
            # The objects at hand are copies, and a cloud would have to be asked: that is left to the pass itself.
            return Outcome(action, verdict=Verdict(True))
        if not isinstance(action, RouterAction):
            return Outcome(action, wrote=True, name=str(getattr(action, "name", "")))
        try:
            self._changes = self._rehearsed(action)
        except TidegateError as error:
            result = Result.PENDING if isinstance(error, Pending | Retry) else Result.FAILED
            return Outcome(action, result, message=str(error))
        return Outcome(action, wrote=bool(self._changes))

    def _rehearsed(self, action: RouterAction) -> tuple[Change, ...]:
        verb, arguments = _asked(action)
        target = self._target(action)
        done = self._facade.preview(verb, action.router, target, self._copies, **arguments)
        for change in done.changes:
            check_owner(change, target)
        for change in done.changes:
            self._copies.take(change)
        return done.changes

    def _target(self, action: RouterAction) -> Target[BaseModel]:
        rollout, name = self._seen.rollout, action.router
        routing = rollout.spec.strategy.canary.traffic_routing if rollout.spec.strategy.canary else None
        present = routing.routers if routing else {}
        raw = present[name] if name in present else routers_used(rollout).get(name)
        path = routing.path(name) if routing else f"spec.strategy.canary.trafficRouting.{name}"
        hashes = action.hashes if isinstance(action, SetWeights | UpdateHash) else None
        status = rollout.status
        known = hashes or Hashes(status.current_pod_hash, status.stable_rs)
        return target_for(rollout, self._facade.configure(name, raw, path), known)


def _asked(action: RouterAction) -> tuple[str, dict[str, object]]:
    """The verb behind an action, and what it is handed beside target and objects."""
    match action:
        case RemoveManagedRoutes():
            return "remove_managed_routes", {"keep": action.keep}
        case UpdateHash():
            return "update_hash", {"hashes": action.hashes}
        case SetWeights():
            return "set_weights", {"weights": action.weights}
        case SetHeaderRoute():
            return "set_header_route", {"route": action.route}
        case SetMirrorRoute():
            return "set_mirror_route", {"route": action.route}
        case CleanUpRouter():
            return "clean_up", {}
        case _:
            raise TidegateError(
                f"router {action.router}: {type(action).__name__} cannot be rehearsed; leave the flag out"
            )


def routers_used(rollout: Rollout) -> dict[str, Any]:
    """Raw configs of the routers that wrote for this Rollout, by router; empty where the annotation is absent or garbled."""
    try:
        used = json.loads(rollout.metadata.annotations.get(names.ROUTERS_USED) or "{}")
    except ValueError:
        return {}
    return used if isinstance(used, dict) else {}
