"""The simulated cluster itself: what it promises to those who build on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tidegate.errors import Conflict, NotFound
from tidegate.simulation import INGRESS, Cluster, Fault, PodBehaviour, Router
from tidegate.simulation.invariants import Judge
from tidegate.simulation.store import REPLICA_SET, ROLLOUT, SERVICE

Build = Callable[..., tuple[Cluster, Judge]]
PAUSE: dict[str, dict[str, int]] = {"pause": {}}


def test_a_canary_plays_to_its_pause_and_to_its_end(deployed: Build) -> None:
    cluster, judge = deployed([{"setWeight": 25}, PAUSE], routers=[("mesh", "mesh", 0)])

    cluster.set_image("v2")
    cluster.settle()
    paused = cluster.phase, cluster.weights(), cluster.sizes()
    cluster.patch_status({"pauseConditions": None})
    quiet = cluster.run_until_quiet()

    assert paused == (("Paused", "CanaryPauseStep"), {"mesh": 25}, {"v1": (4, 4), "v2": (1, 1)})
    assert quiet
    assert cluster.phase == ("Healthy", "")
    assert cluster.sizes() == {"v1": (0, 0), "v2": (4, 4)}
    assert not judge.violations


def test_history_tells_every_pass_with_its_reasons(deployed: Build) -> None:
    cluster, _ = deployed([{"setWeight": 25}])

    cluster.set_image("v2")
    cluster.settle()

    assert [moment.situation for moment in cluster.history][:2] == ["new revision", "updating"]
    assert cluster.history[0].actions[0][1] == "no ReplicaSet runs this template"
    assert cluster.history[-1].phase == "Healthy"
    assert sorted(moment.ms for moment in cluster.history) == [moment.ms for moment in cluster.history]


def test_the_same_history_is_played_the_same_way_twice(deployed: Build) -> None:
    def played() -> list[tuple[int, str, tuple[tuple[str, str], ...]]]:
        cluster, _ = deployed([{"setWeight": 50}, {"pause": {"duration": 10}}], routers=[("mesh", "mesh", 1)])
        cluster.set_image("v2")
        cluster.run_until_quiet()
        return [(moment.ms, moment.situation, moment.actions) for moment in cluster.history]

    assert played() == played()


def test_a_lost_answer_is_a_write_that_was_done(deployed: Build) -> None:
    cluster, judge = deployed([{"setWeight": 25}, PAUSE])

    cluster.gate.plant(1, Fault.LOST)
    cluster.set_image("v2")
    cluster.settle()

    assert cluster.gate.met == ["lost"]
    assert cluster.history[-1].made.error == ""
    assert cluster.sizes()["v2"] == (1, 1)
    assert not judge.violations


def test_a_dead_process_is_replaced_and_finishes_the_work(deployed: Build) -> None:
    cluster, _ = deployed([{"setWeight": 25}, PAUSE])

    cluster.gate.plant(3, Fault.CRASH_BEFORE)
    cluster.set_image("v2")
    cluster.settle()

    assert sum(moment.made.crashed for moment in cluster.history) == 1
    assert cluster.phase == ("Paused", "CanaryPauseStep")


def test_a_pass_waits_for_its_own_writes(deployed: Build) -> None:
    cluster, _ = deployed([{"setWeight": 25}, PAUSE])

    cluster.controller.caches.lag_ms[REPLICA_SET] = 3_000
    passes = len(cluster.history)
    cluster.set_image("v2")
    cluster.advance(2.5)
    created = [m for m in cluster.history[passes:] if m.situation == "new revision"]
    cluster.settle()

    assert len(created) == 1
    assert len(cluster.sets()) == 2


def test_weights_come_into_force_after_the_delay(deployed: Build) -> None:
    cluster, _ = deployed([{"setWeight": 25}, PAUSE], routers=[("mesh", "mesh", 30)])
    cluster.set_image("v2")
    cluster.advance(2)
    mesh = cluster.plane.routers["mesh"]
    told, obeyed = mesh.written, mesh.in_force
    cluster.advance(60)

    assert told is not None
    assert told.weights.canary == 25
    assert obeyed is not None
    assert obeyed.weights.canary == 0
    assert mesh.in_force == mesh.written


def test_an_ingress_sends_requests_where_the_service_points(deployed: Build) -> None:
    cluster, _ = deployed([{"setWeight": 25}, PAUSE], routers=[("edge", "ingress", 0)])
    cluster.set_image("v2")
    cluster.settle()

    found = {backend.side: (backend.weight, backend.endpoints) for backend in cluster.plane.backends()}

    assert found == {"canary": (25, 1), "stable": (75, 4)}


def test_the_store_refuses_an_old_version_and_a_foreign_uid(deployed: Build) -> None:
    cluster, _ = deployed([])
    name = cluster.sets()[0]["metadata"]["name"]

    with pytest.raises(Conflict):
        cluster.store.patch(REPLICA_SET, name, {"spec": {"replicas": 1}}, version="1")
    with pytest.raises(Conflict):
        cluster.store.delete(REPLICA_SET, name, "u0")
    with pytest.raises(NotFound):
        cluster.store.patch(SERVICE, "nobody", {})


def test_a_status_write_does_not_move_the_generation(deployed: Build) -> None:
    cluster, _ = deployed([])
    before = cluster.manifest["metadata"]["generation"]

    cluster.patch_status({"abort": True})
    status_only = cluster.manifest["metadata"]["generation"]
    cluster.patch_spec({"paused": True})

    assert status_only == before
    assert cluster.manifest["metadata"]["generation"] == before + 1


def test_pods_of_a_lost_node_are_made_elsewhere(deployed: Build) -> None:
    cluster, _ = deployed([])
    lost = [pod.name for pod in cluster.pods.all.values() if pod.node == 0]

    cluster.pods.lose_node(0, None)
    cluster.advance(0.1)
    meanwhile = cluster.sizes()["v1"]
    cluster.advance(65)

    assert lost
    assert meanwhile == (4, 4 - len(lost))
    assert cluster.sizes()["v1"] == (4, 4)
    assert all(pod.node == 1 for pod in cluster.pods.all.values() if not pod.deleting)


def test_minimal_ready_seconds_delay_availability() -> None:
    labels = {"app": "demo"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:v1"}]}}
    spec = {
        "replicas": 2,
        "minReadySeconds": 5,
        "selector": {"matchLabels": labels},
        "template": template,
        "strategy": {"canary": {}},
    }
    cluster = Cluster({"metadata": {"name": "demo"}, "spec": spec}, pods=PodBehaviour(ready_s=1))

    cluster.advance(3)
    early = cluster.sizes()["v1"]
    cluster.settle()

    assert early == (2, 0)
    assert cluster.sizes()["v1"] == (2, 2)


def test_a_cluster_is_taken_up_only_where_it_has_settled(deployed: Build) -> None:
    busy, _ = deployed([{"setWeight": 25}, PAUSE])
    other, _ = deployed([{"setWeight": 25}, PAUSE])
    busy.set_image("v2")

    with pytest.raises(ValueError, match="settle"):
        other.take_up(busy)


def test_who_takes_up_a_cluster_goes_its_own_way(deployed: Build) -> None:
    first, _ = deployed([{"setWeight": 25}, PAUSE], routers=[("mesh", "mesh", 0)])
    second, judge = deployed([{"setWeight": 25}, PAUSE], routers=[("mesh", "mesh", 0)])
    first.set_image("v2")
    first.settle()

    second.take_up(first)
    second.patch_status({"abort": True})
    second.run_until_quiet()

    assert (second.weights(), first.weights()) == ({"mesh": 0}, {"mesh": 25})
    assert (second.phase[0], first.phase[0]) == ("Degraded", "Paused")
    assert second.sizes() == {"v1": (4, 4), "v2": (0, 0)}
    assert first.sizes() == {"v1": (4, 4), "v2": (1, 1)}
    assert not judge.violations


def test_deleting_the_rollout_takes_everything_it_owns(deployed: Build) -> None:
    cluster, _ = deployed([])

    cluster.store.delete(ROLLOUT, "demo")
    cluster.settle()

    assert not cluster.store.all(REPLICA_SET)
    assert not cluster.pods.all
    assert cluster.phase == ("", "")


def test_a_router_is_named_and_capable_as_it_was_made() -> None:
    view = Router("edge", INGRESS).view(100)

    assert (view.name, view.title, view.can) == ("edge", "Edge", INGRESS)
