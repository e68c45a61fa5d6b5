"""What the runtime makes of a router's declarations: other namespaces, labels, versions, clusters, status and events."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from tidegate.hooks import (
    Capability,
    Event,
    Kind,
    Manifest,
    Objects,
    Ref,
    Rule,
    Target,
    TrafficRouter,
    Verdict,
    Weights,
)
from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.faults import Fault, FaultKind
from tidegate_sandbox.server import Sandbox

ROLLOUTS, PATHS = "rollouts.argoproj.io", "paths.example.org"
PATH = Kind("example.org", "v1", "Path", "paths", versions=("v1beta1",))
SELECTOR = "example.org/primary=true"
GATEWAYS = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gateways"}}
BALANCER = {"loadBalancer": {"name": "east"}, "ingress": "web"}
STEPS = [{"setWeight": 50}, {"pause": {}}]


def a_definition(*versions: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = [{"name": v, "served": True, "storage": v == versions[0], "schema": schema} for v in versions]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": PATHS},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "paths", "singular": "path", "kind": "Path", "listKind": "PathList"},
            "versions": served,
        },
    }


def a_path(name: str = "web", namespace: str = "default", version: str = "v1", **labels: str) -> dict[str, Any]:
    where = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": f"example.org/{version}", "kind": "Path", "metadata": where, "spec": {}}


class PathsConfig(BaseModel):
    path: str = ""
    namespace: str = ""
    team: str = ""


class Paths(TrafficRouter[PathsConfig]):
    """Writes the share into one Path, in any namespace, and into every Path of a team."""

    name = "example.org/paths"
    config = PathsConfig
    can = frozenset({Capability.WEIGHTS, Capability.VERIFY})
    needs: ClassVar[Sequence[Rule]] = (Rule("example.org", "paths", "get list watch create patch"),)
    remote = SELECTOR
    status_fields = ("alb",)  # the API server prunes what the definition of Rollouts does not know

    def __init__(self) -> None:
        self.verdict = Verdict(True)

    def reads(self, target: Target[PathsConfig]) -> Sequence[Ref]:
        config, found = target.config, []
        if config.path:
            found.append(Ref(PATH, config.path, path=f"{target.path}.path", namespace=config.namespace))
        if config.team:
            found.append(Ref(PATH, "", required=False, labels={"team": config.team}))
        return found

    def set_weights(self, target: Target[PathsConfig], weights: Weights, objects: Objects) -> None:
        config = target.config
        if config.path:
            objects.edit(PATH, config.path, namespace=config.namespace)["spec"]["canary"] = weights.canary
        for found in objects.select(PATH, {"team": config.team}) if config.team else ():
            objects.edit(PATH, found["metadata"]["name"])["spec"]["canary"] = weights.canary

    def verify_weights(self, target: Target[PathsConfig], weights: Weights, objects: Objects) -> Verdict:
        return self.verdict

    def clean_up(self, target: Target[PathsConfig], objects: Objects) -> None:
        config = target.config
        if objects.get(PATH, config.path, config.namespace) is not None:
            objects.edit(PATH, config.path, namespace=config.namespace)["spec"].pop("canary", None)


def shares(sandbox: Any, namespace: str = "default") -> dict[str, Any]:
    return {p["metadata"]["name"]: p["spec"].get("canary") for p in sandbox.objects.list(PATHS, namespace)}


@pytest.fixture
def paths(cluster: Any) -> Any:
    """The cluster with the router of Paths instead of the usual one."""
    cluster.router = Paths()
    return cluster


def start(paths: Any, build: Any, *manifests: dict[str, Any], versions: Sequence[str] = ("v1",), **config: str) -> Any:
    """Install what there is and a Rollout, start an engine, and wait for the first revision."""
    if versions:
        paths.sandbox.apply(a_definition(*versions))
    paths.sandbox.apply([build.service("app-canary"), build.service("app-stable"), *manifests])
    routing = {"plugins": {"example.org/paths": config}}
    services = {"canaryService": "app-canary", "stableService": "app-stable"}
    paths.sandbox.apply(build.rollout(steps=STEPS, trafficRouting=routing, **services))
    return paths.engine(absent_s=0.05)


def invalid(paths: Any) -> str:
    found = [c for c in paths.status().get("conditions") or [] if c["type"] == "InvalidSpec"]
    return str(found[0]["message"]) if found else ""


def test_an_object_in_another_namespace_is_written_watched_and_repaired(paths: Any, build: Any) -> None:
    paths.sandbox.apply(GATEWAYS)
    start(paths, build, a_path(namespace="gateways"), path="web", namespace="gateways")
    paths.until(paths.healthy, 0.5)
    paths.ship("app:v2")
    paths.until(lambda: shares(paths.sandbox, "gateways") == {"web": 50}, 0.5)
    theirs = next(iter(paths.sandbox.objects.list(PATHS, "gateways")))
    paths.sandbox.objects.update(PATHS, {**theirs, "spec": {"canary": 99}})
    paths.until(lambda: shares(paths.sandbox, "gateways") == {"web": 50})


def test_an_object_that_is_missing_in_another_namespace_is_named_with_it(paths: Any, build: Any) -> None:
    paths.sandbox.apply(GATEWAYS)
    start(paths, build, a_path(), path="web", namespace="gateways")
    paths.until(lambda: 'paths.example.org "web" not found in namespace gateways' in invalid(paths), 0.5)
    paths.sandbox.apply(a_path(namespace="gateways"))
    paths.until(paths.healthy, 0.5)


def test_objects_are_found_by_their_labels_and_a_new_one_wakes_the_rollout(paths: Any, build: Any) -> None:
    start(paths, build, a_path("one", team="shop"), a_path("other", team="bank"), team="shop")
    paths.until(paths.healthy, 0.5)
    paths.ship("app:v2")
    paths.until(lambda: shares(paths.sandbox) == {"one": 50, "other": None}, 0.5)
    paths.sandbox.apply(a_path("two", team="shop"))
    paths.until(lambda: shares(paths.sandbox)["two"] == 50)


WHOLE = (
    Kind("", "v1", "Service", "services"),
    Kind("apps", "v1", "ReplicaSet", "replicasets"),
    Kind("", "v1", "Pod", "pods"),
    Kind("argoproj.io", "v1alpha1", "Rollout", "rollouts"),
)


class Reading(Paths):
    """Looks at objects of kinds that the controller itself watches too."""

    needs = (*Paths.needs, *(Rule(kind.group, kind.plural, "get list watch") for kind in WHOLE))

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[Manifest]] = {}

    def reads(self, target: Target[PathsConfig]) -> Sequence[Ref]:
        return [*super().reads(target), *(Ref(kind, "", required=False) for kind in WHOLE)]

    def set_weights(self, target: Target[PathsConfig], weights: Weights, objects: Objects) -> None:
        super().set_weights(target, weights, objects)
        self.seen = {kind.kind: list(objects.select(kind, {})) for kind in WHOLE}


@pytest.mark.parametrize("kind", WHOLE, ids=[kind.kind for kind in WHOLE])
def test_a_router_is_given_whole_objects_of_kinds_that_the_controller_watches_too(
    paths: Any, build: Any, kind: Kind
) -> None:
    paths.router = Reading()
    start(paths, build, a_path(), path="web")
    paths.until(paths.healthy, 0.5)
    paths.until(lambda: paths.router.seen.get(kind.kind))
    resource = f"{kind.plural}.{kind.group}".rstrip(".")
    stored = {item["metadata"]["name"]: item for item in paths.sandbox.objects.list(resource, "default")}
    for found in paths.router.seen[kind.kind]:
        assert isinstance(found, dict)
        assert found["spec"].keys() == stored[found["metadata"]["name"]]["spec"].keys()


def test_the_first_version_that_is_served_is_used(paths: Any, build: Any) -> None:
    start(paths, build, a_path(version="v1beta1"), versions=("v1beta1",), path="web")
    paths.until(paths.healthy, 0.5)
    paths.ship("app:v2")
    paths.until(lambda: shares(paths.sandbox) == {"web": 50}, 0.5)


def test_the_preferred_version_is_used_where_both_are_served(paths: Any, build: Any) -> None:
    engine = start(paths, build, a_path(), versions=("v1", "v1beta1"), path="web")
    paths.until(paths.healthy, 0.5)
    assert engine.watches.served(PATH).api_version == "example.org/v1"


def test_a_kind_that_is_not_served_makes_the_rollout_wait_until_it_is(paths: Any, build: Any) -> None:
    start(paths, build, versions=(), path="web")
    said = 'paths.example.org "web" not found; the API server does not serve the kind: install its CRDs'
    paths.until(lambda: said in invalid(paths), 0.5)
    paths.sandbox.apply(a_definition("v1"))
    paths.sandbox.apply(a_path())
    paths.until(paths.healthy, 0.5)


# --- another cluster ---


@pytest.fixture
def far() -> Iterator[Any]:
    with Sandbox(clock=VirtualClock()) as running:
        running.apply(a_definition("v1"))
        running.apply(a_path())
        yield running


def a_secret(far: Any, folder: Path, name: str = "primary") -> dict[str, Any]:
    config = far.kubeconfig(folder / f"{name}.yaml").read_bytes()
    labels = dict([SELECTOR.split("=")])
    metadata = {"name": name, "namespace": "default", "labels": labels}
    data = {"east": base64.b64encode(config).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def test_the_objects_live_in_the_cluster_that_the_secret_leads_to(
    paths: Any, build: Any, far: Any, tmp_path: Path
) -> None:
    start(paths, build, a_path(), a_secret(far, tmp_path), path="web")
    paths.until(paths.healthy, 0.5)
    paths.ship("app:v2")
    paths.until(lambda: shares(far) == {"web": 50}, 0.5)
    assert shares(paths.sandbox) == {"web": None}
    theirs = next(iter(far.objects.list(PATHS, "default")))
    far.objects.update(PATHS, {**theirs, "spec": {"canary": 99}})
    paths.until(lambda: shares(far) == {"web": 50})


def test_two_secrets_are_an_error_until_one_is_gone(paths: Any, build: Any, far: Any, tmp_path: Path) -> None:
    both = [a_secret(far, tmp_path), a_secret(far, tmp_path, "second")]
    start(paths, build, a_path(), *both, path="web")
    said = f"several Secrets are labelled {SELECTOR}: default/primary, default/second; keep one of them"
    paths.until(lambda: said in invalid(paths), 0.5)
    assert (shares(paths.sandbox), shares(far)) == ({"web": None}, {"web": None})
    paths.sandbox.objects.delete("secrets", "default", "second")
    paths.until(lambda: paths.healthy() and shares(far) == {"web": 0}, 0.5)


def test_a_secret_that_comes_and_goes_is_followed(paths: Any, build: Any, far: Any, tmp_path: Path) -> None:
    start(paths, build, a_path(), path="web")
    paths.until(lambda: paths.healthy() and shares(paths.sandbox) == {"web": 0}, 0.5)
    paths.sandbox.apply(a_secret(far, tmp_path))
    paths.until(lambda: shares(far) == {"web": 0}, 0.5)
    paths.ship("app:v2")
    paths.until(lambda: shares(far) == {"web": 50}, 0.5)
    assert shares(paths.sandbox) == {"web": 0}
    paths.sandbox.objects.delete("secrets", "default", "primary")
    paths.until(lambda: shares(paths.sandbox) == {"web": 50}, 0.5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "it is not YAML"),
        (b"hello", "it is no kubeconfig"),
        (b"{kind: Config, users: [{name: eve, user: {exec: {command: sh}}}]}", "user eve has exec"),
        (b"{kind: Config, users: [{name: eve, user: {tokenFile: /var/run/x}}]}", "user eve has tokenFile"),
        (b"{kind: Config, clusters: [{name: c, cluster: {certificate-authority: /x}}]}", "cluster c names a file"),
        (b"{kind: Config, current-context: none}", "Secret default/primary leads nowhere"),
    ],
    ids=["no yaml", "no config", "program", "token file", "ca file", "no context"],
)
def test_a_kubeconfig_that_cannot_be_used_is_said_at_the_rollout(
    paths: Any, build: Any, far: Any, tmp_path: Path, content: bytes, said: str
) -> None:
    secret = a_secret(far, tmp_path)
    secret["data"]["east"] = base64.b64encode(content).decode()
    start(paths, build, a_path(), secret, path="web")
    paths.until(lambda: said in invalid(paths), 0.5)
    assert shares(paths.sandbox) == {"web": None}


def test_without_the_right_to_read_secrets_nothing_is_written_anywhere(paths: Any, build: Any) -> None:
    paths.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("list",), "secrets", count=None, code=403))
    start(paths, build, a_path(), path="web")
    paths.until(lambda: paths.requests("GET", "secrets", "403") > 3, 0.5)
    assert shares(paths.sandbox) == {"web": None}


# --- verdicts ---


def test_a_verdict_puts_the_routers_fields_into_the_status_and_takes_them_out(paths: Any, build: Any) -> None:
    start(paths, build, a_path(), path="web")
    paths.router.verdict = Verdict(True, status={"alb": BALANCER})
    paths.until(paths.healthy, 0.5)
    paths.ship("app:v2")
    paths.until(lambda: paths.status().get("alb") == BALANCER, 0.5)

    def leave(rollout: Any) -> None:
        del rollout["spec"]["strategy"]["canary"]["trafficRouting"]

    paths.edit(ROLLOUTS, "app", leave)
    paths.until(lambda: "alb" not in paths.status() and shares(paths.sandbox) == {"web": None}, 0.5)


def test_the_events_of_a_verdict_are_sent_once_for_each_change(paths: Any, build: Any) -> None:
    def said(verified: bool) -> Verdict:
        return Verdict(verified, str(verified), events=(Event("PathsTold", f"in force: {verified}"),))

    start(paths, build, a_path(), path="web")
    paths.until(paths.healthy, 0.5)
    paths.router.verdict = said(False)
    paths.ship("app:v2")
    paths.until(lambda: [e for e in paths.events() if e[0] == "PathsTold"], 0.5)
    for _ in range(5):
        paths.sandbox.advance(10)
        paths.until(lambda: True)
    paths.router.verdict = said(True)
    paths.until(lambda: paths.phase()[0] == "Paused", 1.0)
    paths.until(lambda: len([e for e in paths.events() if e[0] == "PathsTold"]) == 2, 0.5)
    told = sorted(each for each in paths.events() if each[0] == "PathsTold")
    assert told == [("PathsTold", "in force: False", 1), ("PathsTold", "in force: True", 1)]


def test_c05_a_status_field_that_was_not_declared_is_a_fault_of_the_plugin(paths: Any, build: Any) -> None:
    start(paths, build, a_path(), path="web")
    paths.until(paths.healthy, 0.5)
    paths.router.verdict = Verdict(True, status={"stableRS": "abc"})
    paths.ship("app:v2")
    text = "answered with status.stableRS, which `status_fields` does not declare"
    paths.until(lambda: [e for e in paths.events() if e[0] == "WeightVerifyError" and text in e[1]], 0.5)
    assert paths.status()["stableRS"] != "abc"
