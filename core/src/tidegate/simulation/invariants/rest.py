"""At rest: nothing is left to do, a new process would know the same, and what may be kept is bounded."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.machine.plan import Plan
from tidegate.machine.routing import VerifyWeights
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.store import SERVICE
from tidegate.simulation.timeline import ms_of

# A wake-up that is computed anew may be later by what a whole second is rounded up to.
ROUNDING_MS = 1_000


def polled(cluster: Cluster) -> bool:
    """Whether something is waited for that sends no event: a router's verdict, a step plugin's answer."""
    canary = cluster.status.get("canary") or {}
    plugins = canary.get("stepPluginStatuses") or []
    asked = (
        [o for o in cluster.last.outcomes if isinstance(o.action, VerifyWeights)] if cluster.last is not None else []
    )
    refused = any(outcome.verdict is None or outcome.verdict.verified is False for outcome in asked)
    return refused or any(plugin.get("phase") == "Running" for plugin in plugins)


def looked_at_again(cluster: Cluster) -> bool:
    """Whether the wake-up only means "look once more some time later": a spec that is invalid, pods that are to go."""
    notes = cluster.last.plan.notes if cluster.last is not None else ()
    return cluster.phase[1].startswith("InvalidSpec") or any("older than restartAt" in note for note in notes)


def i13_rest_is_rest(cluster: Cluster) -> Iterator[str]:
    """I13 and A11: a further pass over an unchanged world writes nothing and says nothing."""
    if polled(cluster) or cluster.timeline.jumped:  # a clock that jumps is a change
        return
    writes = cluster.gate.count
    made = cluster.controller.step()
    if cluster.gate.count > writes:
        yield f"{cluster.gate.log[writes:]} although nothing happened"
    elif made is not None and made.events:
        yield f"events {[event.reason for event in made.events]} although nothing happened"


def a8_timers_are_persisted(cluster: Cluster) -> Iterator[str]:
    """I8 of anchors: a new process, which knows only what is stored, wakes up no later than the old one would."""
    if polled(cluster) or cluster.timeline.jumped or looked_at_again(cluster):
        return
    planned, plan = cluster.controller.wake_ms, cluster.controller.plan()
    if planned is None or plan is None or planned <= cluster.timeline.ms:
        return
    when = wake_of(plan)
    again = None if when is None else when - cluster.timeline.skew_ms
    if again is None or again > planned + ROUNDING_MS:
        yield f"woken at {planned / 1000:.3f} s, but after a restart {'never' if again is None else f'at {again / 1000:.3f} s'}"


def wake_of(plan: Plan) -> int | None:
    """When a plan wants the next look, if all of it succeeds."""
    when = plan.expected.wake_at
    return None if when is None else ms_of(when)


def a13_history_is_bounded(cluster: Cluster) -> Iterator[str]:
    """A13: former ReplicaSets without pods are kept up to revisionHistoryLimit."""
    status, spec = cluster.status, cluster.manifest.get("spec") or {}
    if not cluster.manifest or status.get("phase") != "Healthy":
        return
    limit = spec.get("revisionHistoryLimit", 10)
    kept = [s for s in cluster.sets() if s["spec"]["replicas"] == 0 and not (s.get("status") or {}).get("replicas")]
    former = [s for s in kept if s["metadata"]["labels"].get("rollouts-pod-template-hash") != status.get("stableRS")]
    if len(former) > limit:
        yield f"{len(former)} former ReplicaSets without pods, limit {limit}"


def a9_rest_has_a_reason(cluster: Cluster) -> Iterator[str]:
    """A9: whatever state is rested in says why."""
    if not cluster.manifest:
        return
    phase, message = cluster.phase
    if not phase or (phase != "Healthy" and not message):
        yield f"phase {phase!r} without a reason"
    if phase == "Healthy":
        status = cluster.status
        if status.get("stableRS") != status.get("currentPodHash"):
            yield f"Healthy with {status.get('currentPodHash')} over {status.get('stableRS')}"


def a16_foreign_fields_survive(cluster: Cluster) -> Iterator[str]:
    """A16: what others have put on Rollout, Services and their selectors stays."""
    for service in cluster.store.all(SERVICE).values():
        if (service["metadata"].get("annotations") or {}).get("keep", "me") != "me":
            yield f"{service['metadata']['name']} lost a foreign annotation"
        if service["spec"].get("selector", {}).get("app", cluster.name) != cluster.name:
            yield f"{service['metadata']['name']} lost a foreign selector key"


RULES = (
    ("A9", a9_rest_has_a_reason),
    ("A8", a8_timers_are_persisted),
    ("A13", a13_history_is_bounded),
    ("A16", a16_foreign_fields_survive),
    ("I13", i13_rest_is_rest),
)
