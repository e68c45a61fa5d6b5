"""The control plane itself: what the tests of a controller rely on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from realcluster import binaries, pods, process
from realcluster.control_plane import CONTROLLER, ControlPlane
from realcluster.rest import Api, ApiError

_UP = Path(__file__).parent / "up.py"


def deployment(image: str, **container: object) -> dict[str, object]:
    """A Deployment of two pods."""
    labels = {"app": "web"}
    spec = {"containers": [{"name": "web", "image": image, **container}], "terminationGracePeriodSeconds": 5}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }


@pytest.fixture
def deployments(namespace: str) -> str:
    """The path of the test's Deployments."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def available(api: Api, deployments: str) -> int:
    """Available pods of the Deployment."""
    return int(api.call("GET", f"{deployments}/web")["status"].get("availableReplicas", 0))


def test_pods_become_available_and_get_into_endpoints(plane: ControlPlane, namespace: str, deployments: str) -> None:
    api = plane.api()
    api.call("POST", deployments, deployment("web:1"))
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    api.call("POST", f"/api/v1/namespaces/{namespace}/services", {"apiVersion": "v1", "kind": "Service", **service})
    plane.wait("two pods available", lambda: available(api, deployments) == 2)

    def ready_endpoints() -> int:
        slices = api.call("GET", f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")["items"]
        return sum(one["conditions"]["ready"] for item in slices for one in item.get("endpoints") or [])

    plane.wait("two endpoints ready", lambda: ready_endpoints() == 2)


def test_a_pod_whose_image_does_not_exist_says_so(plane: ControlPlane, namespace: str, deployments: str) -> None:
    api = plane.api()
    api.call("POST", deployments, deployment("web:fail"))

    def reasons() -> set[str]:
        items = api.call("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        states = [one["state"] for item in items for one in item["status"].get("containerStatuses", [])]
        return {one.get("waiting", {}).get("reason") for one in states}

    plane.wait("ImagePullBackOff", lambda: reasons() == {"ImagePullBackOff"})
    assert available(api, deployments) == 0


def test_pods_of_a_deleted_owner_go(plane: ControlPlane, namespace: str, deployments: str) -> None:
    api = plane.api()
    api.call("POST", deployments, deployment("web:1"))
    plane.wait("two pods available", lambda: available(api, deployments) == 2)
    api.call("DELETE", f"{deployments}/web", {"propagationPolicy": "Background"})
    plane.wait("no pods", lambda: api.call("GET", f"/api/v1/namespaces/{namespace}/pods")["items"] == [])


def test_the_kubeconfig_of_the_controller_has_only_its_rights(plane: ControlPlane, tmp_path: Path) -> None:
    config = yaml.safe_load(plane.write_kubeconfig(tmp_path / "kubeconfig", CONTROLLER).read_text(encoding="utf-8"))
    assert config["current-context"] == "tidegate"
    assert {one["name"] for one in config["contexts"]} == {"admin", "tidegate"}
    with pytest.raises(ApiError) as refused:
        plane.api(CONTROLLER).call("GET", "/api/v1/namespaces/default/secrets")
    assert refused.value.code == 403


@pytest.mark.parametrize(
    ("container", "seconds"),
    [
        ({}, 0.3),
        ({"readinessProbe": {"initialDelaySeconds": 2}}, 2.0),
        ({"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "sleep 4"]}}}}, 4.0),
        ({"lifecycle": {"postStart": {"sleep": {"seconds": 3}}}}, 3.0),
    ],
    ids=["at once", "probe", "hook", "sleep action"],
)
def test_a_pod_is_ready_after_its_probe_and_hook(container: dict[str, object], seconds: float) -> None:
    pod = {"metadata": {}, "spec": {"containers": [{"name": "web", **container}]}}
    assert pods.seconds_to_ready(pod) == seconds


@pytest.mark.parametrize(("slept", "grace", "seconds"), [(0, 30, 0.2), (5, 30, 5.0), (60, 30, 30.0)])
def test_a_pod_ends_after_its_hook_but_within_its_grace(slept: int, grace: int, seconds: float) -> None:
    hook = {"preStop": {"exec": {"command": ["sleep", str(slept)]}}}
    pod = {
        "metadata": {"deletionGracePeriodSeconds": grace},
        "spec": {"containers": [{"name": "web", "lifecycle": hook}]},
    }
    assert pods.seconds_to_end(pod) == seconds


def test_missing_binaries_say_where_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(binaries.MissingBinaries, match=r"KUBEBUILDER_ASSETS=.*: no etcd, kube-apiserver.*unset it"):
        binaries.find()
    monkeypatch.delenv("KUBEBUILDER_ASSETS")
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    with pytest.raises(binaries.MissingBinaries, match=r"v1\.\d+\.\d+.*`make control-plane`"):
        binaries.find()


def test_a_process_that_ends_by_itself_shows_its_log(tmp_path: Path) -> None:
    started = process.start("gone", [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"], tmp_path)
    started.child.wait(30)
    with pytest.raises(process.ProcessEnded, match=r"(?s)gone: ended with code 3;.*the reason"):
        started.check()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_killing_the_parent_leaves_no_children(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from realcluster import process;"
        "one = process.start('child', [sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)'],"
        " Path(sys.argv[1])); print(one.child.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(_UP.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        descriptor = os.pidfd_open(child)
        parent.kill()
    # Readable once the process has ended; the wait fails after ten seconds.
    ended, _, _ = select.select([descriptor], [], [], 10)
    os.close(descriptor)
    assert ended == [descriptor]


def test_up_stays_until_sigterm_and_leaves_nothing(plane: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    running = subprocess.Popen(
        [sys.executable, str(_UP), "--kubeconfig", str(kubeconfig)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with running:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith("ready in "), line
        listed = subprocess.run(
            [plane.binaries.path("kubectl"), f"--kubeconfig={kubeconfig}", "get", "rollouts", "-A"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert (listed.returncode, listed.stderr.strip()) == (0, "No resources found")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tidegate-cluster-")] == []
