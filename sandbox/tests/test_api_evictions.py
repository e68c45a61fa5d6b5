from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.server import Sandbox

Build = Callable[..., dict[str, Any]]
PODS, BUDGETS = "/api/v1/namespaces/default/pods", "poddisruptionbudgets.policy"
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


class Stage:
    """A Deployment of three ready pods in a simulated cluster, and a client that asks for evictions."""

    def __init__(self, sandbox: Sandbox, client: Any, deployment: dict[str, Any]) -> None:
        self.sandbox, self.api = sandbox, client
        self.deploy(deployment)

    def deploy(self, deployment: dict[str, Any]) -> None:
        self.sandbox.apply(deployment)
        self.sandbox.advance(1)

    def names(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.sandbox.objects.list("pods")]

    def pod(self, name: str) -> dict[str, Any]:
        return self.sandbox.objects.get("pods", "default", name)

    def unready(self, name: str) -> None:
        assert self.sandbox.world is not None
        self.sandbox.world.unready_pod("default", name)
        self.sandbox.settle()

    def protect(self, name: str = "budget", app: str = "web", **spec: Any) -> None:
        whole = {"selector": {"matchLabels": {"app": app}}, **spec}
        self.sandbox.objects.create(BUDGETS, {"metadata": {"name": name, "namespace": "default"}, "spec": whole})
        self.sandbox.settle()

    def numbers(self) -> tuple[int, int, int, int]:
        """Allowed, healthy, needed and expected as the budget's status has them."""
        status = self.sandbox.objects.get(BUDGETS, "default", "budget")["status"]
        fields = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
        allowed, healthy, needed, expected = (int(status[field]) for field in fields)
        return allowed, healthy, needed, expected

    def condition(self) -> tuple[str, str, str]:
        (entry,) = self.sandbox.objects.get(BUDGETS, "default", "budget")["status"]["conditions"]
        assert entry["type"] == "DisruptionAllowed"
        return entry["status"], entry["reason"], entry["message"]

    def evict(self, pod: str, query: str = "", **options: Any) -> Any:
        body: dict[str, Any] = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        if options:
            body["deleteOptions"] = options
        return self.api("POST", f"{PODS}/{pod}/eviction{query}", body)

    def evict_all(self) -> list[int]:
        """The answer for each pod; the controllers look in between."""
        codes = []
        for name in self.names():
            codes.append(self.evict(name).code)
            self.sandbox.settle()
        return codes


@pytest.fixture
def stage(client_of: Callable[[Sandbox], Any], a_deployment: Build) -> Iterator[Stage]:
    with Sandbox(clock=VirtualClock()) as running:
        yield Stage(running, client_of(running), a_deployment(replicas=3))


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        ({"minAvailable": 2}, (1, 3, 2, 3)),
        ({"minAvailable": "50%"}, (1, 3, 2, 3)),
        ({"minAvailable": "100%"}, (0, 3, 3, 3)),
        ({"minAvailable": 5}, (0, 3, 5, 3)),
        ({"maxUnavailable": 1}, (1, 3, 2, 3)),
        ({"maxUnavailable": 0}, (0, 3, 3, 3)),
        ({"maxUnavailable": "34%"}, (2, 3, 1, 3)),
        ({"maxUnavailable": 7}, (3, 3, 0, 3)),
        ({}, (0, 3, 0, 0)),
    ],
    ids=["min", "min per cent", "all", "more than there are", "max", "none", "max per cent", "any", "no bound"],
)
def test_a_budget_counts_its_pods(stage: Stage, spec: dict[str, Any], numbers: tuple[int, ...]) -> None:
    stage.protect(**spec)
    assert stage.numbers() == numbers
    assert stage.condition() == (("True", "SufficientPods", "") if numbers[0] else ("False", "InsufficientPods", ""))


def test_a_budget_follows_readiness_and_size(stage: Stage) -> None:
    stage.protect(maxUnavailable=1)
    stage.unready(stage.names()[0])
    assert stage.numbers() == (0, 2, 2, 3)
    deployment = stage.sandbox.objects.get("deployments.apps", "default", "web")
    deployment["spec"]["replicas"] = 6
    stage.sandbox.objects.update("deployments.apps", deployment)
    stage.sandbox.advance(1)
    assert stage.numbers() == (0, 5, 5, 6)


def test_a_budget_over_pods_without_a_countable_owner_allows_nothing(stage: Stage) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "u", "controller": True}
    metadata = {"name": "odd", "namespace": "default", "labels": {"app": "odd"}, "ownerReferences": [owner]}
    spec = {"containers": [{"name": "c", "image": "c:1"}]}
    stage.sandbox.objects.create("pods", {"metadata": metadata, "spec": spec})
    stage.sandbox.advance(1)
    stage.protect(app="odd", maxUnavailable=1)
    assert stage.condition() == ("False", "SyncFailed", 'found no controllers for pod "odd"')


def test_an_idle_budget_is_not_written_again(stage: Stage) -> None:
    stage.protect(minAvailable=2)
    before = stage.sandbox.objects.version
    stage.sandbox.advance(600)
    assert stage.sandbox.objects.version == before


@pytest.mark.parametrize(
    ("spec", "codes"),
    [
        ({"minAvailable": 2}, [201, 429, 429]),
        ({"maxUnavailable": 2}, [201, 201, 429]),
        ({"maxUnavailable": 0}, [429] * 3),
    ],
    ids=["one", "two", "none"],
)
def test_an_eviction_spends_the_budget(stage: Stage, spec: dict[str, Any], codes: list[int]) -> None:
    stage.protect(**spec)
    assert stage.evict_all() == codes


def test_a_refusal_says_what_the_real_server_says(stage: Stage) -> None:
    stage.protect(minAvailable=3)
    reply = stage.evict(stage.names()[0])
    cause = {
        "reason": "DisruptionBudget",
        "message": "The disruption budget budget needs 3 healthy pods and has 3 currently",
    }
    assert (reply.code, reply.json["reason"], reply.json["message"]) == (429, "TooManyRequests", REFUSED)
    assert [{**each, "field": ""} for each in reply.json["details"]["causes"]] == [{**cause, "field": ""}]
    assert "retry-after" not in reply.headers


def test_two_evictions_at_once_cannot_share_one_disruption(stage: Stage) -> None:
    """The controller has not looked in between: the status itself says what is left."""
    stage.protect(minAvailable=2)
    first, second, _ = stage.names()
    assert [stage.evict(first).code, stage.evict(second).code] == [201, 429]
    status = stage.sandbox.objects.get(BUDGETS, "default", "budget")["status"]
    assert list(status["disruptedPods"]) == [first]
    stage.sandbox.settle()
    assert "disruptedPods" not in stage.sandbox.objects.get(BUDGETS, "default", "budget")["status"]
    assert stage.numbers() == (
        0,
        2,
        2,
        4,
    )  # with a number as minAvailable the pod that goes is counted beside its successor


def test_a_budget_recovers_with_the_replacement(stage: Stage) -> None:
    stage.protect(minAvailable=2)
    stage.evict(stage.names()[0])
    stage.sandbox.advance(5)
    assert stage.numbers() == (1, 3, 2, 3)


def test_a_budget_that_nobody_has_looked_at_refuses_for_a_while(cluster: Sandbox, api: Any) -> None:
    """A server without controllers, as kube-apiserver alone is."""
    labels = {"app": "web"}
    spec = {"containers": [{"name": "c", "image": "c:1"}]}
    pod = cluster.objects.create(
        "pods", {"metadata": {"name": "p", "namespace": "default", "labels": labels}, "spec": spec}
    )
    cluster.objects.update("pods", pod | {"status": {"phase": "Running"}}, subresource="status")
    budget = {"selector": {"matchLabels": labels}, "minAvailable": 0}
    cluster.objects.create(BUDGETS, {"metadata": {"name": "new", "namespace": "default"}, "spec": budget})
    reply = api("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    cause = reply.json["details"]["causes"][0]["message"]
    assert (reply.code, reply.headers["retry-after"]) == (429, "10")
    assert cause == "The disruption budget new is still being processed by the server."


def test_two_budgets_over_one_pod_are_an_error(stage: Stage) -> None:
    stage.protect(maxUnavailable=2)
    stage.protect("other", maxUnavailable=2)
    reply = stage.evict(stage.names()[0])
    text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    assert (reply.code, reply.json["message"]) == (500, text)
    assert "reason" not in reply.json
    assert len(stage.names()) == 3


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"minAvailable": 2}, 201),
        ({"minAvailable": 3}, 429),
        ({"minAvailable": 3, "unhealthyPodEvictionPolicy": "AlwaysAllow"}, 201),
    ],
    ids=["the others suffice", "none to spare", "always allowed"],
)
def test_a_pod_that_is_not_ready_goes_where_it_is_not_missed(stage: Stage, spec: dict[str, Any], code: int) -> None:
    stage.protect(**spec)
    name = stage.names()[0]
    stage.unready(name)
    assert stage.evict(name).code == code


def test_a_pod_that_has_not_started_is_never_protected(stage: Stage, a_deployment: Build) -> None:
    template = a_deployment("late")["spec"]["template"]
    template["spec"]["containers"][0]["image"] = "app:does-not-exist"
    stage.deploy(a_deployment("late", replicas=1, template=template))
    stage.protect(app="late", minAvailable=1)
    (name,) = [each for each in stage.names() if each.startswith("late")]
    assert stage.pod(name)["status"]["phase"] == "Pending"
    assert stage.evict(name).code == 201


def test_an_evicted_pod_ends_with_its_grace_period_and_says_why(stage: Stage, a_deployment: Build) -> None:
    template = a_deployment("slow")["spec"]["template"]
    template["spec"]["containers"][0]["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", "10"]}}}
    stage.deploy(a_deployment("slow", replicas=1, template=template))
    (name,) = [each for each in stage.names() if each.startswith("slow")]
    assert stage.evict(name).code == 201
    stage.sandbox.advance(9)
    pod = stage.pod(name)
    assert pod["metadata"]["deletionGracePeriodSeconds"] == 30
    target = next(entry for entry in pod["status"]["conditions"] if entry["type"] == "DisruptionTarget")
    assert (target["status"], target["reason"]) == ("True", "EvictionByEvictionAPI")
    stage.sandbox.advance(1.5)
    assert name not in stage.names()


def test_a_shorter_grace_period_is_heeded(stage: Stage) -> None:
    name = stage.names()[0]
    assert stage.evict(name, gracePeriodSeconds=0).code == 201
    stage.sandbox.settle()
    assert name not in stage.names()


def test_an_eviction_means_one_pod_only(stage: Stage) -> None:
    name = stage.names()[0]
    reply = stage.evict(name, preconditions={"uid": "another"})
    assert (reply.code, reply.json["reason"]) == (409, "Conflict")
    assert "UID in the precondition (another) does not match" in reply.json["message"]
    assert "deletionTimestamp" not in stage.pod(name)["metadata"]
    assert stage.evict(name, preconditions={"uid": stage.pod(name)["metadata"]["uid"]}).code == 201


def test_an_eviction_may_mean_one_version_only(stage: Stage) -> None:
    name = stage.names()[0]
    assert stage.evict(name, preconditions={"resourceVersion": "1"}).code == 409
    version = stage.pod(name)["metadata"]["resourceVersion"]
    assert stage.evict(name, preconditions={"resourceVersion": version}).code == 201
    assert "deletionTimestamp" in stage.pod(name)["metadata"]


@pytest.mark.parametrize(("query", "options"), [("?dryRun=All", {}), ("", {"dryRun": ["All"]})], ids=["query", "body"])
def test_a_dry_run_asks_the_budget_and_changes_nothing(stage: Stage, query: str, options: dict[str, Any]) -> None:
    stage.protect(minAvailable=2)
    before = stage.sandbox.objects.version
    assert [stage.evict(name, query, **options).code for name in stage.names()] == [201] * 3
    assert stage.sandbox.objects.version == before
    stage.evict(stage.names()[0])
    assert stage.evict(stage.names()[1], query, **options).code == 429


def test_an_eviction_names_its_pod_twice(stage: Stage) -> None:
    name = stage.names()[0]
    reply = stage.api("POST", f"{PODS}/{name}/eviction", {"metadata": {"name": "other"}})
    assert (reply.code, reply.json["message"]) == (400, "name in URL does not match name in Eviction object")
    assert stage.evict("absent").code == 404


def test_without_a_budget_an_eviction_deletes(stage: Stage) -> None:
    name = stage.names()[0]
    reply = stage.evict(name)
    assert (reply.code, reply.json["status"], reply.json["kind"]) == (201, "Success", "Status")
    stage.sandbox.advance(1)
    assert name not in stage.names()
