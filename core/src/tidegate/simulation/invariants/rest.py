"""At rest: nothing is left to do, a new process would know the same, and what may be kept is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.machine.remembered import once
from tidegate.machine.routing import VerifyWeights
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.controller import Pass
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


@dataclass(frozen=True)
class Rest:
    """A cluster that has come to rest. `planned_ms` is when its controller wanted to look again, `writes` what was written."""

    cluster: Cluster
    planned_ms: int | None
    writes: int

    @classmethod
    def of(cls, cluster: Cluster) -> Rest:
        """The rest that a cluster has come to now."""
        return cls(cluster, cluster.controller.wake_ms, cluster.gate.count)

    @once
    def again(self) -> Pass | None:
        """One pass more over the unchanged world, made when a rule first asks for it.

        None where no answer is due: something is polled, or a clock has jumped, which is a change.
        """
        if polled(self.cluster) or self.cluster.timeline.jumped:
            return None
        return self.cluster.controller.step()


def i13_rest_is_rest(rest: Rest) -> Iterator[str]:
    """I13 and A11: a further pass over an unchanged world writes nothing and says nothing."""
    again, gate = rest.again, rest.cluster.gate
    if gate.count > rest.writes:
        yield f"{gate.log[rest.writes :]} although nothing happened"
    elif again is not None and again.events:
        yield f"events {[event.reason for event in again.events]} although nothing happened"


def a8_timers_are_persisted(rest: Rest) -> Iterator[str]:
    """I8 of anchors: a pass that knows only what is stored wakes up no later than what was planned before.

    What a pass knows is what it observes, so the controller's own further pass stands for that of a new process.
    """
    planned, timeline = rest.planned_ms, rest.cluster.timeline
    if looked_at_again(rest.cluster) or planned is None or planned <= timeline.ms or rest.again is None:
        return
    when = rest.again.wake_at
    wake_ms = None if when is None else ms_of(when) - timeline.skew_ms
    if wake_ms is None or wake_ms > planned + ROUNDING_MS:
        late = "never" if wake_ms is None else f"at {wake_ms / 1000:.3f} s"
        yield f"woken at {planned / 1000:.3f} s, but after a restart {late}"


def a13_history_is_bounded(rest: Rest) -> Iterator[str]:
    """A13: former ReplicaSets without pods are kept up to revisionHistoryLimit."""
    cluster = rest.cluster
    status, spec = cluster.status, cluster.manifest.get("spec") or {}
    if not cluster.manifest or status.get("phase") != "Healthy":
        return
    limit = spec.get("revisionHistoryLimit", 10)
    kept = [s for s in cluster.sets() if s["spec"]["replicas"] == 0 and not (s.get("status") or {}).get("replicas")]
    former = [s for s in kept if s["metadata"]["labels"].get("rollouts-pod-template-hash") != status.get("stableRS")]
    if len(former) > limit:
        yield f"{len(former)} former ReplicaSets without pods, limit {limit}"


def a9_rest_has_a_reason(rest: Rest) -> Iterator[str]:
    """A9: whatever state is rested in says why."""
    cluster = rest.cluster
    if not cluster.manifest:
        return
    phase, message = cluster.phase
    if not phase or (phase != "Healthy" and not message):
        yield f"phase {phase!r} without a reason"
    if phase == "Healthy":
        status = cluster.status
        if status.get("stableRS") != status.get("currentPodHash"):
            yield f"Healthy with {status.get('currentPodHash')} over {status.get('stableRS')}"


def a16_foreign_fields_survive(rest: Rest) -> Iterator[str]:
    """A16: what others have put on Rollout, Services and their selectors stays."""
    cluster = rest.cluster
    for service in cluster.store.all(SERVICE).values():
        if (service["metadata"].get("annotations") or {}).get("keep", "me") != "me":
            yield f"{service['metadata']['name']} lost a foreign annotation"
        if service["spec"].get("selector", {}).get("app", cluster.name) != cluster.name:
            yield f"{service['metadata']['name']} lost a foreign selector key"


RULES = (
    ("A9", a9_rest_has_a_reason),
    ("A13", a13_history_is_bounded),
    ("A16", a16_foreign_fields_survive),
    ("A8", a8_timers_are_persisted),
    ("I13", i13_rest_is_rest),
)
