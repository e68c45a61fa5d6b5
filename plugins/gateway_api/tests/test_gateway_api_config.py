"""The router's part of a Rollout, read as users of the argoproj-labs plugin write it."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "spec.strategy.canary.trafficRouting.plugins[argoproj-labs/gatewayAPI]"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"httpRoute": "web", "namespace": "default"}, id="singular"),
        pytest.param({"httpRoutes": [{"name": "a"}, {"name": "b", "useHeaderRoutes": True}]}, id="plural"),
        pytest.param({"httpRoute": "a", "httpRoutes": [{"name": "b"}], "grpcRoute": "a"}, id="both-forms"),
        pytest.param({"tcpRoute": "a", "tlsRoutes": [{"name": "a", "ruleName": "r"}]}, id="layer-4"),
        pytest.param({"httpRoute": "web", "configMap": "argo-gatewayapi-configmap"}, id="its-config-map"),
        pytest.param({"httpRoute": "web", "httpRoutes": None, "inProgressLabelKey": ""}, id="every-field-written"),
        pytest.param({"httpRouteSelector": {"matchLabels": {"app": "a"}}}, id="selector"),
        pytest.param({"tlsRouteSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}, id="expression"),
    ],
)
def test_what_works_there_is_accepted(shop: Any, given: dict[str, Any]) -> None:
    shop.given = given
    assert shop.texts() == []


@pytest.mark.parametrize(
    ("given", "where", "said"),
    [
        pytest.param({}, PATH, "No routes configured. At least one of httpRoute", id="none"),
        pytest.param({"namespace": "shop"}, PATH, "No routes configured", id="only-a-namespace"),
        pytest.param({"httpRoute": "Web"}, f"{PATH}.httpRoute", "must be the name of an object", id="capitals"),
        pytest.param(
            {"httpRoute": "w", "namespace": "a.b"}, f"{PATH}.namespace", "name of a namespace", id="namespace"
        ),
        pytest.param({"httpRoutes": [{"name": ""}]}, f"{PATH}.httpRoutes[0].name", "at least 1", id="empty-name"),
        pytest.param({"httpRoutes": [{}]}, f"{PATH}.httpRoutes[0].name", "Field required", id="no-name"),
        pytest.param({"httpRoute": "a", "httpRoutes": [{"name": "a"}]}, PATH, "httpRoute a is named twice", id="twice"),
        pytest.param({"httpRouteSelector": {}}, f"{PATH}.httpRouteSelector", "selects every route", id="every-route"),
        pytest.param(
            {"httpRouteSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}},
            f"{PATH}.httpRouteSelector.matchExpressions[0].operator",
            "'In', 'NotIn', 'Exists' or 'DoesNotExist'",
            id="operator",
        ),
        pytest.param(
            {"httpRoute": "a", "inProgressLabelKey": "a b"}, f"{PATH}.inProgressLabelKey", "key of labels", id="key"
        ),
        pytest.param(
            {"httpRoute": "a", "inProgressLabelValue": "a\nb"}, f"{PATH}.inProgressLabelValue", "label's", id="value"
        ),
    ],
)
def test_what_cannot_work_is_told_with_its_field(shop: Any, given: dict[str, Any], where: str, said: str) -> None:
    shop.given = given
    (text,) = shop.texts()
    assert text.startswith(f"{where}: ")
    assert said in text


@pytest.mark.parametrize(
    ("operator", "values", "found"),
    [
        pytest.param("In", ["a", "b"], ["with-a"], id="in"),
        pytest.param("NotIn", ["a"], ["with-c", "without"], id="not-in"),
        pytest.param("Exists", [], ["with-a", "with-c"], id="exists"),
        pytest.param("DoesNotExist", [], ["without"], id="does-not-exist"),
    ],
)
def test_expressions_select_as_kubernetes_does(
    shop: Any, make_route: Any, kinds: Any, operator: str, values: list[str], found: list[str]
) -> None:
    shop.cluster.remove(kinds["HTTPRoute"], "shop", "web")
    shop.put(make_route("with-a", labels={"k": "a"}), make_route("with-c", labels={"k": "c"}), make_route("without"))
    shop.given = {"httpRouteSelector": {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}}
    assert sorted(shop.weights()) == found
