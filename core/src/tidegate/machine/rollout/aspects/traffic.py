"""How the traffic is shared out in this pass, and what every router is asked.

Source: argo-rollouts rollout/trafficrouting.go as tabulated in its tests; deviations are marked.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.steps import SetHeaderRoute as HeaderStep
from tidegate.api.steps import SetMirrorRoute as MirrorStep
from tidegate.api.steps import Step, StringMatch
from tidegate.machine.observed import RouterView
from tidegate.machine.rollout.annotations import deadline_of
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.position import at_goal, enough, target, weight_at
from tidegate.machine.rollout.runs import current_experiment
from tidegate.machine.rollout.shares import abort_weight, carrier_is_dead, pods_for, returning, unverified
from tidegate.machine.routing import (
    CleanUpRouter,
    RemoveManagedRoutes,
    SetHeaderRoute,
    SetMirrorRoute,
    SetWeights,
    UpdateHash,
    VerifyWeights,
)
from tidegate.machine.traffic import (
    Capability,
    Destination,
    Hashes,
    HeaderRoute,
    Match,
    MirrorMatch,
    MirrorRoute,
    Weights,
)

Route = HeaderRoute | MirrorRoute


def retire_routers(case: Case, draft: Draft) -> None:
    """Remove what routers that are no longer in the spec have left behind, once stable can take all the traffic.

    Last of all: whatever it comes to, the update does not depend on it.
    """
    basic = case.blue_green is None and not case.routed and case.separate_stable is not None
    enough_pods = target(case).goal.stable if basic else case.replicas
    if case.seen.retired and case.stable is not None and case.stable.available < enough_pods:
        draft.notes.append(f"routers that left the spec stay until stable has {enough_pods} available replicas")
        return
    for name in case.seen.retired:
        draft.act(CleanUpRouter(name, why="no longer in the spec"))


def route_traffic(case: Case, draft: Draft) -> None:
    """Ask every router for this pass's weights: removals first, then hashes, weights, routes, and the read-back."""
    if not case.routed:
        return
    routes = _routes_in_force(case)
    weight = desired_weight(case)
    weights = Weights(weight, case.total, _experiment_shares(case, draft, weight))
    calm = _calm(case, weight)
    for router in case.seen.routers:
        if router.can & {Capability.HEADER, Capability.MIRROR}:
            keep = frozenset(routes)
            draft.act(RemoveManagedRoutes(router.name, keep, go_on=calm, why="routes not in force go first"))
    held = _short_of_stable(case, weight) or _hash_must_wait(case)
    if held:
        draft.notes.append(held)
    else:
        draft.weights = weights
    for router in case.seen.routers:
        if not held:
            _share_out(case, draft, router, weights)
        if not held or case.carried_hash == case.new_hash:
            _write_routes(draft, router, tuple(routes.values()), calm=calm)
        if not held:
            _read_back(case, draft, router, weights)


def _experiment_shares(case: Case, draft: Draft, weight: int) -> tuple[Destination, ...]:
    """What a running Experiment's Services get besides; nothing where it would leave stable less than nothing."""
    experiment = current_experiment(case)
    ways_out = case.promoted or case.aborted or case.promoting
    if ways_out or case.step is None or case.step.experiment is None or experiment is None:
        return ()
    if experiment.phase != "Running":
        return ()
    named = tuple(d for d in experiment.destinations if d.service and d.weight > 0)
    if any(not d.service and d.weight > 0 for d in experiment.destinations):
        draft.notes.append(f"waiting for the Services of experiment {experiment.name}: a template has none yet")
    if weight + sum(d.weight for d in named) > case.total:
        draft.notes.append(
            f"experiment {experiment.name} gets no traffic: its weights and the canary's exceed {case.total}"
        )
        return ()
    return named


def _calm(case: Case, weight: int) -> bool:
    """Whether the canary's share does not grow in this pass."""
    return weight <= case.recorded_weight


def desired_weight(case: Case) -> int:
    """The canary's share: the first row that applies.

    # differs: behind the last step the canary gets everything only with the pods for it; the reference sends 100 % to one
    pod after a rollback within the window (#3941, #4852). A step that lowers the weight needs no pods for it: the weight
    goes first, then the pods; the reference takes the pods away while the router still sends them requests.
    """
    if case.aborted or returning(case):
        return abort_weight(case)
    if case.promoted or case.new_available == 0 or target(case).goal.new == 0:
        return 0  # a version without pods, or that is to have none, takes no requests
    if case.promoting:
        return _growing_weight(case) if case.dynamic else case.recorded_weight
    if case.index is None:
        return 0
    if case.step is None:
        return case.total if enough(case, case.new, case.replicas) else case.recorded_weight
    now, before = weight_at(case, case.index), weight_at(case, case.index - 1)
    if at_goal(case):
        return now
    # A client may have skipped a step before its pods were there: no share is raised without them.
    held = min(now, before)
    return held if case.new_available >= pods_for(case, held) else min(held, case.recorded_weight)


def _growing_weight(case: Case) -> int:
    """The share that the new version's pods can take, whatever the step."""
    return min(case.total, case.total * case.new_available // case.replicas) if case.replicas else case.total


def _short_of_stable(case: Case, weight: int) -> str:
    """Why stable cannot take its share, "" where it can. Only what raises the stable share is held back."""
    stable = case.stable
    if carrier_is_dead(case):
        return ""  # few pods are better than none
    want = (case.total - weight) * case.replicas // case.total
    have = case.sets.stable_pods
    if stable is not None and (have >= want or enough(case, stable, want)):
        return ""
    if stable is not None and case.status.canary.weights is not None and weight >= case.recorded_weight:
        return ""
    return f"waiting for stable ReplicaSet to have {want} available replicas (has {have})"


def _hash_must_wait(case: Case) -> str:
    """Why the labels of the subsets cannot move yet, "" where they can: where only they tell the revisions apart.

    With Services the selectors wait for pods; without them the label does, or its subset would lose requests (#2507,
    #4065). Not where the version that has the share is dead: few pods are better than none.
    """
    canary = case.canary
    if canary.canary_service or canary.stable_service or canary.ping_pong is not None or carrier_is_dead(case):
        return ""
    if not any(Capability.HASH in router.can for router in case.seen.routers):
        return ""
    weights, now = case.status.canary.weights, hashes(case)
    if weights and (weights.canary.pod_template_hash, weights.stable.pod_template_hash) == (now.canary, now.stable):
        return ""
    for side in (case.stable, case.new):
        if side is not None and not enough(case, side, side.spec_replicas):
            return f"delaying destination rule switch: ReplicaSet {side.name} not fully available"
    return ""


def labels(case: Case, weight: int) -> Hashes:
    """What routers are to label the two sides with: an aborted canary gets stable's label once its pods are to go.

    They are to go once nobody is sent there any more, whatever is verified of the label afterwards.
    # differs: the reference leaves its subset on the rejected version, as it never did with the Service (#1838).
    """
    now, new = hashes(case), case.new
    going = new is not None and (new.spec_replicas == 0 or deadline_of(new) is not None)
    gone = going and weight == 0 and case.recorded_weight == 0
    return Hashes(now.stable, now.stable) if case.aborted and gone and now.stable else now


def hashes(case: Case) -> Hashes:
    """The revisions behind the two sides; a share that is on its way back to stable stays with the version that has it."""
    leaving = abort_weight(case) > 0 and case.carried_hash
    return Hashes(case.carried_hash if leaving else case.new_hash, case.status.stable_rs)


def _share_out(case: Case, draft: Draft, router: RouterView, weights: Weights) -> None:
    who, now, calm = router.name, labels(case, weights.canary), _calm(case, weights.canary)
    why = f"canary {weights.canary} of {weights.total}"
    if Capability.HASH in router.can:
        falling = case.recorded_weight > weights.canary and case.carried_hash not in ("", now.canary)
        forsaken = weights.stable == 0 and (case.stable is None or case.stable.available == 0)
        if falling or forsaken or router.carries > max(weights.canary, case.recorded_weight):
            # Before the hash moves: otherwise a share falls on a subset without the pods (#4564, #4612).
            draft.act(SetWeights(who, weights, now, early=True, go_on=calm, why=why))
        draft.act(UpdateHash(who, now, go_on=calm, why="subsets follow the revisions"))
    draft.act(SetWeights(who, weights, now, go_on=calm, why=why))


def _write_routes(draft: Draft, router: RouterView, routes: tuple[Route, ...], *, calm: bool) -> None:
    for route in routes:
        if isinstance(route, HeaderRoute):
            draft.act(SetHeaderRoute(router.name, route, go_on=calm, why="in force at this step"))
        else:
            draft.act(SetMirrorRoute(router.name, route, go_on=calm, why="in force at this step"))


def _read_back(case: Case, draft: Draft, router: RouterView, weights: Weights) -> None:
    if Capability.VERIFY in router.can and verification_due(case, weights.canary):
        last = case.step is None and weights.canary == case.total
        draft.act(VerifyWeights(router.name, weights, required=last, why="a weight counts once it was read back"))


def verification_due(case: Case, weight: int) -> bool:
    """Whether to read the weights back; clouds limit how often one may ask.

    At a setWeight step and at the end, and wherever pods are to go next: with dynamicStableScale, after an abort until the
    aborted version's delay has begun, where the canary shrinks, and while a former version still has pods. A question that
    was answered with no is asked until it is answered with yes.
    """
    if case.initial:
        return False
    if unverified(case) or returning(case) or any(s.spec_replicas > 0 for s in case.others):
        return True
    shrinks = case.new is not None and case.new.spec_replicas > target(case).goal.new
    if case.promoted:
        return False
    if case.aborted:
        return case.new is not None and case.new.spec_replicas > 0 and deadline_of(case.new) is None
    if shrinks or case.dynamic:
        return True
    return weight == case.total if case.step is None else case.step.set_weight is not None


def _routes_in_force(case: Case) -> dict[str, Route]:
    """Every managed route that the steps up to the current one have set and not removed, in managedRoutes order.

    # differs: a fold over all steps; the reference sets a route only while its own step is current, so it never repairs one.
    A version that is to have no pods loses its routes before them.
    """
    if case.promoted or case.aborted or case.promoting or case.new_available == 0 or case.index is None:
        return {}
    if target(case).goal.new == 0:
        return {}
    found: dict[str, Route] = {}
    for step in case.steps[: case.index + 1]:
        for route in _routes_of(step):
            found.pop(route.name, None)
            if route.match:
                found[route.name] = route
    routing = case.canary.traffic_routing
    order = [item.name for item in (routing.managed_routes or [])] if routing else []
    return {name: found[name] for name in order if name in found}


def _routes_of(step: Step) -> Iterator[Route]:
    if step.set_header_route is not None:
        yield _header_route(step.set_header_route)
    if step.set_mirror_route is not None:
        yield _mirror_route(step.set_mirror_route)


def _header_route(step: HeaderStep) -> HeaderRoute:
    return HeaderRoute(step.name, tuple((m.header_name, _match(m.header_value)) for m in step.match))


def _mirror_route(step: MirrorStep) -> MirrorRoute:
    matches = tuple(
        MirrorMatch(
            _match(m.method) if m.method else None,
            _match(m.path) if m.path else None,
            {key: _match(value) for key, value in m.headers.items()},
        )
        for m in step.match
    )
    return MirrorRoute(step.name, matches, 100 if step.percentage is None else step.percentage)


def _match(value: StringMatch | None) -> Match:
    return Match(value.exact, value.prefix, value.regex) if value else Match()
