"""How actions on routers are carried out: through the facade, with a note on the Rollout of which routers are in use."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tidegate.api import names
from tidegate.errors import PluginError, TidegateError
from tidegate.hooks.configs import target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done
from tidegate.machine.actions import Event
from tidegate.machine.plan import Outcome, Result
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
from tidegate.machine.traffic import Verdict
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.contests import Contests
from tidegate.runtime.kinds import ROLLOUTS
from tidegate.runtime.observe import Sight
from tidegate.runtime.remotes import Remotes
from tidegate.runtime.store import Key

Manifest = dict[str, Any]


SOON_S = 0.1  # an object takes two passes: weight 0, then its end
CLEAN_UP_S = 10.0  # as often as a weight is asked for


class Memory:
    """What earlier passes have seen of routers: the last verdicts and failures, so that events tell of changes only, and
    the repairs.

    Forgotten with the process: after a restart a verdict is told once more. Safe for passes over different Rollouts at once.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.contests = Contests(now)
        self._last: dict[tuple[Key, str], tuple[bool | None, str]] = {}
        self._failed: dict[Key, frozenset[Event]] = {}

    def is_new(self, key: Key, router: str, verdict: Verdict) -> bool:
        """Whether this is another verdict than the last one; it is the last one from now on."""
        now = (verdict.verified, verdict.message)
        before, self._last[key, router] = self._last.get((key, router)), now
        return now != before

    def news(self, key: Key, failures: Sequence[Event]) -> list[Event]:
        """Which of the failures of this pass the last one did not have; an empty pass makes every later one news."""
        before, now = self._failed.pop(key, frozenset()), frozenset(failures)
        if now:
            self._failed[key] = now
        return [failure for failure in dict.fromkeys(failures) if failure not in before]

    def forget(self, key: Key) -> None:
        """`key` is gone."""
        self.contests.forget(key)
        self._failed.pop(key, None)
        for place in [place for place in tuple(self._last) if place[0] == key]:
            self._last.pop(place, None)


class Routers:
    """The routers of one Rollout in one pass. Made anew for each pass.

    `again_s` is set where a clean-up has written or failed: nothing else may wake the Rollout, so it is looked at again then.
    """

    def __init__(self, sight: Sight, cluster: PassCluster, facade: Facade, remotes: Remotes, memory: Memory) -> None:
        self._sight, self._cluster, self._facade, self._remotes, self._memory = sight, cluster, facade, remotes, memory
        self._used = dict(sight.used)
        self.again_s = 0.0

    def perform(self, action: RouterAction, events: list[Event]) -> Outcome:
        """Ask the router; `events` takes what it has to tell. Raises whatever ends the pass."""
        return self._verify(action, events) if isinstance(action, VerifyWeights) else self._route(action, events)

    def _verify(self, action: VerifyWeights, events: list[Event]) -> Outcome:
        """A question only: an error of it is told and ends nothing."""
        target = self._sight.target(action.router)
        try:
            verdict = self._facade.verify_weights(action.router, target, action.weights, self._at(action.router)).value
        except TidegateError as error:
            return Outcome(action, message=str(error))
        if self._memory.is_new(self._sight.rollout.key, action.router, verdict):
            events.extend(verdict.events)
        said = f": {verdict.message}" if verdict.message else ""
        refused = action.required and verdict.verified is False
        return Outcome(
            action,
            Result.PENDING if refused else Result.DONE,
            verdict=verdict,
            message=f"end of rollout, desired weight {action.weights.canary} not yet verified{said}" if refused else "",
        )

    def _route(self, action: RouterAction, events: list[Event]) -> Outcome:
        if isinstance(action, CleanUpRouter):
            return self._clean_up(action, events)
        # A former config stays noted until what it left behind is gone; a new router is noted before it writes.
        self._note_used({**self._raw_configs(), **self._used})
        done = self._asked(action)()
        repair = isinstance(action, SetWeights) and self._is_repair(action)
        if isinstance(action, SetWeights) and not action.early:
            self._leave_former(action.router, events)
        events.extend(done.events)
        if repair:
            told = [self._memory.contests.repaired(self._sight.rollout.key, change) for change in done.changes]
            events.extend(event for event in told if event is not None)
        return Outcome(action, wrote=done.wrote)

    def _is_repair(self, action: SetWeights) -> bool:
        """Whether every router had taken these weights before: what had to be written was changed by somebody else."""
        weights = self._sight.rollout.status.canary.weights
        if weights is None or self._used != self._raw_configs():
            return False
        before = (weights.canary.weight, weights.canary.pod_template_hash, len(weights.additional))
        return before == (action.weights.canary, action.hashes.canary, len(action.weights.additional))

    def _clean_up(self, action: CleanUpRouter, events: list[Event]) -> Outcome:
        """Remove what a former router left. A failure is told and ends nothing: the update does not depend on it."""
        try:
            done = self._facade.clean_up(action.router, self._sight.target(action.router), self._at(action.router))
            if not done.wrote:
                self._note_used({name: raw for name, raw in self._used.items() if name != action.router})
        except TidegateError as error:
            self.again_s = CLEAN_UP_S
            return Outcome(action, message=f"router {action.router} is not cleaned up yet: {error}")
        if done.wrote:
            self.again_s = SOON_S
        events.extend(done.events)
        left = Verdict(None, status=dict.fromkeys(self._facade.status_fields(action.router)))
        return Outcome(action, wrote=done.wrote, verdict=None if done.wrote else left)

    def _at(self, router: str) -> PassCluster:
        """The way to the router's objects. Raises Pending and Retry while it is not known, SpecError where there is none."""
        return self._remotes.of(router, self._cluster)

    def _leave_former(self, router: str, events: list[Event]) -> None:
        """Clean up the objects that a router's former config named and the present one does not, once the present ones
        carry their weights. An object takes two passes: weight 0, then its end."""
        former, present = self._used[router], self._raw_configs()[router]
        if former == present:
            return
        configured = self._facade.configure(router, former, self._sight.configured[router].path)
        if configured.config is not None:
            configured = replace(configured, can=self._sight.configured[router].can)
            keep = self._facade.reads(router, self._sight.target(router))
            target = target_for(self._sight.rollout, configured)
            done = self._facade.clean_up(router, target, self._at(router), keep)
            events.extend(done.events)
            if done.wrote:
                self.again_s = SOON_S
                return
        self._note_used({**self._used, router: present})

    def _asked(self, action: RouterAction) -> Callable[[], Done[None]]:
        """The verb of the facade behind an action."""
        facade, router, target = self._facade, action.router, self._sight.target
        cluster = self._at(router)
        match action:
            case RemoveManagedRoutes():
                return lambda: facade.remove_managed_routes(router, target(router), action.keep, cluster)
            case UpdateHash():
                return lambda: facade.update_hash(router, target(router, action.hashes), action.hashes, cluster)
            case SetWeights():
                return lambda: facade.set_weights(router, target(router, action.hashes), action.weights, cluster)
            case SetHeaderRoute():
                return lambda: facade.set_header_route(router, target(router), action.route, cluster)
            case SetMirrorRoute():
                return lambda: facade.set_mirror_route(router, target(router), action.route, cluster)
            case _:
                raise PluginError(f"no router verb for {type(action).__name__}; tidegate and its plugins do not match")

    def _raw_configs(self) -> Manifest:
        canary = self._sight.rollout.spec.strategy.canary
        routing = canary.traffic_routing if canary else None
        return dict(routing.routers) if routing else {}

    def _note_used(self, used: Manifest) -> None:
        """Write down which routers are in use, before they write: so what they leave behind is found after a restart."""
        if used == self._used:
            return
        text = json.dumps(used, sort_keys=True, separators=(",", ":")) if used else None
        patch = {"metadata": {"annotations": {names.ROUTERS_USED: text}}}
        self._cluster.patch(ROLLOUTS, *self._sight.rollout.key, patch, "")
        self._used = used
