"""The codes of `tidegate lint`, and what it finds between the documents of one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import yaml
from click.testing import Result
from pydantic import BaseModel

from tidegate.hooks import Capability, HeaderRoute, Kind, Objects, Problem, Ref, Rule, Target, TrafficRouter, Weights
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects

Run = Callable[..., Result]
GATE = Kind("example.com", "v1", "Gate", "gates", versions=("v1beta1",))
READ_ONLY = Kind("example.com", "v1", "Zone", "zones")


class GateConfig(BaseModel):
    gate: str = "main"


class Gates(TrafficRouter[GateConfig]):
    """Writes the Gate that the config names and reads a Zone."""

    name = "gates"
    config = GateConfig
    can = frozenset({Capability.WEIGHTS, Capability.HEADER, Capability.HEADER_PREFIX})
    needs = (Rule("example.com", "gates", "get list watch patch"), Rule("example.com", "zones", "get list watch"))

    def reads(self, target: Target[GateConfig]) -> Sequence[Ref]:
        gate = Ref(GATE, target.config.gate, path=f"{target.path}.gate")
        return [gate, Ref(READ_ONLY, "eu", required=False)]

    def lint(self, target: Target[GateConfig], objects: Objects) -> Sequence[Problem]:
        odd = target.config.gate == "odd"
        return [Problem(f"{target.path}.gate", "an odd name", '"odd"', code="GA001", warning=True)] if odd else []

    def set_weights(self, target: Target[GateConfig], weights: Weights, objects: Objects) -> None:
        """Nothing."""

    def set_header_route(self, target: Target[GateConfig], route: HeaderRoute, objects: Objects) -> None:
        """Nothing."""

    def remove_managed_routes(self, target: Target[GateConfig], keep: frozenset[str], objects: Objects) -> None:
        """Nothing."""


class Weirs(Gates):
    """The same for another router, without headers."""

    name = "weirs"
    can = frozenset({Capability.WEIGHTS, Capability.TOTAL})
    set_header_route = TrafficRouter.set_header_route
    remove_managed_routes = TrafficRouter.remove_managed_routes


@pytest.fixture
def lint(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[dict[str, str]]]]:
    """`lint(document, …)`: exit code and findings, with the routers `gates` and `weirs` installed."""
    loaded = load_objects({"gates": Gates, "weirs": Weirs})
    assert [record.error for record in loaded.plugins if record.error] == []
    monkeypatch.setattr("tidegate.cli.lint.facade_of", lambda _: Facade(loaded))

    def check(*documents: dict[str, Any]) -> tuple[int, list[dict[str, str]]]:
        result = run("lint", "-f", "-", "-o", "json", stdin=yaml.safe_dump_all(documents))
        return result.exit_code, json.loads(result.stdout)["problems"]

    return check


def a_rollout(name: str = "web", steps: Sequence[dict[str, Any]] = (), **routing: Any) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    routing = routing or {"gates": {}}
    every: dict[str, Any] = {"managedRoutes": [{"name": "h"}], **routing}
    services = {"canaryService": "web-canary", "stableService": "web-stable"}
    canary = {**services, "steps": list(steps), "trafficRouting": every}
    spec = {"selector": {"matchLabels": labels}, "template": template, "strategy": {"canary": canary}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name}, "spec": spec}


def a_gate(name: str = "main", version: str = "v1") -> dict[str, Any]:
    return {"apiVersion": f"example.com/{version}", "kind": "Gate", "metadata": {"name": name}}


def header(**values: dict[str, str]) -> dict[str, Any]:
    match = [{"headerName": name.replace("_", "-"), "headerValue": value} for name, value in values.items()]
    return {"setHeaderRoute": {"name": "h", "match": match}}


def codes(found: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(each["code"], each["severity"]) for each in found]


Lint = Callable[..., tuple[int, list[dict[str, str]]]]


def test_a_good_file_has_no_code(lint: Lint) -> None:
    assert lint(a_rollout(), a_gate()) == (0, [])


def test_tr001_an_unknown_router(lint: Lint) -> None:
    code, found = lint(a_rollout(dams={}))
    assert (code, codes(found)) == (1, [("TR001", "error")])


def test_tr010_routers_that_disagree_about_a_step_name_the_step(lint: Lint) -> None:
    code, found = lint(a_rollout("web", [header(X={"exact": "1"})], gates={}, weirs={"gate": "other"}))
    assert (code, codes(found)) == (1, [("TR010", "error")])
    assert found[0]["path"] == "spec.strategy.steps[0].setHeaderRoute"
    assert "Weirs cannot do SetHeaderRoute" in found[0]["message"]


@pytest.mark.parametrize(("value", "wrong"), [("exact", False), ("prefix", False), ("regex", True)])
def test_tr010_a_comparison_that_a_router_cannot_do_names_the_match(lint: Lint, value: str, wrong: bool) -> None:
    code, found = lint(a_rollout("web", [header(X={value: "a"})]))
    assert (code, codes(found)) == ((1, [("TR010", "error")]) if wrong else (0, []))
    if wrong:
        assert found[0]["message"] == (
            'spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: {"regex":"a"}: '
            "SetHeaderRoute match value invalid. Gates supports 'exact' and 'prefix' value only"
        )


def test_tr011_two_routers_that_write_one_object(lint: Lint) -> None:
    code, found = lint(a_rollout(gates={}, weirs={}))
    assert (code, codes(found)) == (1, [("TR011", "error")])
    assert found[0]["path"] == "spec.strategy.canary.trafficRouting.weirs.gate"
    assert 'gates.example.com "main" is written by router "gates" too' in found[0]["message"]


def test_tr011_what_routers_only_read_they_may_share(lint: Lint) -> None:
    assert lint(a_rollout(gates={}, weirs={"gate": "other"}), a_gate(), a_gate("other")) == (0, [])


def test_tr012_an_object_of_two_rollouts_is_a_warning(lint: Lint) -> None:
    code, found = lint(a_rollout("web"), a_rollout("shop"), a_rollout("own", gates={"gate": "own"}))
    assert (code, codes(found)) == (0, [("TR012", "warning")])
    assert found[0]["rollout"] == "shop"
    assert 'gates.example.com "main" is named by Rollout default/web too' in found[0]["message"]


def test_tr021_conditions_on_several_headers_are_a_warning(lint: Lint) -> None:
    code, found = lint(a_rollout("web", [header(X_B={"exact": "1"}, X_A={"exact": "2"})]))
    assert (code, codes(found)) == (0, [("TR021", "warning")])
    assert found[0]["path"] == "spec.strategy.steps[0].setHeaderRoute.match"
    assert "conditions on several headers (x-a, x-b)" in found[0]["message"]


def test_tr030_a_total_that_a_router_cannot_do(lint: Lint) -> None:
    code, found = lint(a_rollout(gates={}, maxTrafficWeight=1000))
    assert (code, codes(found)) == (1, [("TR030", "error")])


def test_tr050_a_version_that_is_on_its_way_out_is_a_warning(lint: Lint) -> None:
    code, found = lint(a_rollout(), a_gate(version="v1beta1"))
    assert (code, codes(found)) == (0, [("TR050", "warning")])
    assert (
        'gates.example.com "main" is written as example.com/v1beta1; write it as example.com/v1' in found[0]["message"]
    )


def test_r02_tr060_a_service_of_stable_alone_that_nothing_routes_is_a_warning(lint: Lint) -> None:
    """Argo Rollouts #1760."""
    rollout = a_rollout(steps=[{"setWeight": 20}, {"pause": {}}])
    canary = rollout["spec"]["strategy"]["canary"]
    del canary["trafficRouting"]
    code, found = lint(rollout)
    assert (code, codes(found)) == (0, [("TR060", "warning")])
    assert found[0]["path"] == "spec.strategy.canary.stableService"
    assert "no step ever sends its requests to the canary" in found[0]["message"]
    del canary["stableService"]
    assert lint(rollout) == (0, [])


def test_a_warning_of_a_router_is_told_and_fails_nothing(lint: Lint) -> None:
    code, found = lint(a_rollout(gates={"gate": "odd"}))
    assert (code, codes(found)) == (0, [("GA001", "warning")])


def test_the_text_marks_warnings_and_codes(run: Run, lint: Lint) -> None:
    result = run("lint", "-f", "-", stdin=yaml.safe_dump(a_rollout(gates={"gate": "odd"})))
    first, last = result.stdout.splitlines()
    assert first.startswith("standard input:1: Rollout web: warning: spec.strategy.canary.trafficRouting.gates.gate:")
    assert first.endswith("an odd name (GA001)")
    assert last == "1 Rollouts checked, 0 problems, 1 warnings"
