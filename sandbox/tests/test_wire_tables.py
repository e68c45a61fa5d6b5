"""Server-side tables: the columns and texts that kubectl shows for each kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.wire.builtin_columns import COLUMNS
from tidegate_sandbox.wire.printer_columns import found_at, typed_cell
from tidegate_sandbox.wire.tables import human_duration, table

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = 86_400


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def an_object(name: str = "a", **parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": ago(minutes=5, seconds=3)}, **parts}


def row(resource: str, obj: dict[str, Any]) -> dict[str, Any]:
    """The cells of the only row by the name of their column."""
    made = table(resource, [obj], None, NOW)
    return dict(zip([c["name"] for c in made["columnDefinitions"]], made["rows"][0]["cells"], strict=True))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-5, "<invalid>", id="future"),
        pytest.param(-1, "0s", id="clocks-differ"),
        pytest.param(0.9, "0s", id="just-now"),
        pytest.param(119, "119s", id="below-two-minutes"),
        pytest.param(120, "2m", id="whole-minutes"),
        pytest.param(303, "5m3s", id="minutes-and-seconds"),
        pytest.param(600, "10m", id="ten-minutes"),
        pytest.param(10_799, "179m", id="below-three-hours"),
        pytest.param(10_800, "3h", id="three-hours"),
        pytest.param(12_000, "3h20m", id="hours-and-minutes"),
        pytest.param(8 * 3600, "8h", id="eight-hours"),
        pytest.param(2 * DAY + 4 * 3600, "2d4h", id="days-and-hours"),
        pytest.param(8 * DAY + 3600, "8d", id="eight-days"),
        pytest.param(729 * DAY, "729d", id="below-two-years"),
        pytest.param(2 * 365 * DAY, "2y", id="two-years"),
        pytest.param(3 * 365 * DAY + 20 * DAY, "3y20d", id="years-and-days"),
        pytest.param(9 * 365 * DAY + 20 * DAY, "9y", id="nine-years"),
    ],
)
def test_human_duration(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


@given(st.floats(-1, 1e10))
def test_a_human_duration_is_short(seconds: float) -> None:
    assert 2 <= len(human_duration(seconds)) <= 6


def a_pod(*statuses: dict[str, Any], phase: str = "Running", **parts: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": f"c{i}"} for i in range(max(1, len(statuses)))], **parts.pop("spec", {})}
    status = {"phase": phase, "containerStatuses": list(statuses), **parts.pop("status", {})}
    pod = an_object(spec=spec, status=status)
    pod["metadata"] |= parts
    return pod


RUNNING = {"ready": True, "state": {"running": {}}, "restartCount": 0}


@pytest.mark.parametrize(
    ("pod", "ready", "status", "restarts"),
    [
        pytest.param(a_pod(RUNNING), "1/1", "Running", "0", id="running"),
        pytest.param(a_pod(phase="Pending"), "0/1", "Pending", "0", id="pending"),
        pytest.param(
            a_pod({"state": {"waiting": {"reason": "ImagePullBackOff"}}}, phase="Pending"),
            "0/1", "ImagePullBackOff", "0", id="image",
        ),
        pytest.param(
            a_pod({
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3,
                "lastState": {"terminated": {"finishedAt": ago(seconds=30)}},
            }),
            "0/1", "CrashLoopBackOff", "3 (30s ago)", id="crash-loop",
        ),
        pytest.param(a_pod({"state": {"terminated": {"exitCode": 2}}}), "0/1", "ExitCode:2", "0", id="exit-code"),
        pytest.param(a_pod({"state": {"terminated": {"signal": 9}}}), "0/1", "Signal:9", "0", id="signal"),
        pytest.param(
            a_pod({"state": {"terminated": {"reason": "Completed"}}}, phase="Succeeded"),
            "0/1", "Completed", "0", id="completed",
        ),
        pytest.param(
            a_pod({"state": {"terminated": {"reason": "Completed"}}}, RUNNING),
            "1/2", "NotReady", "0", id="half-completed",
        ),
        pytest.param(a_pod(RUNNING, deletionTimestamp=ago()), "1/1", "Terminating", "0", id="terminating"),
        pytest.param(
            a_pod(status={"reason": "Evicted"}, phase="Failed"), "0/1", "Evicted", "0", id="evicted",
        ),
        pytest.param(
            a_pod(status={"conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}, phase="Pending"),
            "0/1", "SchedulingGated", "0", id="gated",
        ),
        pytest.param(
            a_pod(phase="Pending", spec={"initContainers": [{"name": "i"}, {"name": "j"}]},
                  status={"initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 0}}},
                                                    {"name": "j", "state": {"running": {}}}]}),
            "0/1", "Init:1/2", "0", id="second-init-container",
        ),
        pytest.param(
            a_pod(phase="Pending", spec={"initContainers": [{"name": "i"}]},
                  status={"initContainerStatuses": [{"name": "i", "restartCount": 1,
                                                     "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}),
            "0/1", "Init:Error", "1", id="init-error",
        ),
        pytest.param(
            a_pod(RUNNING, spec={"initContainers": [{"name": "mesh", "restartPolicy": "Always"}]},
                  status={"initContainerStatuses": [{"name": "mesh", "started": True, **RUNNING}]}),
            "2/2", "Running", "0", id="sidecar",
        ),
    ],
)  # fmt: skip
def test_pods(pod: dict[str, Any], ready: str, status: str, restarts: str) -> None:
    cells = row("pods", pod)
    assert (cells["Ready"], cells["Status"], cells["Restarts"]) == (ready, status, restarts)
    assert cells["Age"] == "5m3s"


TEMPLATE = {"spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "log", "image": "log:1"}]}}
SELECTOR = {
    "matchLabels": {"b": "2", "a": "1"},
    "matchExpressions": [{"key": "c", "operator": "In", "values": ["y", "x"]}],
}


@pytest.mark.parametrize(
    ("resource", "parts", "wanted"),
    [
        pytest.param(
            "deployments.apps",
            {"spec": {"replicas": 3, "template": TEMPLATE, "selector": SELECTOR},
             "status": {"readyReplicas": 2, "updatedReplicas": 1}},
            {"Ready": "2/3", "Up-to-date": 1, "Available": 0, "Containers": "web,log", "Images": "web:1,log:1",
             "Selector": "a=1,b=2,c in (x,y)"},
            id="deployment",
        ),
        pytest.param("replicasets.apps", {"spec": {"replicas": 0}, "status": {"replicas": 2}},
                     {"Desired": 0, "Current": 2, "Ready": 0, "Selector": "<none>"}, id="replica-set"),
        pytest.param("statefulsets.apps", {"spec": {}, "status": {"readyReplicas": 1}}, {"Ready": "1/1"},
                     id="stateful-set"),
        pytest.param("daemonsets.apps", {"status": {"desiredNumberScheduled": 3, "numberReady": 2}},
                     {"Desired": 3, "Current": 0, "Ready": 2, "Node Selector": "<none>"}, id="daemon-set"),
        pytest.param(
            "jobs.batch", {"spec": {"completions": 2}, "status": {"succeeded": 1, "startTime": ago(seconds=90)}},
            {"Status": "Running", "Completions": "1/2", "Duration": "90s"}, id="running-job",
        ),
        pytest.param(
            "jobs.batch",
            {"spec": {"completions": 1}, "status": {"succeeded": 1, "startTime": ago(minutes=9),
             "completionTime": ago(minutes=7), "conditions": [{"type": "Complete", "status": "True"}]}},
            {"Status": "Complete", "Completions": "1/1", "Duration": "2m"}, id="finished-job",
        ),
        pytest.param("jobs.batch", {"spec": {"parallelism": 3}, "status": {}}, {"Completions": "0/1 of 3", "Duration": ""},
                     id="parallel-job"),
        pytest.param("cronjobs.batch", {"spec": {"schedule": "@daily", "suspend": True}, "status": {"active": [{}]}},
                     {"Schedule": "@daily", "Timezone": "<none>", "Suspend": "True", "Active": 1,
                      "Last Schedule": "<none>"}, id="cron-job"),
        pytest.param(
            "services",
            {"spec": {"type": "NodePort", "clusterIPs": ["10.0.0.1"], "selector": {"a": "b"},
             "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}},
            {"Type": "NodePort", "Cluster-IP": "10.0.0.1", "External-IP": "<none>", "Port(s)": "80:30080/TCP,53/UDP",
             "Selector": "a=b"}, id="service",
        ),
        pytest.param("services", {"spec": {"type": "LoadBalancer"}},
                     {"External-IP": "<pending>", "Port(s)": "<none>", "Cluster-IP": "<none>"}, id="balancer-pending"),
        pytest.param("services", {"spec": {"type": "ExternalName", "externalName": "x.y"}}, {"External-IP": "x.y"},
                     id="external-name"),
        pytest.param(
            "ingresses.networking.k8s.io",
            {"spec": {"ingressClassName": "nginx", "tls": [{}], "rules": [{"host": h} for h in "abcde"]},
             "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}},
            {"Class": "nginx", "Hosts": "a,b,c + 2 more...", "Address": "1.2.3.4", "Ports": "80, 443"}, id="ingress",
        ),
        pytest.param("ingresses.networking.k8s.io", {"spec": {"rules": [{}]}},
                     {"Class": "<none>", "Hosts": "*", "Address": "", "Ports": "80"}, id="bare-ingress"),
        pytest.param(
            "endpointslices.discovery.k8s.io",
            {"addressType": "IPv4", "ports": [{"port": 8080}], "endpoints": [{"addresses": ["10.0.0.1"]}]},
            {"AddressType": "IPv4", "Ports": "8080", "Endpoints": "10.0.0.1"}, id="endpoint-slice",
        ),
        pytest.param("endpointslices.discovery.k8s.io", {"addressType": "IPv4", "ports": None, "endpoints": None},
                     {"Ports": "<unset>", "Endpoints": "<unset>"}, id="empty-endpoint-slice"),
        pytest.param(
            "events",
            {"type": "Normal", "reason": "Scaled", "message": " up \n", "count": 4, "lastTimestamp": ago(seconds=9),
             "firstTimestamp": ago(minutes=3), "involvedObject": {"kind": "Pod", "name": "p"},
             "source": {"component": "sim", "host": "n1"}},
            {"Last Seen": "9s", "Object": "pod/p", "Message": "up", "Count": 4, "First Seen": "3m", "Source": "sim, n1"},
            id="event",
        ),
        pytest.param(
            "events.events.k8s.io",
            {"eventTime": "2029-12-31T23:59:50.000000Z", "regarding": {"kind": "Pod", "name": "p"}, "note": "hi",
             "reportingController": "rc"},
            {"Last Seen": "10s", "Object": "pod/p", "Message": "hi", "Source": "rc", "Count": 1}, id="new-event",
        ),
        pytest.param("namespaces", {"status": {"phase": "Active"}}, {"Status": "Active"}, id="namespace"),
        pytest.param(
            "nodes",
            {"spec": {"unschedulable": True}, "status": {"conditions": [{"type": "Ready", "status": "True"}],
             "nodeInfo": {"kubeletVersion": "v1.34.0"}, "addresses": [{"type": "InternalIP", "address": "10.1.1.1"}]}},
            {"Status": "Ready,SchedulingDisabled", "Roles": "<none>", "Version": "v1.34.0", "Internal-IP": "10.1.1.1",
             "External-IP": "<none>"}, id="node",
        ),
        pytest.param("configmaps", {"data": {"a": ""}, "binaryData": {"b": "", "c": ""}}, {"Data": 3}, id="config-map"),
        pytest.param("secrets", {"type": "Opaque", "data": {"a": ""}}, {"Type": "Opaque", "Data": 1}, id="secret"),
        pytest.param("serviceaccounts", {}, {"Secrets": 0}, id="service-account"),
        pytest.param(
            "horizontalpodautoscalers.autoscaling",
            {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "minReplicas": 1, "maxReplicas": 9,
             "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}]},
             "status": {"currentReplicas": 2,
             "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 42}}}]}},
            {"Reference": "Deployment/d", "Targets": "cpu: 42%/80%", "MinPods": "1", "MaxPods": 9, "Replicas": 2},
            id="autoscaler",
        ),
        pytest.param("horizontalpodautoscalers.autoscaling", {"spec": {"targetCPUUtilizationPercentage": 50}},
                     {"Targets": "cpu: <unknown>/50%", "MinPods": "<unset>"}, id="autoscaler-v1"),
        pytest.param("poddisruptionbudgets.policy", {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1}},
                     {"Min Available": "50%", "Max Unavailable": "N/A", "Allowed Disruptions": 1}, id="budget"),
        pytest.param(
            "resourcequotas",
            {"status": {"hard": {"pods": "3", "cpu": "2", "limits.cpu": "4"}, "used": {"cpu": "500m"}}},
            {"Request": "cpu: 500m/2, pods: 0/3", "Limit": "limits.cpu: 0/4"}, id="quota",
        ),
        pytest.param(
            "persistentvolumes",
            {"spec": {"accessModes": ["ReadWriteMany", "ReadWriteOnce"], "claimRef": {"namespace": "n", "name": "c"}}},
            {"Access Modes": "RWO,RWX", "Claim": "n/c", "VolumeAttributesClass": "<unset>"}, id="volume",
        ),
        pytest.param("podtemplates", {"template": TEMPLATE},
                     {"Containers": "web,log", "Images": "web:1,log:1", "Pod Labels": "<none>"}, id="pod-template"),
        pytest.param(
            "nodes", {"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/control-plane": ""}}},
            {"Roles": "control-plane", "Status": "Unknown"}, id="control-plane",
        ),
        pytest.param("endpoints", {"subsets": [{"addresses": [{"ip": "1.1.1.1"}], "ports": [{"port": 80}]}]},
                     {"Endpoints": "1.1.1.1:80"}, id="endpoints"),
        pytest.param(
            "controllerrevisions.apps",
            {"revision": 2, "metadata": {"name": "r", "ownerReferences": [
                {"controller": True, "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s"}]}},
            {"Controller": "statefulset.apps/s", "Revision": 2}, id="controller-revision",
        ),
        pytest.param("jobs.batch", {"status": {"conditions": [{"type": "Failed", "status": "True"}]}},
                     {"Status": "Failed"}, id="failed-job"),
        pytest.param("jobs.batch", {"status": {"conditions": [{"type": "Suspended", "status": "True"}]}},
                     {"Status": "Suspended"}, id="suspended-job"),
        pytest.param(
            "horizontalpodautoscalers.autoscaling",
            {"spec": {"metrics": [
                {"type": "Pods", "pods": {"target": {"averageValue": "10"}}},
                {"type": "External", "external": {"target": {"value": "5"}}},
                {"type": "Object", "object": {"target": {"averageValue": "1"}}}]},
             "status": {"currentMetrics": [{"type": "Pods", "pods": {"current": {"averageValue": "7"}}}]}},
            {"Targets": "7/10, <unknown>/5 + 1 more..."}, id="autoscaler-of-many-metrics",
        ),
        pytest.param("leases.coordination.k8s.io", {"spec": {"holderIdentity": "me"}}, {"Holder": "me"}, id="lease"),
        pytest.param(
            "rolebindings.rbac.authorization.k8s.io",
            {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [
                {"kind": "ServiceAccount", "namespace": "n", "name": "s"}, {"kind": "User", "name": "u"}]},
            {"Role": "Role/r", "Users": "u", "Groups": "", "ServiceAccounts": "n/s"}, id="role-binding",
        ),
        pytest.param("customresourcedefinitions.apiextensions.k8s.io", {}, {"Created At": ago(minutes=5, seconds=3)},
                     id="default-columns"),
    ],
)  # fmt: skip
def test_builtin_kinds(resource: str, parts: dict[str, Any], wanted: dict[str, Any]) -> None:
    cells = row(resource, an_object(**parts))
    assert {name: cells[name] for name in wanted} == wanted


@pytest.mark.parametrize("resource", sorted(COLUMNS))
def test_every_kind_has_a_row_even_for_an_object_without_spec_and_status(resource: str) -> None:
    made = table(resource, [{"metadata": {"name": "a"}}], None, NOW)
    assert len(made["rows"][0]["cells"]) == len(made["columnDefinitions"])


def test_wide_columns_have_a_priority() -> None:
    made = table("pods", [], None, NOW)
    shown = [c["name"] for c in made["columnDefinitions"] if c["priority"] == 0]
    assert shown == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert made["columnDefinitions"][0]["format"] == "name"


COLUMNS_OF_A_CRD: list[dict[str, Any]] = [
    {"name": "Desired", "type": "integer", "jsonPath": ".spec.replicas"},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase", "priority": 1, "description": "Where it is."},
    {"name": "Paused", "type": "boolean", "jsonPath": ".spec.paused"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def test_a_custom_kind_shows_its_printer_columns() -> None:
    obj = an_object(spec={"replicas": 3, "paused": False}, status={"phase": "Healthy"})
    made = table("things.example.com", [obj], COLUMNS_OF_A_CRD, NOW)
    assert [c["name"] for c in made["columnDefinitions"]] == ["Name", "Desired", "Phase", "Paused", "Age"]
    assert made["columnDefinitions"][2]["priority"] == 1
    assert made["rows"][0]["cells"] == ["a", 3, "Healthy", False, "5m3s"]


def test_missing_values_of_a_custom_kind_are_null() -> None:
    made = table("things.example.com", [an_object()], COLUMNS_OF_A_CRD, NOW)
    assert made["rows"][0]["cells"] == ["a", None, None, None, "5m3s"]


def test_a_custom_kind_without_columns_shows_name_and_age() -> None:
    assert table("things.example.com", [an_object()], [], NOW)["rows"][0]["cells"] == ["a", "5m3s"]


@pytest.mark.parametrize(
    ("include", "kind"),
    [
        pytest.param("Metadata", "PartialObjectMetadata", id="metadata"),
        pytest.param("Object", "Thing", id="object"),
        pytest.param("None", None, id="none"),
    ],
)
def test_rows_carry_as_much_of_the_object_as_was_asked_for(include: Any, kind: str | None) -> None:
    made = table("things.example.com", [an_object(kind="Thing")], None, NOW, include)
    assert made["rows"][0].get("object", {}).get("kind") == kind


TREE = {
    "metadata": {"annotations": {"a.b/c": "dotted"}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False", "n": 2}]},
}


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        pytest.param(".status.conditions[0].type", ["Ready"], id="index"),
        pytest.param(".status.conditions[-1].type", ["Other"], id="from-the-end"),
        pytest.param(".status.conditions[*].type", ["Ready", "Other"], id="all"),
        pytest.param('.status.conditions[?(@.type=="Ready")].status', ["True"], id="filter"),
        pytest.param(".status.conditions[?(@.type!='Ready')].status", ["False"], id="filter-out"),
        pytest.param(".status.conditions[?(@.n==2)].type", ["Other"], id="filter-by-number"),
        pytest.param(r".metadata.annotations.a\.b/c", ["dotted"], id="escaped-dot"),
        pytest.param(".metadata.annotations['a.b/c']", ["dotted"], id="quoted"),
        pytest.param(".status.conditions[9].type", [], id="out-of-range"),
        pytest.param(".spec.nothing", [], id="missing"),
    ],
)
def test_paths_of_printer_columns(path: str, wanted: list[Any]) -> None:
    assert found_at(TREE, path) == wanted


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("status", id="no-dot"),
        pytest.param(".status[", id="open-bracket"),
        pytest.param(".status[?(x)]", id="filter-without-comparison"),
        pytest.param("..", id="descent"),
        pytest.param(".status.conditions[?(@.type==Ready)]", id="bare-word"),
    ],
)
def test_a_path_that_cannot_be_read_names_the_rest(path: str) -> None:
    with pytest.raises(BadRequest, match="jsonPath"):
        found_at(TREE, path)


@pytest.mark.parametrize(
    ("value", "kind", "wanted"),
    [
        pytest.param(3, "string", "3", id="number-as-text"),
        pytest.param(True, "string", "true", id="truth-as-text"),
        pytest.param({"a": 1}, "string", '{"a":1}', id="object-as-text"),
        pytest.param(2.9, "integer", 2, id="integer"),
        pytest.param(2, "number", 2.0, id="number"),
        pytest.param(True, "integer", None, id="truth-is-no-number"),
        pytest.param("x", "integer", None, id="text-is-no-number"),
        pytest.param("x", "boolean", None, id="text-is-no-truth"),
        pytest.param("soon", "date", "<invalid>", id="bad-date"),
        pytest.param("2029-12-31T23:59:00.5Z", "date", "59s", id="date"),
    ],
)
def test_cells_have_the_type_of_their_column(value: Any, kind: str, wanted: Any) -> None:
    cell = typed_cell(value, kind, NOW)
    assert cell == wanted
    assert type(cell) is type(wanted)
