"""How each action of a plan is carried out: which requests it takes, and what their answers mean for it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tidegate.api import names
from tidegate.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    Pending,
    PluginError,
    Retry,
    TidegateError,
    TooManyRequests,
    Transient,
)
from tidegate.hooks.configs import target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done, written_before
from tidegate.machine.actions import (
    Action,
    CreateReplicaSet,
    DeleteReplicaSet,
    Event,
    PatchReplicaSet,
    PatchRollout,
    PointService,
)
from tidegate.machine.plan import Outcome, Plan, Result
from tidegate.machine.projections import controller_uid
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
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.kinds import REPLICA_SETS, ROLLOUTS, SERVICES
from tidegate.runtime.observe import Sight

log = logging.getLogger(__name__)

Manifest = dict[str, Any]
GONE_S = 0.1  # until the Rollout's own watch has told of its end

# Errors that say something about the moment, not about the Rollout; they are told once they last.
PASSING = (Conflict, TooManyRequests, Transient)


@dataclass(slots=True)
class Performed:
    """What became of a plan's actions: outcomes of those that were tried, the events they have earned, and the error
    that ended them (None where all were done)."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    error: TidegateError | None = None


class Performer:
    """Carries out one plan for one Rollout. Made anew for each pass.

    `unfinished` tells that a clean-up has written and is to be asked again soon, since nothing else may wake the Rollout.
    """

    def __init__(self, sight: Sight, cluster: PassCluster, facade: Facade) -> None:
        self._sight, self._cluster, self._facade = sight, cluster, facade
        self._used = dict(sight.used)
        self.unfinished = False

    def perform(self, plan: Plan) -> Performed:
        """Every action in order; the first that does not succeed ends it, but for routers that are to be asked all the same
        (see `RouterAction.go_on`)."""
        performed, failed = Performed(), set[str]()
        for action in plan.actions:
            if failed and not isinstance(action, RouterAction):
                break
            if isinstance(action, RouterAction) and action.router in failed:
                continue
            began = time.monotonic()
            outcome = self._tried(action, performed)
            self._log(outcome, performed.error, time.monotonic() - began)
            performed.outcomes.append(outcome)
            if outcome.result is Result.DONE:
                performed.events.extend(action.events)
            elif isinstance(action, RouterAction) and action.go_on:
                failed.add(action.router)
            else:
                break
        return performed

    def _tried(self, action: Action, performed: Performed) -> Outcome:
        try:
            return self._do(action, performed.events)
        except TidegateError as error:
            performed.error = performed.error or error
            # What a router wrote before it failed has happened and is told.
            written = written_before(error)
            performed.events.extend(event for change in written for event in change.events)
            result = Result.PENDING if isinstance(error, Pending | Retry) else Result.FAILED
            return Outcome(action, result, wrote=bool(written), message=str(error))

    def _do(self, action: Action, events: list[Event]) -> Outcome:
        match action:
            case PatchRollout():
                return self._patch_rollout(action)
            case CreateReplicaSet():
                return self._create(action)
            case PatchReplicaSet():
                return self._patch_replica_set(action)
            case DeleteReplicaSet():
                return self._delete(action)
            case PointService():
                return self._point(action)
            case VerifyWeights():
                return self._verify(action)
            case RouterAction():
                return self._route(action, events)
            case _:
                raise PluginError(f"no way to perform {type(action).__name__}; tidegate and its plugins do not match")

    def _patch_rollout(self, action: PatchRollout) -> Outcome:
        patch: Manifest = {}
        if action.annotations:
            patch["metadata"] = {"annotations": dict(action.annotations)}
        if action.replicas is not None:
            patch["spec"] = {"replicas": action.replicas}
        self._cluster.patch(ROLLOUTS, *self._sight.rollout.key, patch, "")
        return Outcome(action, wrote=True)

    def _create(self, action: CreateReplicaSet) -> Outcome:
        namespace = self._sight.rollout.metadata.namespace
        self._still_there()
        try:
            self._cluster.create(REPLICA_SETS, namespace, dict(action.manifest))
        except AlreadyExists as error:
            found = self._cluster.read_live(REPLICA_SETS, namespace, action.name)
            if found is None:  # gone between the two requests
                raise Conflict(str(error), code=409, reason="Conflict") from error
            label = (found["metadata"].get("labels") or {}).get(names.POD_HASH)
            wanted = action.manifest["metadata"]["labels"][names.POD_HASH]
            ours = controller_uid(found) == self._sight.rollout.metadata.uid and label == wanted
            if not ours:
                return Outcome(action, Result.COLLIDED, message=str(error))
            self._cluster.expect(REPLICA_SETS, namespace, found)
            return Outcome(action)
        return Outcome(action, wrote=True)

    def _patch_replica_set(self, action: PatchReplicaSet) -> Outcome:
        metadata: Manifest = {"resourceVersion": action.resource_version, "uid": action.uid}
        if action.annotations:
            metadata["annotations"] = dict(action.annotations)
        if action.owner is not None:
            metadata["ownerReferences"] = [self._owner(adopt=action.owner)]
        spec = {"replicas": action.replicas, "minReadySeconds": action.min_ready_seconds}
        patch: Manifest = {"metadata": metadata}
        if written := {key: value for key, value in spec.items() if value is not None}:
            patch["spec"] = written
        namespace = self._sight.rollout.metadata.namespace
        self._cluster.patch_strategically(REPLICA_SETS, namespace, action.name, patch)
        return Outcome(action, wrote=True)

    def _owner(self, *, adopt: bool) -> Manifest:
        """The entry of a strategic merge patch that adopts, or releases, for this Rollout."""
        metadata = self._sight.rollout.metadata
        if not adopt:
            return {"$patch": "delete", "uid": metadata.uid}
        self._still_there()
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.ROLLOUT,
            "name": metadata.name,
            "uid": metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def _still_there(self) -> None:
        """Raises Pending where the Rollout itself is gone: the watch of another kind may have been faster than its own.

        A set made or adopted for an owner that was deleted, even if made again under its name, is the garbage collector's.
        """
        metadata = self._sight.rollout.metadata
        live = self._cluster.read_live(ROLLOUTS, metadata.namespace, metadata.name)
        if live is None or live["metadata"]["uid"] != metadata.uid or "deletionTimestamp" in live["metadata"]:
            raise Pending(f"rollout {metadata.namespace}/{metadata.name} is gone, or being deleted", after_s=GONE_S)

    def _delete(self, action: DeleteReplicaSet) -> Outcome:
        try:
            self._cluster.delete(REPLICA_SETS, self._sight.rollout.metadata.namespace, action.name, action.uid)
        except NotFound:
            return Outcome(action)
        return Outcome(action, wrote=True)

    def _point(self, action: PointService) -> Outcome:
        metadata = self._sight.rollout.metadata
        patch: Manifest = {"spec": {"selector": {names.POD_HASH: action.pod_hash}}}
        if action.adopt:
            patch["metadata"] = {"annotations": {names.MANAGED_BY: metadata.name}}
        self._cluster.patch(SERVICES, metadata.namespace, action.service, patch, "")
        return Outcome(action, wrote=True)

    def _verify(self, action: VerifyWeights) -> Outcome:
        """A question only: an error of it is told and ends nothing."""
        target = self._sight.target(action.router)
        try:
            verdict = self._facade.verify_weights(action.router, target, action.weights, self._cluster).value
        except TidegateError as error:
            return Outcome(action, message=str(error))
        refused = action.required and verdict.verified is False
        return Outcome(
            action,
            Result.PENDING if refused else Result.DONE,
            verdict=verdict,
            message=verdict.message if refused else "",
        )

    def _route(self, action: RouterAction, events: list[Event]) -> Outcome:
        if isinstance(action, CleanUpRouter):
            done = self._facade.clean_up(action.router, self._sight.target(action.router), self._cluster)
            self.unfinished = self.unfinished or done.wrote
            if not done.wrote:
                self._note_used({name: raw for name, raw in self._used.items() if name != action.router})
        else:
            # A former config stays noted until what it left behind is gone; a new router is noted before it writes.
            self._note_used({**self._raw_configs(), **self._used})
            done = self._asked(action)()
            if isinstance(action, SetWeights) and not action.early:
                self._leave_former(action.router, events)
        events.extend(done.events)
        return Outcome(action, wrote=done.wrote)

    def _leave_former(self, router: str, events: list[Event]) -> None:
        """Clean up the objects that a router's former config named and the present one does not, once the present ones
        carry their weights. An object takes two passes: weight 0, then its end."""
        former, present = self._used[router], self._raw_configs()[router]
        if former == present:
            return
        configured = self._facade.configure(router, former, self._sight.configured[router].path)
        if configured.config is not None:
            keep = self._facade.reads(router, self._sight.target(router))
            target = target_for(self._sight.rollout, configured)
            done = self._facade.clean_up(router, target, self._cluster, keep)
            events.extend(done.events)
            if done.wrote:
                self.unfinished = True
                return
        self._note_used({**self._used, router: present})

    def _asked(self, action: RouterAction) -> Callable[[], Done[None]]:
        """The verb of the facade behind an action."""
        facade, router, cluster, target = self._facade, action.router, self._cluster, self._sight.target
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

    def _log(self, outcome: Outcome, error: TidegateError | None, seconds: float) -> None:
        """One line: a warning for what failed, unless the moment was to blame; nothing much where nothing was done."""
        quiet = outcome.result is Result.DONE and not outcome.wrote
        bad = outcome.result is Result.FAILED and not isinstance(error, PASSING)
        status = self._sight.rollout.status
        fields = {
            "rollout": "/".join(self._sight.rollout.key),
            "step": status.current_step_index,
            "action": _name(outcome.action),
            "result": outcome.result.value,
            "ms": round(seconds * 1000, 1),
        }
        level = logging.DEBUG if quiet else logging.WARNING if bad else logging.INFO
        log.log(level, outcome.message or outcome.action.why or "done", extra=fields)


def _name(action: Action) -> str:
    """The action and what it is about, in a word or two."""
    about = getattr(action, "router", "") or getattr(action, "service", "") or getattr(action, "name", "")
    return f"{type(action).__name__} {about}".rstrip()
