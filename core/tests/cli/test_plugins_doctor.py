"""`tidegate plugins`: what is said of installed plugins, and what keeps them from working in a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from pydantic import BaseModel

from tidegate.cli.plugins_findings import Examiner, Finding, Grade, loading_findings
from tidegate.errors import ConfigError, Forbidden, NotFound
from tidegate.hooks import Objects, Ref, Rule, Target, TrafficRouter, Weights
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection

Run = Callable[..., Result]


class Nothing(BaseModel):
    """A config without fields."""


class Tidal(TrafficRouter[Nothing]):
    """Writes nothing; it is only looked at."""

    name = "tidal"
    config = Nothing
    needs = (Rule("example.com", "tides", "get list patch"), Rule("", "services", "get"))
    remote = "example.com/primary=true"

    def reads(self, target: Target[Nothing]) -> Sequence[Ref]:
        return ()

    def set_weights(self, target: Target[Nothing], weights: Weights, objects: Objects) -> None:
        """Nothing."""


class Server:
    """Answers by path; access reviews by (plural, verb). `reviews` keeps what was asked."""

    def __init__(self) -> None:
        self.served = {"example.com": {"v1": ["tides"], "v1beta1": ["tides"], "v2": ["moons"]}}
        self.denied: set[tuple[str, str]] = set()
        self.secrets: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.reviews: list[dict[str, Any]] = []

    def request(self, method: str, path: str, body: Any = None, *, query: dict[str, str] | None = None) -> Any:
        if error := next((each for part, each in self.failures.items() if part in path), None):
            raise error
        parts = path.strip("/").split("/")
        match parts:
            case ["apis", "authorization.k8s.io", _, _]:
                self.reviews.append(body["spec"])
                attributes = body["spec"]["resourceAttributes"]
                return {"status": {"allowed": (attributes["resource"], attributes["verb"]) not in self.denied}}
            case ["api", "v1"]:
                return {"resources": [{"name": "services"}]}
            case ["apis", group] if group in self.served:
                return {"versions": [{"version": version} for version in self.served[group]]}
            case ["apis", group, version] if group in self.served:
                return {"resources": [{"name": name} for name in self.served[group][version]]}
            case ["api", "v1", "namespaces", "home", "secrets"]:
                assert query == {"labelSelector": Tidal.remote}
                return {"items": [{"metadata": {"name": name}} for name in self.secrets]}
            case _:
                raise NotFound(f"GET {path}: 404", code=404, reason="NotFound")


@pytest.fixture
def server() -> Server:
    return Server()


def examined(server: Server, account: str = "") -> list[Finding]:
    (record,) = load_objects({"tidal": Tidal}).plugins
    assert record.error == ""
    return list(Examiner(server, "home", account).findings(record))


def bad(found: list[Finding]) -> list[tuple[Grade, str]]:
    return [(each.grade, each.found) for each in found if each.grade is not Grade.NOTE]


def test_a_plugin_that_has_all_it_needs_has_notes_only(server: Server) -> None:
    found = examined(server)
    assert [each.found for each in found] == [
        "tides.example.com is served as v1, v1beta1",
        "services is served as v1",
        "its objects are in this cluster",
    ]
    assert bad(found) == []
    assert {review["resourceAttributes"]["verb"] for review in server.reviews} == {"get", "list", "patch"}


def test_missing_rights_are_one_error_for_each_resource(server: Server) -> None:
    server.denied = {("tides", "list"), ("tides", "patch"), ("services", "get")}
    found = [each for each in examined(server) if each.grade is Grade.ERROR]
    assert [each.found for each in found] == ["you may not list, patch tides.example.com", "you may not get services"]
    assert {each.remedy for each in found} == {"grant it: tidegate plugins rbac | kubectl apply -f -"}


def test_the_controllers_account_is_asked_about_by_name(server: Server) -> None:
    server.denied = {("services", "get")}
    found = examined(server, "argo-rollouts/tidegate")
    assert bad(found) == [(Grade.ERROR, "service account argo-rollouts/tidegate may not get services")]
    assert {review["user"] for review in server.reviews} == {"system:serviceaccount:argo-rollouts:tidegate"}


def test_rights_that_may_not_be_asked_about_are_a_warning(server: Server) -> None:
    server.failures["accessreviews"] = Forbidden("cannot create subjectaccessreviews", code=403)
    said = "its rights cannot be looked at: cannot create subjectaccessreviews"
    assert bad(examined(server, "a/b")) == [(Grade.WARNING, said)]


@pytest.mark.parametrize("served", [{}, {"example.com": {"v1": ["moons"]}}], ids=["no group", "no resource"])
def test_a_kind_that_is_not_served_is_a_warning(server: Server, served: dict[str, dict[str, list[str]]]) -> None:
    server.served = served
    assert bad(examined(server)) == [(Grade.WARNING, "tides.example.com is not served by this cluster")]


def test_a_secret_that_leads_to_another_cluster_is_told_and_two_are_an_error(server: Server) -> None:
    server.secrets = ["east"]
    assert examined(server)[-1].found == "its objects are in the cluster that Secret home/east leads to"
    server.secrets = ["west", "east"]
    said = "several Secrets are labelled example.com/primary=true: home/east, home/west"
    assert bad(examined(server)) == [(Grade.ERROR, said)]
    server.failures["secrets"] = Forbidden("no", code=403)
    said = "Secrets labelled example.com/primary=true in home cannot be looked at: no"
    assert bad(examined(server)) == [(Grade.WARNING, said)]


# --- what loading came to ---


def raising(error: Exception) -> Any:
    """A plugin whose class cannot be made."""

    class Broken(Tidal):
        def __init__(self) -> None:
            raise error

    return Broken


def remedies(plugins: dict[str, object], selection: PluginSelection | None = None) -> dict[str, tuple[str, str]]:
    facade = Facade(load_objects(plugins, selection))
    return {each.plugin: (each.grade.value, each.remedy) for each in loading_findings(facade)}


@pytest.mark.parametrize(
    ("plugin", "remedy"),
    [
        (raising(ModuleNotFoundError("No module named 'boto3'")), "which should bring boto3 along"),
        (type("Old", (Tidal,), {"api_version": 0}), "pip install --upgrade local tidegate"),
        (raising(RuntimeError("boom")), "list it under plugins.disabled"),
    ],
    ids=["module", "version", "other"],
)
def test_a_plugin_that_does_not_load_comes_with_what_to_do(plugin: object, remedy: str) -> None:
    grade, told = remedies({"tidal": plugin})["tidal"]
    assert grade == "error"
    assert remedy in told


def test_disabled_missing_and_unwanted_plugins_are_told() -> None:
    selection = PluginSelection(enabled=("tidal", "moon"), disabled=("off",))
    other = type("Other", (Tidal,), {"name": "other"})
    assert remedies({"tidal": Tidal, "off": other}, selection) == {
        "tidal": ("note", ""),
        "off": ("note", "enable it in tidegate.yaml if Rollouts are to use it"),
        "moon": ("error", "install it, or take its name out of tidegate.yaml"),
    }
    assert remedies({}) == {"": ("warning", "pip install the one for your mesh: tidegate-<name>")}


# --- the commands ---


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have these be all plugins that are installed."""

    def install(**plugins: object) -> None:
        facade = Facade(load_objects(plugins))
        for module in ("plugins", "plugins_doctor"):
            monkeypatch.setattr(f"tidegate.cli.{module}.facade_of", lambda _: facade)

    return install


def test_doctor_fails_for_errors_alone(run: Run, installed: Callable[..., None]) -> None:
    installed(tidal=Tidal)
    good = run("plugins", "doctor", "--offline")
    assert (good.exit_code, good.stdout.splitlines()) == (
        0,
        ["note: tidal: local==0 answers to router tidal", "0 errors"],
    )
    installed(tidal=raising(RuntimeError("boom")))
    result = run("plugins", "doctor", "--offline", "-o", "json")
    (finding,) = json.loads(result.stdout)["findings"]
    assert (result.exit_code, finding["grade"], finding["plugin"]) == (1, "error", "tidal")
    assert "boom" in finding["found"]


def test_doctor_without_a_cluster_says_what_was_not_looked_at(run: Run, installed: Callable[..., None]) -> None:
    installed(tidal=Tidal)
    result = run("plugins", "doctor", "--kubeconfig", "/nonexistent")
    assert result.exit_code == 0
    assert "note: rights and kinds were not looked at: /nonexistent: does not exist" in result.stdout


def test_doctor_asks_the_cluster_of_the_kubeconfig(
    run: Run, installed: Callable[..., None], sandbox_kubeconfig: Path
) -> None:
    installed(tidal=Tidal)
    result = run("plugins", "doctor", "--kubeconfig", str(sandbox_kubeconfig), "-o", "json")
    found = [each["found"] for each in json.loads(result.stdout)["findings"]]
    assert "services is served as v1" in found
    assert "tides.example.com is not served by this cluster" in found
    assert "its objects are in this cluster" in found


@pytest.mark.parametrize("flags", [("-o", "xml"), ("--service-account", "tidegate")], ids=["output", "account"])
def test_doctor_refuses_flags_that_mean_nothing(
    run: Run, installed: Callable[..., None], flags: tuple[str, str]
) -> None:
    installed(tidal=Tidal)
    with pytest.raises(ConfigError):
        run("plugins", "doctor", "--offline", *flags)


def test_list_and_show_speak_json(run: Run, installed: Callable[..., None]) -> None:
    installed(tidal=Tidal)
    (listed,) = json.loads(run("plugins", "list", "-o", "json").stdout)["plugins"]
    shown = json.loads(run("plugins", "show", "tidal", "-o", "json").stdout)
    assert listed == shown
    assert (shown["router"], shown["remote"]) == ("tidal", "example.com/primary=true")


def test_rbac_grants_the_secrets_of_one_namespace_where_a_router_may_live_elsewhere(
    run: Run, installed: Callable[..., None]
) -> None:
    installed(tidal=Tidal)
    cluster_role, role = yaml.safe_load_all(run("plugins", "rbac", "-n", "delivery").stdout)
    assert cluster_role["rules"] == [
        {"apiGroups": [""], "resources": ["services"], "verbs": ["get"]},
        {"apiGroups": ["example.com"], "resources": ["tides"], "verbs": ["get", "list", "patch"]},
    ]
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "delivery")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}]
    listed = json.loads(run("plugins", "rbac", "-o", "json").stdout)
    assert [item["kind"] for item in listed["items"]] == ["ClusterRole", "Role"]
    installed(tidal=type("Near", (Tidal,), {"remote": ""}))
    assert [each["kind"] for each in yaml.safe_load_all(run("plugins", "rbac").stdout)] == ["ClusterRole"]


def test_the_installation_grants_the_secrets_that_rbac_prints(run: Run, installed: Callable[..., None]) -> None:
    installed(tidal=Tidal)
    _, printed = yaml.safe_load_all(run("plugins", "rbac", "-n", "tidegate").stdout)
    objects = list(yaml.safe_load_all((Path(__file__).parents[3] / "deploy" / "rbac.yaml").read_text()))
    (role,) = [each for each in objects if each["kind"] == "Role" and each["rules"] == printed["rules"]]
    assert role["metadata"]["namespace"] == printed["metadata"]["namespace"]
    bound = [each for each in objects if each["kind"] == "RoleBinding"]
    assert role["metadata"]["name"] in [each["roleRef"]["name"] for each in bound]
    cluster_wide = [rule["resources"] for each in objects if each["kind"] == "ClusterRole" for rule in each["rules"]]
    assert ["secrets"] not in cluster_wide
