"""An unmodified kubectl against the sandbox: every flow that docs/sandbox.md promises."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.server import Sandbox

KUBECTL = shutil.which("kubectl")
pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.skipif(KUBECTL is None, reason="no kubectl on the PATH"),
]


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl against the module's sandbox. `home` keeps its caches away from the user's."""

    kubeconfig: Path
    home: Path

    def __call__(self, *words: str, text: Any = None, editor: str = "", namespace: str = "default") -> Done:
        body = (
            None
            if text is None
            else text
            if isinstance(text, str)
            else yaml.safe_dump_all(text if isinstance(text, list) else [text])
        )
        environment = {**os.environ, "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig), "KUBE_EDITOR": editor}
        line = [str(KUBECTL), "--namespace", namespace, *words]
        done = subprocess.run(line, input=body, capture_output=True, text=True, timeout=60, env=environment)
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str, text: Any = None, editor: str = "", namespace: str = "default") -> str:
        """The output of a command that has to succeed."""
        done = self(*words, text=text, editor=editor, namespace=namespace)
        assert done.code == 0, f"kubectl {' '.join(words)}: {done.err}"
        return done.out

    def fails(self, *words: str, text: Any = None) -> str:
        """What kubectl says about a command that has to fail."""
        done = self(*words, text=text)
        assert done.code != 0, f"kubectl {' '.join(words)} succeeded: {done.out}"
        return done.err

    def get(self, *words: str) -> Any:
        return json.loads(self.ok("get", *words, "-o", "json"))

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.Popen([str(KUBECTL), *words], stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def live() -> Iterator[Sandbox]:
    """One sandbox for the whole module: on the real clock, as somebody at a terminal has it."""
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(live: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    home = tmp_path_factory.mktemp("kubectl")
    return Kubectl(live.kubeconfig(home / "kubeconfig"), home)


@pytest.fixture
def gates(live: Sandbox, gate_definition: Manifest) -> str:
    """The sample definition, installed for the rest of the module: kubectl keeps a cache of what is served."""
    live.apply(gate_definition)
    return "gates"


Build = Callable[..., Manifest]


def test_version_and_discovery(kubectl: Kubectl) -> None:
    # Not `ok`: a kubectl built without a version stamp prints the server's and then fails on its own.
    assert "Server Version: v1.34.2" in kubectl("version").out
    resources = kubectl.ok("api-resources", "--no-headers")
    assert all(name in resources for name in ("deployments", "ingresses", "customresourcedefinitions", "leases"))
    assert "apps/v1" in kubectl.ok("api-versions").split()
    assert "https://127.0.0.1" in kubectl.ok("cluster-info")


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("name", "configmap/shown"),
        ("jsonpath={.data.a}", "1"),
        ("go-template={{.data.a}}", "1"),
        ("custom-columns=N:.metadata.name", "N\nshown"),
        ("wide", "shown"),
        ("yaml", "kind: ConfigMap"),
        ("json", '"kind": "ConfigMap"'),
    ],
    ids=lambda value: value.partition("=")[0],
)
def test_get_in_all_forms(kubectl: Kubectl, a_config_map: Build, form: str, wanted: str) -> None:
    kubectl.ok("apply", "-f", "-", text=a_config_map("shown"))
    assert wanted in kubectl.ok("get", "configmap", "shown", "-o", form)


def test_a_table_has_the_columns_of_the_kind(kubectl: Kubectl) -> None:
    assert kubectl.ok("get", "namespaces").split()[:3] == ["NAME", "STATUS", "AGE"]
    assert "No resources found" in kubectl("get", "statefulsets").err


def test_create_refuses_what_exists_and_what_is_nowhere(kubectl: Kubectl) -> None:
    kubectl.ok("create", "configmap", "once", "--from-literal=a=1")
    assert 'configmaps "once" already exists' in kubectl.fails("create", "configmap", "once")
    assert 'namespaces "nowhere" not found' in kubectl.fails("create", "configmap", "x", "-n", "nowhere")


@pytest.mark.parametrize(
    "words",
    [
        ("namespace", "made"),
        ("secret", "generic", "made", "--from-literal=p=q"),
        ("serviceaccount", "made"),
        ("deployment", "made", "--image=app:1"),
        ("service", "clusterip", "made", "--tcp=80"),
        ("ingress", "made", "--rule=a.example/=made:80"),
        ("job", "made", "--image=app:1"),
        ("cronjob", "made", "--image=app:1", "--schedule=* * * * *"),
        ("role", "made", "--verb=get", "--resource=pods"),
        ("rolebinding", "made", "--role=made", "--serviceaccount=default:made"),
        ("clusterrole", "made", "--verb=get", "--resource=pods"),
        ("clusterrolebinding", "made", "--clusterrole=made", "--user=u"),
        ("poddisruptionbudget", "made", "--selector=app=x", "--min-available=1"),
        ("priorityclass", "made", "--value=10"),
        ("quota", "made", "--hard=pods=2"),
    ],
    ids=lambda words: words[0],
)
def test_create_of_every_kind_kubectl_knows(kubectl: Kubectl, words: tuple[str, ...]) -> None:
    assert "created" in kubectl.ok("create", *words)


def test_generated_names(kubectl: Kubectl) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "run-"}}
    assert kubectl.ok("create", "-f", "-", text=manifest).startswith("configmap/run-")


def test_apply_changes_and_removes_what_it_once_said(kubectl: Kubectl, a_config_map: Build) -> None:
    assert "created" in kubectl.ok("apply", "-f", "-", text=a_config_map("applied", data={"a": "1", "b": "1"}))
    assert "configured" in kubectl.ok("apply", "-f", "-", text=a_config_map("applied", data={"a": "2"}))
    assert "unchanged" in kubectl.ok("apply", "-f", "-", text=a_config_map("applied", data={"a": "2"}))
    assert kubectl.get("configmap", "applied")["data"] == {"a": "2"}
    assert '"a":"2"' in kubectl.ok("apply", "view-last-applied", "configmap", "applied", "-o", "json").replace(" ", "")


def test_apply_of_a_custom_resource(kubectl: Kubectl, gates: str, a_gate: Build) -> None:
    kubectl.ok("apply", "-f", "-", text=a_gate(replicas=1, steps=[{"weight": 10}]))
    assert "configured" in kubectl.ok("apply", "-f", "-", text=a_gate(replicas=2))
    assert kubectl.get(gates, "g")["spec"] == {"replicas": 2, "mode": "Open"}
    assert 'unknown field "spec.typo"' in kubectl.fails("apply", "-f", "-", text=a_gate(typo=1))


def test_server_side_apply_and_its_conflicts(kubectl: Kubectl, a_deployment: Build) -> None:
    def apply(replicas: int, manager: str, *more: str) -> Done:
        words = ("apply", "--server-side", f"--field-manager={manager}", *more, "-f", "-")
        return kubectl(*words, text=a_deployment("owned", replicas=replicas))

    assert "serverside-applied" in apply(1, "one").out
    assert 'conflict with "one"' in apply(2, "two").err
    assert apply(2, "two", "--force-conflicts").code == 0
    assert kubectl.get("deployment", "owned")["spec"]["replicas"] == 2


def test_diff_shows_what_would_change(kubectl: Kubectl, a_config_map: Build) -> None:
    kubectl.ok("apply", "-f", "-", text=a_config_map("compared"))
    assert kubectl("diff", "-f", "-", text=a_config_map("compared")).code == 0
    done = kubectl("diff", "-f", "-", text=a_config_map("compared", data={"a": "2"}))
    assert (done.code, '+  a: "2"' in done.out) == (1, True)
    assert kubectl.get("configmap", "compared")["data"] == {"a": "1"}


def test_edit_and_replace(kubectl: Kubectl, a_config_map: Build) -> None:
    kubectl.ok("create", "-f", "-", text=a_config_map("edited", data={"a": "before"}))
    kubectl.ok("edit", "configmap", "edited", editor="sed -i s/before/after/")
    assert kubectl.get("configmap", "edited")["data"] == {"a": "after"}
    kubectl.ok("replace", "-f", "-", text=a_config_map("edited", data={"b": "1"}))
    assert kubectl.get("configmap", "edited")["data"] == {"b": "1"}
    kubectl.ok("replace", "--force", "-f", "-", text=a_config_map("edited", data={"c": "1"}))
    assert kubectl.get("configmap", "edited")["data"] == {"c": "1"}


def test_the_patch_types(kubectl: Kubectl, gates: str, a_deployment: Build, a_gate: Build) -> None:
    kubectl.ok("create", "-f", "-", text=a_deployment("patched", replicas=0))
    env = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "A", "value": "1"}]}]}}}}
    kubectl.ok("patch", "deployment", "patched", "-p", json.dumps(env))
    (container,) = kubectl.get("deployment", "patched")["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["env"]) == ("app:1", [{"name": "A", "value": "1"}])
    replace = [{"op": "replace", "path": "/spec/revisionHistoryLimit", "value": 3}]
    kubectl.ok("patch", "deployment", "patched", "--type=json", "-p", json.dumps(replace))
    assert kubectl.get("deployment", "patched")["spec"]["revisionHistoryLimit"] == 3
    kubectl.ok("create", "-f", "-", text=a_gate("patched"))
    kubectl.ok("patch", gates, "patched", "--type=merge", "-p", '{"spec":{"replicas":4}}')
    kubectl.ok("patch", gates, "patched", "--subresource=status", "--type=merge", "-p", '{"status":{"replicas":3}}')
    gate = kubectl.get(gates, "patched")
    assert (gate["spec"]["replicas"], gate["status"]["replicas"]) == (4, 3)
    assert "is not supported" in kubectl.fails("patch", gates, "patched", "-p", '{"spec":{"replicas":5}}')
    assert "should be greater than or equal to 0" in kubectl.fails(
        "patch", gates, "patched", "--type=merge", "-p", '{"spec":{"replicas":-1}}'
    )


def test_scale_of_built_in_and_custom_kinds(kubectl: Kubectl, gates: str, a_gate: Build, a_deployment: Build) -> None:
    kubectl.ok("create", "-f", "-", text=[a_gate("scaled"), a_deployment("scaled", replicas=0)])
    kubectl.ok("scale", "gate/scaled", "deployment/scaled", "--replicas=2")
    assert kubectl.get(gates, "scaled")["spec"]["replicas"] == 2
    assert kubectl.get("deployment", "scaled")["spec"]["replicas"] == 2


def test_labels_annotations_and_selectors(kubectl: Kubectl, a_config_map: Build) -> None:
    kubectl.ok("create", "-f", "-", text=a_config_map("marked"))
    kubectl.ok("label", "configmap", "marked", "tier=front")
    kubectl.ok("annotate", "configmap", "marked", "note=hello")
    assert kubectl.ok("get", "configmaps", "-l", "tier in (front)", "-o", "name") == "configmap/marked\n"
    assert kubectl.ok("get", "configmaps", "-l", "tier!=front", "--field-selector", "metadata.name=marked") == ""
    kubectl.ok("label", "configmap", "marked", "tier-")
    assert kubectl.get("configmap", "marked")["metadata"]["annotations"]["note"] == "hello"


def test_a_deployment_rolls_out_and_back(kubectl: Kubectl) -> None:
    kubectl.ok("create", "deployment", "rolled", "--image=app:1", "--replicas=2")
    assert "successfully rolled out" in kubectl.ok("rollout", "status", "deployment/rolled", "--timeout=30s")
    kubectl.ok("set", "image", "deployment/rolled", "app=app:2")
    kubectl.ok("rollout", "status", "deployment/rolled", "--timeout=30s")
    history = kubectl.ok("rollout", "history", "deployment/rolled").split()
    assert history[-4:] == ["1", "<none>", "2", "<none>"]
    kubectl.ok("rollout", "undo", "deployment/rolled")
    kubectl.ok("rollout", "status", "deployment/rolled", "--timeout=30s")
    assert kubectl.get("deployment", "rolled")["spec"]["template"]["spec"]["containers"][0]["image"] == "app:1"
    described = kubectl.ok("describe", "deployment", "rolled")
    assert "2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in described
    assert "deployment.apps/rolled" in kubectl.ok("get", "all")


def test_services_and_what_is_behind_them(kubectl: Kubectl) -> None:
    kubectl.ok("create", "deployment", "served", "--image=app:1")
    kubectl.ok("expose", "deployment", "served", "--port=80", "--target-port=8080")
    kubectl.ok("wait", "--for=condition=Available", "deployment/served", "--timeout=30s")
    kubectl.ok("wait", "--for=jsonpath={.endpoints[0].conditions.ready}=true", "endpointslices", "-l",
               "kubernetes.io/service-name=served", "--timeout=30s")  # fmt: skip
    assert ":8080" in kubectl.ok("describe", "service", "served")


def test_an_autoscaler(kubectl: Kubectl) -> None:
    kubectl.ok("create", "deployment", "automatic", "--image=app:1")
    kubectl.ok("autoscale", "deployment", "automatic", "--min=1", "--max=3", "--cpu-percent=50")
    assert "Deployment/automatic" in kubectl.ok("get", "hpa", "automatic")


def test_pods_run_are_waited_for_and_evicted(kubectl: Kubectl) -> None:
    kubectl.ok("run", "single", "--image=app:1")
    kubectl.ok("wait", "--for=condition=Ready", "pod/single", "--timeout=30s")
    assert kubectl.ok("get", "pods", "--field-selector=metadata.name=single,status.phase=Running", "-o", "name")
    assert "runs no program" in kubectl.ok("logs", "single")
    node = kubectl.get("pod", "single")["spec"]["nodeName"]
    kubectl.ok("cordon", node)
    kubectl.ok("drain", node, "--force", "--ignore-daemonsets", "--pod-selector=run=single", "--timeout=40s")
    kubectl.ok("uncordon", node)
    assert "not found" in kubectl.fails("get", "pod", "single")


def test_delete_waits_for_finalizers(kubectl: Kubectl, live: Sandbox, a_config_map: Build) -> None:
    kubectl.ok("create", "-f", "-", text=a_config_map("held", finalizers=["x.io/hold"]))
    begun = threading.Event()
    cancel = live.objects.subscribe(lambda change: begun.set() if change.object["metadata"]["name"] == "held" else None)
    waiting = kubectl.start("delete", "configmap", "held", "--timeout=30s")
    assert begun.wait(30)
    cancel()
    assert kubectl.get("configmap", "held")["metadata"]["deletionTimestamp"]
    kubectl.ok("patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert waiting.communicate()[0].startswith('configmap "held" deleted')
    assert waiting.returncode == 0


@pytest.mark.parametrize(("cascade", "left"), [("background", 0), ("foreground", 0), ("orphan", 1)])
def test_delete_cascades_as_asked(kubectl: Kubectl, cascade: str, left: int) -> None:
    name = f"parent-{cascade}"
    kubectl.ok("create", "deployment", name, "--image=app:1")
    kubectl.ok("rollout", "status", f"deployment/{name}", "--timeout=30s")
    kubectl.ok("delete", "deployment", name, f"--cascade={cascade}")
    if cascade == "background":
        kubectl.ok("wait", "--for=delete", "replicasets", "-l", f"app={name}", "--timeout=30s")
    assert len(kubectl.get("replicasets", "-l", f"app={name}")["items"]) == left


def test_a_namespace_goes_with_its_contents(kubectl: Kubectl) -> None:
    kubectl.ok("create", "namespace", "brief")
    kubectl.ok("create", "configmap", "inside", namespace="brief")
    kubectl.ok("delete", "namespace", "brief", "--timeout=30s")
    assert "not found" in kubectl.fails("get", "namespace", "brief")


def test_a_watch_prints_rows_as_they_change(kubectl: Kubectl, live: Sandbox, a_config_map: Build) -> None:
    process = kubectl.start("get", "configmaps", "--watch-only", "-o", "name", "--request-timeout=30s")
    assert process.stdout is not None
    # `--watch-only` starts with a list, and prints what comes after it: change until the first line is there.
    live.objects.create("configmaps", a_config_map("watched"))
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline() if process.stdout else ""))
    lines: list[str] = []
    reader.start()
    number = 0
    while not lines:
        number += 1
        live.objects.update("configmaps", a_config_map("watched", data={"a": str(number)}))
        reader.join(0.05)
    process.terminate()
    process.communicate()
    assert lines == ["configmap/watched\n"]


def test_events_are_listed_by_what_they_are_about(kubectl: Kubectl) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "told"},
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "name": "subject", "namespace": "default"},
        "reason": "Noticed",
        "message": "something was noticed",
        "type": "Normal",
        "source": {"component": "test"},
        "firstTimestamp": "2030-01-01T00:00:00Z",
        "lastTimestamp": "2030-01-01T00:00:00Z",
        "count": 1,
    }
    kubectl.ok("create", "-f", "-", text=event)
    assert "something was noticed" in kubectl.ok("get", "events", "--field-selector=involvedObject.name=subject")
    assert "something was noticed" in kubectl.ok("events", "--for=configmap/subject")
    assert "something was noticed" in kubectl.ok("get", "events.events.k8s.io", "told", "-o", "yaml")


def test_explain_of_a_custom_and_a_built_in_kind(kubectl: Kubectl, gates: str) -> None:
    explained = kubectl.ok("explain", "gate.spec.replicas")
    assert "How many." in explained
    assert "enum: Open, Closed" in kubectl.ok("explain", "gate.spec")
    assert "rollingUpdate" in kubectl.ok("explain", "deployment.spec.strategy")


def test_a_custom_kind_has_its_columns_and_short_names(kubectl: Kubectl, gates: str, a_gate: Build) -> None:
    kubectl.ok("create", "-f", "-", text=a_gate("listed", replicas=3))
    assert kubectl.ok("get", "gt", "listed").split() == ["NAME", "REPLICAS", "listed", "3"]
    assert "gate.example.com/listed" in kubectl.ok("get", "all", "-o", "name")
    assert "Replicas:" in kubectl.ok("describe", "gate", "listed")


def test_a_definition_is_applied_waited_for_and_deleted(
    kubectl: Kubectl, gate_definition: Manifest, a_gate: Build
) -> None:
    gate_definition["metadata"]["name"], gate_definition["spec"]["group"] = "gates.brief.example", "brief.example"
    gate_definition["spec"]["names"] |= {"categories": [], "shortNames": []}
    kubectl.ok("apply", "-f", "-", text=gate_definition)
    kubectl.ok("wait", "--for=condition=Established", "crd/gates.brief.example", "--timeout=10s")
    kubectl.ok("apply", "-f", "-", text=a_gate() | {"apiVersion": "brief.example/v1"})
    kubectl.ok("delete", "crd", "gates.brief.example", "--timeout=10s")
    assert kubectl.ok("api-resources", "--api-group=brief.example", "-o", "name") == ""


def test_everything_is_allowed(kubectl: Kubectl) -> None:
    assert kubectl.ok("auth", "can-i", "delete", "nodes") == "yes\n"
    assert "*.*" in kubectl.ok("auth", "can-i", "--list")
    assert "tidegate-sandbox" in kubectl.ok("auth", "whoami")


def test_long_lists_come_in_pages(kubectl: Kubectl, live: Sandbox, a_config_map: Build) -> None:
    for number in range(7):
        live.objects.create("configmaps", a_config_map(f"page-{number}", labels={"paged": "yes"}))
    assert kubectl.ok("get", "configmaps", "-l", "paged=yes", "--chunk-size=2", "-o", "name").count("\n") == 7
