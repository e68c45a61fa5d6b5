"""The canary of examples/canary, walked by the real controller on a real API server with the rights of deploy/."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from realcluster import process
from realcluster.control_plane import CONTROLLER, ControlPlane
from realcluster.process import Process
from realcluster.rest import MERGE_PATCH, Api

_ROOT = Path(__file__).parents[2]
_COLLECTIONS = {
    "Rollout": "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts",
    "Service": "/api/v1/namespaces/{}/services",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
}
_WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
_HASH = "rollouts-pod-template-hash"
# SIGTERM must be answered within this.
_DRAIN_S = 10.0

Manifest = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def controller(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """`tidegate controller` in a process of its own, as the ServiceAccount of deploy/; ends in order at the end.

    For this module alone: tests of other modules make Rollouts that nobody is meant to look at.
    """
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(_ROOT / "deploy"))
    folder = tmp_path_factory.mktemp("controller")
    kubeconfig = plane.write_kubeconfig(folder / "kubeconfig", CONTROLLER)
    command = [sys.executable, "-c", "import sys; from tidegate.cli.main import main; sys.exit(main())", "controller"]
    ports = ["--metrics-port=0", "--health-port=0"]
    started = process.start(
        "tidegate", [*command, f"--kubeconfig={kubeconfig}", *ports], folder, {"POD_NAMESPACE": "tidegate"}
    )
    plane.processes["tidegate"] = started
    yield started
    started.check()
    del plane.processes["tidegate"]
    started.stop(_DRAIN_S)
    log = started.log.read_text(encoding="utf-8")
    assert started.child.returncode == 0, log
    assert "Traceback" not in log


@dataclass(frozen=True, slots=True)
class Shop:
    """The example in a namespace of its own, with short pauses and a short deadline."""

    plane: ControlPlane
    api: Api
    namespace: str

    def path(self, kind: str, name: str = "") -> str:
        """Where the API server serves it."""
        return _COLLECTIONS[kind].format(self.namespace) + (f"/{name}" if name else "")

    def apply(self) -> None:
        """Creates the example's objects."""
        for file in sorted((_ROOT / "examples" / "canary").glob("*.yaml")):
            for one in yaml.safe_load_all(file.read_text(encoding="utf-8")):
                self.api.call("POST", self.path(one["kind"]), shortened(one) if one["kind"] == "Rollout" else one)
        self.wait_healthy()

    def ship(self, image: str) -> None:
        """A new version, as `kubectl set image` writes it."""
        patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]
        self.api.call("PATCH", self.path("Rollout", "checkout"), patch, "application/json-patch+json")

    def rollout(self) -> Manifest:
        """The Rollout as it stands."""
        return self.api.call("GET", self.path("Rollout", "checkout"))

    def status(self) -> Manifest:
        """Its status; {} before the first."""
        found: Manifest = self.rollout().get("status", {})
        return found

    def settled(self, phase: str) -> bool:
        """Whether the controller has seen the newest spec and come to `phase`."""
        rollout = self.rollout()
        status = rollout.get("status", {})
        seen = status.get("observedGeneration") == str(rollout["metadata"]["generation"])
        return seen and bool(status.get("phase") == phase)

    def wait_healthy(self) -> None:
        """Waits until nothing is in progress: Healthy comes with the promotion, the last weight in the pass after it."""
        self.plane.wait("Healthy", lambda: self.settled("Healthy"))
        self.plane.wait("weight 0", lambda: bool(self.status()["canary"]["weights"]["canary"]["weight"] == 0))

    def selected(self, service: str) -> str:
        """The pod hash that a Service selects."""
        return str(self.api.call("GET", self.path("Service", service))["spec"]["selector"].get(_HASH, ""))

    def version(self) -> str:
        """The resourceVersion of now."""
        return str(self.api.call("GET", self.path("Ingress"))["metadata"]["resourceVersion"])

    def weights_since(self, version: str) -> list[int]:
        """Every weight that the canary Ingress has had since then, repetitions left out."""
        seen: list[int] = []
        for event in self.api.watch(self.path("Ingress"), version, seconds=1):
            annotations = event["object"]["metadata"].get("annotations", {})
            if _WEIGHT in annotations and seen[-1:] != [int(annotations[_WEIGHT])]:
                seen.append(int(annotations[_WEIGHT]))
        return seen


def shortened(rollout: Manifest) -> Manifest:
    """The example's Rollout with pauses of a second, and three seconds to make progress."""
    rollout["spec"]["progressDeadlineSeconds"] = 3
    for step in rollout["spec"]["strategy"]["canary"]["steps"]:
        if "pause" in step:
            step["pause"]["duration"] = "1s"
    return rollout


@pytest.fixture
def shop(plane: ControlPlane, namespace: str) -> Shop:
    """The example, rolled out at v1."""
    made = Shop(plane, plane.api(), namespace)
    made.apply()
    return made


def test_a_new_version_gets_the_weight_of_every_step(shop: Shop, controller: Process) -> None:
    told = controller.log.stat().st_size
    steps = shop.rollout()["spec"]["strategy"]["canary"]["steps"]
    wanted = [step["setWeight"] for step in steps if "setWeight" in step]
    before, old = shop.version(), shop.status()["stableRS"]
    shop.ship("example.com/shop/checkout:v2")
    shop.plane.wait("at the first pause", lambda: shop.status().get("currentStepIndex") == 1)
    shop.plane.kubectl("wait", "-n", shop.namespace, "rollout/checkout", "--for=condition=Completed", "--timeout=30s")
    shop.wait_healthy()
    # Zero again at the end: the new version is now what everybody gets.
    assert shop.weights_since(before) == [*wanted, 100, 0]
    status = shop.status()
    assert status["stableRS"] == status["currentPodHash"] != old
    assert {shop.selected("checkout-stable"), shop.selected("checkout-canary")} == {status["stableRS"]}
    # It runs with the rights of deploy/ and needs no others.
    assert b"forbidden" not in controller.log.read_bytes()[told:]


def test_the_canary_ingress_goes_with_its_rollout(shop: Shop) -> None:
    names = [one["metadata"]["name"] for one in shop.api.call("GET", shop.path("Ingress"))["items"]]
    assert sorted(names) == ["checkout", "checkout-checkout-canary"]
    shop.api.call("DELETE", shop.path("Rollout", "checkout"), {"propagationPolicy": "Background"})

    def left() -> list[str]:
        return [one["metadata"]["name"] for one in shop.api.call("GET", shop.path("Ingress"))["items"]]

    shop.plane.wait("only the stable Ingress left", lambda: left() == ["checkout"])


def test_a_version_that_never_becomes_ready_gets_no_traffic_and_is_aborted(shop: Shop) -> None:
    before, stable = shop.version(), shop.status()["stableRS"]
    shop.ship("example.com/shop/checkout:fail")
    shop.plane.wait("Degraded", lambda: shop.settled("Degraded"))
    assert set(shop.weights_since(before)) <= {0}
    status = shop.status()
    assert (status["abort"], status["stableRS"]) == (True, stable)
    assert shop.selected("checkout-stable") == stable
    assert status["availableReplicas"] == 5


def test_an_aborted_update_returns_to_stable(shop: Shop) -> None:
    before, stable = shop.version(), shop.status()["stableRS"]
    shop.ship("example.com/shop/checkout:v2")
    shop.plane.wait("at the first pause", lambda: shop.status().get("currentStepIndex") == 1)
    shop.api.call("PATCH", shop.path("Rollout", "checkout") + "/status", {"status": {"abort": True}}, MERGE_PATCH)
    shop.plane.wait("Degraded", lambda: shop.settled("Degraded"))
    assert shop.weights_since(before) == [10, 0]
    assert shop.selected("checkout-stable") == stable


def test_a_restart_of_the_api_server_in_mid_canary_changes_nothing(shop: Shop) -> None:
    old = shop.status()["stableRS"]
    shop.ship("example.com/shop/checkout:v2")
    shop.plane.wait("at the first pause", lambda: shop.status().get("currentStepIndex") == 1)
    shop.plane.restart_api_server()
    shop.wait_healthy()
    status = shop.status()
    assert status["stableRS"] == status["currentPodHash"] != old
    assert status["canary"]["weights"]["canary"]["weight"] == 0
    assert "abort" not in status
