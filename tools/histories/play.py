"""Plays one history under the eyes of the judge, heals the world, and sees whether everything comes to a good end."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from histories.history import History
from histories.operations import CLIENT, Operation, carry_out
from histories.settings import Config, cluster_of
from tidegate.simulation import Cluster, Endless, PodBehaviour
from tidegate.simulation.clients import promote, set_workload_image
from tidegate.simulation.invariants import Judge, Violation
from tidegate.simulation.invariants.rest import looked_at_again
from tidegate.simulation.store import WORKLOAD

# A cluster in which nothing more happens comes to rest in this time, the slowest router (600 s) and three deadlines included.
REST_S = 3_600.0
# Wake-ups between the last fault and rest: verdicts of a slow router come every 10 s for 600 s, at up to three weights.
MOST_WAKES = 250
LAST = "v9"
PROMOTIONS = 14  # more than there are steps and pauses


@dataclass
class Played:
    """What came of a history. `shared_passes` and `shared_writes` were played for another, see `Stage`."""

    history: History
    cluster: Cluster
    judge: Judge
    done: list[tuple[int, Operation]] = field(default_factory=list)
    shared_passes: int = 0
    shared_writes: int = 0

    @property
    def violations(self) -> list[Violation]:
        """What was broken."""
        return self.judge.violations


class Stage:
    """The last plain first deployment, kept for the histories that begin with the same.

    They go on from it as if they had played it themselves.
    """

    def __init__(self) -> None:
        self._config: Config | None = None
        self._deployed: tuple[Cluster, Judge] | None = None

    def set(self, played: Played) -> None:
        """Put a new cluster behind the history's first deployment, where that is a plain one."""
        history, judge = played.history, played.judge
        if not plain(history):
            return
        if self._deployed is None or self._config is not history.config:
            deployed = watched(history.config)
            if not deployed[0].settle():
                return
            self._config, self._deployed = history.config, deployed
            judge.met.update(deployed[1].met)
        else:
            deployed = self._deployed
            played.shared_passes, played.shared_writes = deployed[0].passes, deployed[0].gate.count
        played.cluster.take_up(deployed[0])
        judge.take_up(deployed[1])


def plain(history: History) -> bool:
    """Whether nothing happens in the first deployment, and its pods are ready at once."""
    return history.config.prompt and history.operations[0] == ["settle"]


def watched(config: Config) -> tuple[Cluster, Judge]:
    """A new cluster, and who watches it."""
    cluster = cluster_of(config)
    cluster.recording = False
    judge = Judge(cluster)
    cluster.watchers.append(judge)
    return cluster, judge


def play(history: History, *, recording: bool = False, stage: Stage | None = None) -> Played:
    """The history from the first deployment to the end; it stops at the first violation.

    With a `stage` a first deployment that was played before is not played again.
    """
    cluster, judge = watched(history.config)
    cluster.recording = recording
    played = Played(history, cluster, judge)
    try:
        if stage is not None:
            stage.set(played)
        _play(played)
    except Endless as endless:
        if not _early(cluster):
            judge.note("A10", f"no rest: {endless}")
    except Exception:  # a machine that raises is a finding like any other
        judge.note("TOTAL", traceback.format_exc(limit=-4))
    return played


def _early(cluster: Cluster) -> bool:
    """Whether pods are restarted by a clock that is ahead of the cluster's.

    New ones look older than restartAt until the cluster's clock has come there too, and nothing that is observed tells.
    """
    at = (cluster.manifest.get("spec") or {}).get("restartAt")
    return cluster.timeline.skew_ms > 0 and at is not None and at != cluster.status.get("restartedAt")


def _play(played: Played) -> None:
    cluster, judge = played.cluster, played.judge
    asked: Operation | None = None
    before: Mapping[str, Any] = {}
    for operation in played.history.operations:
        played.done.append((cluster.timeline.ms, operation))
        if operation[0] in CLIENT:
            alone = asked is None and not cluster.gate.armed  # what is planted may contradict it
            asked, before = (operation if alone else None), dict(cluster.status)
        rested = cluster.settle() if operation[0] == "settle" else None
        if operation[0] != "settle":
            carry_out(cluster, operation)
        if operation[0] == "settle":  # the first deployment is there
            cluster.pods.behaviour = PodBehaviour(**played.history.config.pods)
        # The plain first deployment of most histories is not judged at rest: it is the same one again and again.
        first = operation is played.history.operations[0] and plain(played.history)
        if rested and calm(cluster) and not first:
            judge.at_rest()
            if asked is not None:
                _heard(played, asked, before)
        if operation[0] not in ("wait", "settle") and operation[0] not in CLIENT:
            asked = None
        if operation[0] == "settle":
            asked = None
        if judge.violations:
            return
    _end_well(played)


def calm(cluster: Cluster) -> bool:
    """Whether nothing is wrong with the world, and nothing is planted."""
    routers = cluster.plane.routers.values()
    lagging = any(cluster.controller.caches.lag_ms.values())
    trouble = cluster.gate.armed or cluster.gate.outage or lagging or not cluster.controller.alive
    return not trouble and not any(router.failing or router.mute for router in routers)


def _heard(played: Played, asked: Operation, before: Mapping[str, Any]) -> None:
    """A4: what a client asked for, and nobody contradicted, has happened by the time of rest."""
    doomed = "deletionTimestamp" in played.cluster.manifest["metadata"]
    if asked[0] != "verb" or doomed or played.cluster.phase[1].startswith("InvalidSpec"):
        return
    after, verb = played.cluster.status, asked[1]
    if after.get("currentPodHash") != before.get("currentPodHash"):
        return  # a new template came meanwhile, and contradicts every verb
    if after.get("currentStepHash") != before.get("currentStepHash"):
        return  # so do other steps: the update starts over
    under_way = before.get("stableRS") and before.get("stableRS") != before.get("currentPodHash")
    skipping = before.get("promoteFull") or "rollbackWindow" in played.history.config.spec
    done = after.get("stableRS") == after.get("currentPodHash")
    if verb == "abort" and under_way and not skipping and not (after.get("abort") or done):
        played.judge.note("A4", "the abort was lost")
    waits = before.get("pauseConditions") or []
    if verb == "promote" and waits and after.get("pauseConditions") and not after.get("abort"):
        same = after.get("currentStepIndex") == before.get("currentStepIndex")
        inconclusive = str(waits[0].get("reason")).startswith("Inconclusive")
        if same and not inconclusive and after.get("currentPodHash") == before.get("currentPodHash"):
            played.judge.note("A4", f"the resume was lost: {waits} became {after['pauseConditions']}")
    if verb == "promote-full" and under_way and not (done or after.get("promoteFull")):
        played.judge.note("A4", "the full promotion was lost")


# --- the end ---


def heal(cluster: Cluster) -> None:
    """Nothing is wrong any more: no faults, no lags, every router, node and check works."""
    cluster.gate.disarm()
    cluster.controller.caches.lag_ms.clear()
    for router in cluster.plane.routers.values():
        router.failing = router.mute = False
    for node in tuple(cluster.pods.down):
        cluster.pods.lose_node(node, 0)
    cluster.checks.verdicts.clear()


def _end_well(played: Played) -> None:
    cluster, judge = played.cluster, played.judge
    heal(cluster)
    _rest(played, "after the last fault")
    doomed = "deletionTimestamp" in cluster.manifest.get("metadata", {})
    if judge.violations or not cluster.manifest or doomed or not played.history.lasts:
        return
    spec: dict[str, Any] = {"paused": False, "progressDeadlineAbort": None}
    if cluster.manifest["spec"].get("replicas") == 0:
        spec["replicas"] = 2
    cluster.patch_spec(spec)
    if cluster.store.all(WORKLOAD):
        set_workload_image(cluster, LAST)
    else:
        cluster.set_image(LAST)
    for _ in range(PROMOTIONS):
        _rest(played, "after the last image")
        if judge.violations or _well(cluster):
            break
        promote(cluster)
    if not judge.violations and not _well(cluster):
        judge.note(
            "A9", f"a good last image does not become Healthy: {cluster.phase} {cluster.sizes()} {_notes(cluster)}"
        )


def _well(cluster: Cluster) -> bool:
    return cluster.phase == ("Healthy", "") and cluster.image_behind(cluster.status.get("stableRS", "")) == LAST


def _notes(cluster: Cluster) -> tuple[str, ...]:
    plan = cluster.controller.plan()
    return () if plan is None else plan.notes


def _rest(played: Played, when: str) -> None:
    """On through every timer until nothing happens by itself, or is merely looked at again from time to time."""
    cluster, judge = played.cluster, played.judge
    passes = cluster.passes
    for _ in range(MOST_WAKES):
        if not cluster.settle(REST_S):
            judge.note("A9", f"no rest {when}: {cluster.phase} {_notes(cluster)}")
        elif cluster.controller.wake_ms is None or looked_at_again(cluster):
            judge.at_rest()
        else:
            cluster.advance((cluster.controller.wake_ms - cluster.timeline.ms) / 1000)
            continue
        return
    judge.note("A10", f"{cluster.passes - passes} passes {when}, and no rest: {cluster.phase} {_notes(cluster)}")
