"""What is asked of the routers in a pass, and what it writes."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.api.rollout import Rollout
from tidegate.errors import PluginError, Transient
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
from tidegate.simulation.faults import Gate
from tidegate.simulation.routing import DataPlane, Router, Shares, with_hashes


class Questions:
    """Carries the router actions of one pass to the models of the routers."""

    def __init__(self, gate: Gate, plane: DataPlane, rollout: Rollout) -> None:
        self._gate, self._plane, self._rollout = gate, plane, rollout

    def verify(self, action: VerifyWeights) -> Outcome:
        """Whether the weights are in force; a router that cannot say so now is no error."""
        router = self._plane.routers[action.router]
        if router.mute or self._gate.outage:
            return Outcome(action, message=f"{router.name}: throttled")
        verdict = router.verdict(action.weights)
        refused = action.required and verdict.verified is False
        result = Result.PENDING if refused else Result.DONE
        return Outcome(action, result, verdict=verdict, message=verdict.message if refused else "")

    def ask(self, action: RouterAction) -> Outcome:
        """Any verb but that; only what differs is written. Raises Transient where the provider is down."""
        router = self._plane.routers[action.router]
        router.calls.append(type(action).__name__)
        if router.failing:
            raise Transient(f"{router.name}: the provider is down")
        match action:
            case SetWeights():
                hashes = router.written.hashes if router.written else action.hashes
                wanted = Shares(action.weights, self._sides(), hashes if router.hashed else action.hashes)
                return self._share(action, router, wanted)
            case UpdateHash():
                total = router.written.weights.total if router.written else 100
                return self._share(action, router, with_hashes(router.written, action.hashes, total))
            case SetHeaderRoute() | SetMirrorRoute():
                return self._keep(action, router, {**router.routes, action.route.name: action.route})
            case RemoveManagedRoutes():
                return self._keep(action, router, {k: v for k, v in router.routes.items() if k in action.keep})
            case CleanUpRouter():
                return self._clean_up(action, router)
            case _:
                raise PluginError(f"no verb for {type(action).__name__}")

    def _share(self, action: RouterAction, router: Router, wanted: Shares) -> Outcome:
        if router.written == wanted:
            return Outcome(action)
        what = f"{router.name} {wanted.weights.canary} to {wanted.hashes.canary}"
        self._gate.through(what, lambda: self._plane.route(router.name, wanted))
        return Outcome(action, wrote=True)

    def _keep(self, action: RouterAction, router: Router, routes: Mapping[str, object]) -> Outcome:
        if router.routes == routes:
            return Outcome(action)
        kept = dict(routes)
        self._gate.through(f"{router.name} routes {','.join(kept)}", lambda: setattr(router, "routes", kept))
        return Outcome(action, wrote=True)

    def _clean_up(self, action: RouterAction, router: Router) -> Outcome:
        if router.written is None and not router.routes:
            return Outcome(action)
        self._gate.through(f"{router.name} is left", lambda: self._plane.leave(router.name))
        return Outcome(action, wrote=True)

    def _sides(self) -> tuple[str, str]:
        """The Services of canary and stable, as a router is told them."""
        canary = self._rollout.spec.strategy.canary
        if canary is None:
            return "", ""
        if canary.ping_pong is not None:
            pair = canary.ping_pong.pong_service, canary.ping_pong.ping_service
            return pair if self._rollout.status.canary.stable_ping_pong == "ping" else (pair[1], pair[0])
        return canary.canary_service, canary.stable_service
