"""The control plane itself: what the tests of a controller rely on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from realcluster import binaries, process
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


def test_a_container_that_crashes_is_restarted_and_backs_off(
    plane: ControlPlane, namespace: str, deployments: str
) -> None:
    api = plane.api()
    api.call("POST", deployments, deployment("web:crash"))

    def waits() -> set[tuple[str, bool]]:
        items = api.call("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        states = [one for item in items for one in item["status"].get("containerStatuses", [])]
        return {(one["state"].get("waiting", {}).get("reason", ""), one["restartCount"] > 0) for one in states}

    plane.wait("CrashLoopBackOff", lambda: waits() == {("CrashLoopBackOff", True)})


@pytest.mark.parametrize(("script", "ends"), [("sleep 1", "Complete"), ("sleep 1; exit 3", "Failed")])
def test_a_job_ends_as_its_command_does(plane: ControlPlane, namespace: str, script: str, ends: str) -> None:
    container = {"name": "check", "image": "check:1", "command": ["sh", "-c", script]}
    pods = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    spec = {"backoffLimit": 0, "template": pods}
    plane.api().call("POST", jobs, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "one"}, "spec": spec})

    def ended() -> bool:
        found = plane.api().call("GET", f"{jobs}/one")["status"].get("conditions") or []
        return any(one["type"] == ends and one["status"] == "True" for one in found)

    plane.wait(f"the Job is {ends}", ended)


def test_a_deleted_pod_stays_until_its_hook_is_over(plane: ControlPlane, namespace: str, deployments: str) -> None:
    api = plane.api()
    api.call("POST", deployments, deployment("web:1", lifecycle={"preStop": {"exec": {"command": ["sleep", "2"]}}}))
    plane.wait("two pods available", lambda: available(api, deployments) == 2)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    name = api.call("GET", pods)["items"][0]["metadata"]["name"]
    begun = time.monotonic()
    api.call("DELETE", f"{pods}/{name}")
    plane.wait("gone", lambda: name not in {one["metadata"]["name"] for one in api.call("GET", pods)["items"]})
    assert time.monotonic() - begun >= 2


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
