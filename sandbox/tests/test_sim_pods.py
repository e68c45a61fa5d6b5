from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import NotFound
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.store import Store

NOTE = "sandbox.tidegate.io/"


class Bench:
    """One namespace with single pods in it, under virtual time."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.store = Store(Registry(clock))
        self.world = World(self.store, clock)
        self.world.start()
        self.world.settle()

    def run(self, image: str = "web:1", notes: dict[str, str] | None = None, name: str = "p", **spec: Any) -> None:
        """Create a pod; of `spec`, what is a container's goes to its one container, the rest to the pod."""
        inner = ("command", "args", "lifecycle", "readinessProbe", "ports")
        container = {"name": "c", "image": image} | {key: spec.pop(key) for key in inner if key in spec}
        metadata = {"name": name, "namespace": "default", "annotations": notes or {}}
        self.store.create("pods", {"metadata": metadata, "spec": {"containers": [container], **spec}})
        self.world.settle()

    def pod(self, name: str = "p") -> Manifest:
        return self.store.get("pods", "default", name)

    def gone(self, name: str = "p") -> bool:
        return name not in {pod["metadata"]["name"] for pod in self.store.list("pods")}

    def delete(self, name: str = "p") -> None:
        self.store.delete("pods", "default", name)
        self.world.settle()

    def ready(self, name: str = "p") -> bool:
        conditions = {entry["type"]: entry["status"] for entry in self.pod(name)["status"]["conditions"]}
        assert (conditions["Ready"] == "True") == self.container(name)["ready"]
        return bool(conditions["Ready"] == "True")

    def container(self, name: str = "p") -> Manifest:
        return dict(self.pod(name)["status"]["containerStatuses"][0])

    def waits_for(self) -> str:
        return str(self.container()["state"]["waiting"]["reason"])


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.world.stop()


def test_pod_gets_a_node_and_an_address_and_is_ready_after_three_tenths_of_a_second(bench: Bench) -> None:
    bench.run()
    pod = bench.pod()
    assert pod["spec"]["nodeName"].startswith("sandbox-")
    assert pod["status"]["podIP"].startswith("10.244.")
    assert pod["status"]["phase"] == "Running"
    bench.world.advance(0.299)
    assert not bench.ready()
    bench.world.advance(0.001)
    assert bench.ready()
    assert {entry["type"]: entry["status"] for entry in bench.pod()["status"]["conditions"]} == dict.fromkeys(
        ("PodScheduled", "Initialized", "ContainersReady", "Ready"), "True"
    )


def test_pods_have_addresses_of_their_own(bench: Bench) -> None:
    for number in range(5):
        bench.run(name=f"p{number}")
    assert len({bench.pod(f"p{number}")["status"]["podIP"] for number in range(5)}) == 5


@pytest.mark.parametrize(
    ("notes", "spec", "ready_s"),
    [
        pytest.param({NOTE + "ready-after": "5s"}, {}, 5.0, id="annotation"),
        pytest.param({NOTE + "ready-after": "1m30s"}, {}, 90.0, id="annotation in minutes"),
        pytest.param({NOTE + "ready-after": "50ms"}, {}, 0.05, id="annotation below the default"),
        pytest.param({}, {"image": "web:slow-start"}, 10.0, id="slow start by tag"),
        pytest.param(
            {}, {"readinessProbe": {"initialDelaySeconds": 7, "exec": {"command": ["true"]}}}, 7.0, id="probe"
        ),
        pytest.param(
            {}, {"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "sleep 4"]}}}}, 4.0, id="postStart"
        ),
    ],
)
def test_pod_is_ready_neither_before_nor_after_its_time(
    bench: Bench, notes: dict[str, str], spec: dict[str, Any], ready_s: float
) -> None:
    bench.run(notes=notes, **spec)
    bench.world.advance(ready_s - 0.01)
    assert not bench.ready()
    bench.world.advance(0.01)
    assert bench.ready()


def test_container_is_being_created_while_its_post_start_hook_runs(bench: Bench) -> None:
    bench.run(lifecycle={"postStart": {"exec": {"command": ["sleep", "4"]}}})
    assert bench.waits_for() == "ContainerCreating"
    assert bench.pod()["status"]["phase"] == "Pending"
    bench.world.advance(4)
    assert "running" in bench.container()["state"]


@pytest.mark.parametrize("image", ["web:does-not-exist", "nonexistent/web:1", "bad-image", "web:fail", "web:fail-2"])
def test_image_that_does_not_exist_is_never_pulled(bench: Bench, image: str) -> None:
    bench.run(image)
    assert bench.waits_for() == "ErrImagePull"
    bench.world.advance(86400)
    assert bench.waits_for() == "ImagePullBackOff"
    assert bench.pod()["status"]["phase"] == "Pending"
    assert not bench.ready()


def test_unready_image_runs_but_is_never_ready(bench: Bench) -> None:
    bench.run("web:unready")
    bench.world.advance(86400)
    assert bench.pod()["status"]["phase"] == "Running"
    assert not bench.ready()


def test_crashing_image_backs_off_longer_and_longer(bench: Bench) -> None:
    bench.run("web:crash")
    counts = []
    for seconds in (0, 9.9, 0.1, 20, 40, 80, 160, 300, 300):
        bench.world.advance(seconds)
        counts.append(bench.container()["restartCount"])
        assert bench.waits_for() == "CrashLoopBackOff"
    assert counts == [1, 1, 2, 3, 4, 5, 6, 7, 8]
    assert bench.container()["lastState"]["terminated"]["exitCode"] == 1
    assert bench.pod()["status"]["phase"] == "Running"


def test_bad_command_is_never_ready_and_reports_a_start_error(bench: Bench) -> None:
    bench.run(command=["/bad-command"])
    bench.world.advance(3600)
    assert not bench.ready()
    assert bench.container()["lastState"]["terminated"] | {"startedAt": "", "finishedAt": ""} == {
        "exitCode": 128,
        "reason": "StartError",
        "startedAt": "",
        "finishedAt": "",
    }


def test_crash_after_a_while_ends_readiness_and_the_restart_brings_it_back(bench: Bench) -> None:
    bench.run(notes={NOTE + "crash-after": "5s"})
    bench.world.advance(1)
    assert bench.ready()
    bench.world.advance(4)
    assert not bench.ready()
    assert bench.container()["restartCount"] == 1
    bench.world.advance(0.3)
    assert bench.ready()


def test_readiness_fails_for_good_after_the_annotated_time(bench: Bench) -> None:
    bench.run(notes={NOTE + "fail-readiness-after": "10s"})
    bench.world.advance(9)
    assert bench.ready()
    bench.world.advance(1)
    assert not bench.ready()
    bench.world.advance(3600)
    assert not bench.ready()


def test_annotation_that_is_no_duration_is_named_in_the_containers_state(bench: Bench) -> None:
    bench.run(notes={NOTE + "ready-after": "soon"})
    waiting = bench.container()["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"
    assert "ready-after" in waiting["message"]
    assert "'soon'" in waiting["message"]


@pytest.mark.parametrize(
    ("command", "notes", "phase", "code"),
    [
        pytest.param(["sh", "-c", "sleep 2 && exit 0"], {}, "Succeeded", 0, id="exit 0"),
        pytest.param(["sh", "-c", "sleep 2; exit 3"], {}, "Failed", 3, id="exit 3"),
        pytest.param(["sh", "-c", "sleep 2; false"], {}, "Failed", 1, id="false"),
        pytest.param(["sleep", "2"], {}, "Succeeded", 0, id="sleep"),
        pytest.param([], {NOTE + "run-for": "2s", NOTE + "exit-code": "7"}, "Failed", 7, id="annotations"),
    ],
)
def test_command_that_ends_ends_the_pod_with_its_exit_code(
    bench: Bench, command: list[str], notes: dict[str, str], phase: str, code: int
) -> None:
    bench.run(notes=notes, command=command, restartPolicy="Never")
    bench.world.advance(1.9)
    assert bench.pod()["status"]["phase"] == "Running"
    bench.world.advance(0.1)
    assert bench.pod()["status"]["phase"] == phase
    assert bench.container()["state"]["terminated"]["exitCode"] == code


def test_pod_that_says_nothing_of_an_end_goes_on_running(bench: Bench) -> None:
    bench.run(restartPolicy="Never")
    bench.world.advance(86400)
    assert bench.ready()


@pytest.mark.parametrize(
    ("spec", "stop_s"),
    [
        pytest.param({}, 0.2, id="default"),
        pytest.param({"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "sleep 5"]}}}}, 5.0, id="preStop"),
        pytest.param({"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}, 5.0, id="sleep action"),
        pytest.param(
            {
                "lifecycle": {"preStop": {"exec": {"command": ["sleep", "50"]}}},
                "terminationGracePeriodSeconds": 3,
            },
            3.0,
            id="bounded by the grace period",
        ),
    ],
)
def test_deleted_pod_stays_until_it_has_stopped(bench: Bench, spec: dict[str, Any], stop_s: float) -> None:
    bench.run(**spec)
    bench.world.advance(1)
    bench.delete()
    bench.world.advance(stop_s - 0.01)
    assert "deletionTimestamp" in bench.pod()["metadata"]
    bench.world.advance(0.01)
    assert bench.gone()


def test_deleted_pod_that_others_hold_by_a_finalizer_stays(bench: Bench) -> None:
    bench.run()
    pod = bench.pod()
    pod["metadata"]["finalizers"].append("example.com/hold")
    bench.store.update("pods", pod)
    bench.delete()
    bench.world.advance(60)
    assert bench.pod()["metadata"]["finalizers"] == ["example.com/hold"]


def test_pod_that_fits_no_node_waits_until_one_is_labelled(bench: Bench) -> None:
    bench.run(nodeSelector={"disk": "ssd"})
    bench.world.advance(60)
    [scheduled] = bench.pod()["status"]["conditions"]
    assert (scheduled["type"], scheduled["status"], scheduled["reason"]) == ("PodScheduled", "False", "Unschedulable")
    node = bench.store.get("nodes", "", "sandbox-2")
    node["metadata"]["labels"]["disk"] = "ssd"
    bench.store.update("nodes", node)
    bench.world.advance(1)
    assert bench.pod()["spec"]["nodeName"] == "sandbox-2"
    assert bench.ready()


def test_pod_that_waits_for_a_node_is_deleted_at_once(bench: Bench) -> None:
    bench.run(nodeSelector={"disk": "ssd"})
    bench.delete()
    assert bench.gone()


def test_cordoned_node_gets_no_new_pods(bench: Bench) -> None:
    for name in ("sandbox-1", "sandbox-2"):
        bench.store.update("nodes", bench.store.get("nodes", "", name) | {"spec": {"unschedulable": True}})
    for number in range(4):
        bench.run(name=f"p{number}")
    assert {bench.pod(f"p{number}")["spec"]["nodeName"] for number in range(4)} == {"sandbox-3"}


def test_readiness_gate_holds_the_pod_until_its_condition_is_true(bench: Bench) -> None:
    bench.run(readinessGates=[{"conditionType": "example.com/registered"}])
    bench.world.advance(1)
    ready = next(entry for entry in bench.pod()["status"]["conditions"] if entry["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    pod = bench.pod()
    pod["status"]["conditions"].append({"type": "example.com/registered", "status": "True"})
    bench.store.update("pods", pod, subresource="status")
    bench.world.advance(0)
    assert bench.ready()


def test_init_container_whose_image_is_missing_holds_the_pod(bench: Bench) -> None:
    bench.run(initContainers=[{"name": "i", "image": "i:does-not-exist"}])
    bench.world.advance(60)
    assert bench.waits_for() == "PodInitializing"
    assert bench.pod()["status"]["initContainerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"


def test_init_container_completes_before_the_pod_is_ready(bench: Bench) -> None:
    bench.run(initContainers=[{"name": "i", "image": "i:1"}])
    bench.world.advance(1)
    assert bench.ready()
    assert bench.pod()["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0


def test_failed_pod_crashes_until_it_is_healed(bench: Bench) -> None:
    bench.run()
    bench.world.advance(1)
    bench.world.fail_pod("default", "p")
    bench.world.advance(5)
    assert bench.waits_for() == "CrashLoopBackOff"
    bench.world.heal_pod("default", "p")
    bench.world.advance(1)
    assert bench.ready()


def test_failed_pod_that_is_not_restarted_ends_failed(bench: Bench) -> None:
    bench.run(restartPolicy="Never")
    bench.world.advance(1)
    bench.world.fail_pod("default", "p")
    bench.world.settle()
    assert bench.pod()["status"]["phase"] == "Failed"


def test_unready_pod_goes_on_running(bench: Bench) -> None:
    bench.run()
    bench.world.advance(1)
    bench.world.unready_pod("default", "p")
    bench.world.settle()
    assert not bench.ready()
    assert "running" in bench.container()["state"]


def test_pod_that_is_not_there_cannot_be_failed(bench: Bench) -> None:
    with pytest.raises(NotFound, match="ghost"):
        bench.world.fail_pod("default", "ghost")


def test_pods_of_a_lost_node_are_unready_at_once_and_deleted_after_five_minutes(bench: Bench) -> None:
    bench.run()
    bench.world.advance(1)
    node = bench.pod()["spec"]["nodeName"]
    bench.world.lose_node(node)
    bench.world.settle()
    ready = next(entry for entry in bench.pod()["status"]["conditions"] if entry["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "NodeLost")
    assert bench.store.get("nodes", "", node)["status"]["conditions"][0]["status"] == "Unknown"
    bench.world.advance(299)
    assert "deletionTimestamp" not in bench.pod()["metadata"]
    bench.world.advance(60)
    assert "deletionTimestamp" in bench.pod()["metadata"], "its kubelet cannot say that it has stopped"
    bench.world.return_node(node)
    bench.world.advance(1)
    assert bench.gone()


def test_pod_on_a_node_that_comes_back_in_time_is_ready_again(bench: Bench) -> None:
    bench.run()
    bench.world.advance(1)
    bench.world.lose_node(bench.pod()["spec"]["nodeName"])
    bench.world.advance(60)
    bench.world.return_node(bench.pod()["spec"]["nodeName"])
    bench.world.advance(3600)
    assert bench.ready()


def test_settled_pod_causes_no_writes(bench: Bench) -> None:
    for name, image in (("good", "web:1"), ("bad", "web:fail"), ("dull", "web:unready")):
        bench.run(image, name=name)
    bench.world.advance(10)
    before = bench.store.version
    bench.world.advance(86400)
    assert bench.store.version == before
