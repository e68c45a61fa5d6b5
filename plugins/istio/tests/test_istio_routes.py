"""The acceptance table of Istio: header and mirror routes, their order, their end."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tidegate.errors import NotFound, SpecError
from tidegate.hooks import Destination, Event, Match, MirrorMatch
from tidegate_istio.kinds import VIRTUAL_SERVICE

YES = ("X-Canary", Match(exact="yes"))
API = MirrorMatch(path=Match(prefix="/api"))
UPDATED = "Updated VirtualService"
LEDGER = "tidegate.io/managed-routes"


def recorded(shop: Any) -> Any:
    annotations = shop.service()["metadata"].get("annotations") or {}
    return json.loads(annotations[LEDGER]) if LEDGER in annotations else None


def test_i15_a_header_route_stands_before_the_weighted_one(shop: Any, make: Any) -> None:
    done = shop.header("h", YES)
    assert shop.http() == [
        {
            "name": "h",
            "match": [{"headers": {"X-Canary": {"exact": "yes"}}}],
            "route": [{"destination": {"host": "demo-canary"}, "weight": 100}],
        },
        make.route(),
    ]
    assert done.events == (Event(UPDATED, "VirtualService `demo-vs` set headerRoute 'h'"),)


def test_i15_several_headers_are_alternatives(shop: Any) -> None:
    shop.header("h", ("X-A", Match(prefix="a")), ("X-B", Match(regex="b+")))
    assert shop.http()[0]["match"] == [{"headers": {"X-A": {"prefix": "a"}}}, {"headers": {"X-B": {"regex": "b+"}}}]


def test_i17_a_second_identical_header_route_writes_nothing(shop: Any) -> None:
    shop.header("h", YES)
    shop.written()
    assert shop.header("h", YES).events == ()
    assert shop.written() == []


def test_i18_an_empty_match_removes_the_route(shop: Any, make: Any) -> None:
    shop.header("h", YES)
    shop.header("h")
    assert shop.http() == [make.route()]
    assert recorded(shop) is None
    shop.written()
    shop.header("h")
    shop.mirror("h")
    assert shop.written() == []


def test_i19_managed_routes_stand_in_their_order_whenever_they_are_set(shop: Any) -> None:
    shop.managed = ("m", "h")
    shop.header("h", YES)
    shop.mirror("m", API)
    assert shop.names() == ["m", "h", "primary"]
    shop.written()
    shop.header("h", YES)
    shop.mirror("m", API)
    assert shop.written() == []


def test_i20_the_number_of_other_routes_never_changes(shop: Any, make: Any) -> None:
    """Two routes without a name, as recorded where the reference went from 2 to 256 of them."""
    unnamed = [make.route("", make.destination(host, 100)) for host in ("one", "two")]
    shop.put(make.virtual_service(unnamed[0], make.route(), unnamed[1]))
    shop.given["virtualService"]["routes"] = ["primary"]
    for weight in (5, 25, 50):
        shop.weigh(weight)
        shop.header("h", ("X-Canary", Match(exact=str(weight))))
        assert shop.names() == ["h", "", "primary", ""]
    assert [shop.http()[1], shop.http()[3]] == unnamed


def test_i21_a_mirror_route_is_a_copy_with_the_weights_of_now(shop: Any) -> None:
    shop.managed = ("m",)
    shop.weigh(25)
    done = shop.mirror("m", API)
    mirror = shop.http()[0]
    assert shop.shares("m") == [("demo-stable", 75), ("demo-canary", 25)]
    assert mirror["match"] == [{"uri": {"prefix": "/api"}}]
    assert mirror["mirror"] == {"host": "demo-canary"}
    assert mirror["mirrorPercentage"] == {"value": 100}
    assert done.events == (Event(UPDATED, "VirtualService `demo-vs` set mirrorRoute 'm'"),)


def test_i21_a_mirror_route_matches_by_method_path_and_headers(shop: Any) -> None:
    shop.managed = ("m",)
    match = MirrorMatch(Match(exact="GET"), Match(regex="/a.*"), {"x-a": Match(exact="b")})
    shop.mirror("m", match, API, percentage=30)
    assert shop.http()[0]["match"] == [
        {"method": {"exact": "GET"}, "uri": {"regex": "/a.*"}, "headers": {"x-a": {"exact": "b"}}},
        {"uri": {"prefix": "/api"}},
    ]
    assert shop.http()[0]["mirrorPercentage"] == {"value": 30}


def test_i22_a_weight_reaches_the_mirror_and_the_route_that_nobody_named(shop: Any) -> None:
    shop.managed = ("m",)
    shop.mirror("m", API)
    shop.weigh(50)
    assert shop.shares("m") == shop.shares() == [("demo-stable", 50), ("demo-canary", 50)]


def test_i22_a_weight_leaves_header_routes_alone(shop: Any) -> None:
    shop.header("h", YES)
    before = shop.http()[0]
    shop.weigh(50)
    assert shop.http()[0] == before


def test_i23_every_virtual_service_loses_its_managed_routes(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(make.route(), name="second"))
    shop.given = {"virtualService": {"name": "second"}}
    shop.header("h", YES)
    shop.written()
    shop.given = {"virtualServices": [{"name": "demo-vs"}, {"name": "second"}]}
    shop.remove()
    assert shop.written() == [("VirtualService", "second")]
    assert shop.names("second") == ["primary"]


def test_i24_nothing_to_remove_from_is_no_error(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(tls=[make.route("")]))
    assert not shop.remove().wrote
    shop.cluster.remove(VIRTUAL_SERVICE, "shop", "demo-vs")
    assert not shop.remove().wrote


def test_i25_removing_nothing_writes_and_tells_nothing(shop: Any) -> None:
    done = [shop.remove() for _ in range(5)]
    assert [(each.wrote, each.events) for each in done] == [(False, ())] * 5


def test_i25_what_is_to_stay_stays(shop: Any) -> None:
    shop.managed = ("m", "h")
    shop.header("h", YES)
    shop.mirror("m", API)
    done = shop.remove("h")
    assert shop.names() == ["h", "primary"]
    assert [event.message for event in done.events] == ["VirtualService `demo-vs` removed managed routes m"]
    assert not shop.remove("h").wrote


def test_i41_an_abort_is_two_writes_and_then_none(shop: Any) -> None:
    shop.managed = ("m", "h")
    shop.weigh(25)
    shop.header("h", YES)
    shop.mirror("m", API)
    shop.written()
    removed = shop.remove()
    assert shop.names() == ["primary"]
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]
    assert [event.message for event in removed.events] == ["VirtualService `demo-vs` removed all managed routes."]
    shop.weigh(0)
    assert shop.shares() == [("demo-stable", 100), ("demo-canary", 0)]
    assert len(shop.written()) == 2
    shop.remove()
    shop.weigh(0)
    assert shop.written() == []


def test_i43_fields_of_the_destinations_are_copied_too(shop: Any, make: Any) -> None:
    headers = {"request": {"set": {"x-from": "stable"}}}
    pair = make.destination("demo-stable", 100, headers=headers), make.destination("demo-canary", 0)
    shop.put(make.virtual_service(make.route("only", *pair)))
    shop.managed = ("m",)
    shop.mirror("m", API)
    assert shop.http()[0]["route"][0]["headers"] == headers
    shop.weigh(60)
    assert shop.http()[0]["route"][0] == {"destination": {"host": "demo-stable"}, "weight": 40, "headers": headers}


def test_a_mirror_route_carries_experiments_as_the_weighted_one_does(shop: Any) -> None:
    shop.managed = ("m",)
    shop.weigh(25, Destination("demo-exp", 5, "eee"))
    shop.mirror("m", API)
    shop.written()
    shop.weigh(25, Destination("demo-exp", 5, "eee"))
    assert shop.written() == []
    shop.weigh(25)
    assert shop.shares("m") == [("demo-stable", 75), ("demo-canary", 25)]


def test_a_managed_route_has_the_port_of_the_canary_or_else_of_the_first_destination(shop: Any, make: Any) -> None:
    one, two = {"number": 8080}, {"number": 9090}
    stable = make.destination("demo-stable", 100, port=one)
    shop.put(make.virtual_service(make.route("primary", stable, make.destination("demo-canary", 0))))
    shop.header("h", YES)
    assert shop.http()[0]["route"][0]["destination"] == {"host": "demo-canary", "port": one}
    shop.put(make.virtual_service(make.route("primary", stable, make.destination("demo-canary", 0, port=two))))
    shop.header("h", YES)
    assert shop.http()[0]["route"][0]["destination"] == {"host": "demo-canary", "port": two}


def test_qualified_hosts_are_understood_and_copied(shop: Any, make: Any) -> None:
    tail = "shop.svc.cluster.local"
    pair = make.destination(f"demo-stable.{tail}", 100), make.destination(f"demo-canary.{tail}", 0)
    shop.put(make.virtual_service(make.route("primary", *pair)))
    shop.weigh(25, Destination("demo-exp", 5, "eee"))
    shop.header("h", YES)
    assert shop.shares() == [(f"demo-stable.{tail}", 70), (f"demo-canary.{tail}", 25), (f"demo-exp.{tail}", 5)]
    assert shop.http()[0]["route"][0]["destination"] == {"host": f"demo-canary.{tail}"}
    shop.weigh(25)
    assert shop.shares() == [(f"demo-stable.{tail}", 75), (f"demo-canary.{tail}", 25)]


@pytest.mark.parametrize("host", ["demo-canary.other.svc.cluster.local", "demo-canary.example.com"])
def test_a_namesake_elsewhere_is_not_the_canary(shop: Any, make: Any, host: str) -> None:
    pair = make.destination("demo-stable", 100), make.destination(host, 0)
    shop.put(make.virtual_service(make.route("primary", *pair)))
    (text,) = shop.texts()
    assert text.endswith("Canary Service 'demo-canary' not found in route")


def test_a_foreign_write_that_drops_a_route_is_repaired_in_one_write(shop: Any, make: Any) -> None:
    shop.weigh(25)
    shop.header("h", YES)
    wanted = shop.http()
    shop.put(make.virtual_service(make.route()))
    shop.written()
    shop.weigh(25)
    shop.header("h", YES)
    assert shop.http() == wanted
    assert len(shop.written()) == 2


def test_a_route_that_left_the_spec_is_removed_though_its_name_is_managed_no_more(shop: Any) -> None:
    shop.header("h", YES)
    shop.managed = ("h2",)
    assert shop.problems() == ()
    shop.remove("h2")
    assert shop.names() == ["primary"]
    assert recorded(shop) is None


def test_two_rollouts_with_one_virtual_service_agree_on_the_order(shop: Any, make: Any) -> None:
    shop.put(
        make.virtual_service(
            make.route(), make.route("b", make.destination("b-stable", 100), make.destination("b-canary", 0))
        )
    )
    shop.given["virtualService"]["routes"] = ["primary"]
    other = copy.copy(shop)
    other.name, other.services, other.managed = "app-b", ("b-canary", "b-stable"), ("hb",)
    other.given = {"virtualService": {"name": "demo-vs", "routes": ["b"]}}
    shop.header("h", YES)
    other.header("hb", YES)
    assert shop.names() == ["hb", "h", "primary", "b"]
    assert recorded(shop) == {"shop/app-b": ["hb"], "shop/demo": ["h"]}
    shop.written()
    for each in (shop, other, shop):
        each.remove(*each.managed)
        each.weigh(0)
        each.header(each.managed[0], YES)
    assert shop.written() == []
    shop.remove()
    assert shop.names() == ["hb", "primary", "b"]


def test_a_route_of_another_rollout_is_never_taken_over(shop: Any, make: Any) -> None:
    other = copy.copy(shop)
    other.name = "app-b"
    other.header("h", YES)
    before = shop.service()
    (text,) = shop.texts()
    assert "Rollout shop/app-b manages" in text
    with pytest.raises(SpecError, match="shop/app-b"):
        shop.header("h", ("X-Other", Match(exact="1")))
    shop.remove()
    assert shop.service() == before


def test_a_route_of_the_user_with_a_managed_name_is_told(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(make.route("h", timeout="3s"), make.route()))
    assert any("has a route 'h' of its own" in text for text in shop.texts())


def test_a_broken_ledger_counts_as_empty(shop: Any) -> None:
    shop.header("h", YES)
    for broken in ("{", "[]", '{"shop/demo": 3}', '{"shop/demo": [3]}'):
        shop.cluster.edit(VIRTUAL_SERVICE, "shop", "demo-vs", {"metadata": {"annotations": {LEDGER: broken}}})
        shop.header("h", YES)
        assert recorded(shop) == {"shop/demo": ["h"]}
        assert shop.names() == ["h", "primary"]


def test_a_header_route_needs_http_routes(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(tcp=[make.route("")]))
    with pytest.raises(SpecError, match="No VirtualService has an HTTP route that carries weights"):
        shop.header("h", YES)
    shop.cluster.remove(VIRTUAL_SERVICE, "shop", "demo-vs")
    with pytest.raises(NotFound, match="VirtualService `demo-vs` not found"):
        shop.header("h", YES)


def test_a_header_route_goes_where_there_are_http_routes(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(tcp=[make.route("")], name="second"))
    shop.given = {"virtualServices": [{"name": "second"}, {"name": "demo-vs"}]}
    shop.header("h", YES)
    assert shop.written() == [("VirtualService", "demo-vs")]


INHERIT, TEMPLATE = "tidegate.io/istio.inherit-match", "tidegate.io/istio.route-template"


def test_inherit_match_narrows_a_managed_route_to_what_the_weighted_one_takes(shop: Any, make: Any) -> None:
    outer = [
        {"name": "a", "uri": {"prefix": "/a"}, "headers": {"x-a": {"exact": "1"}}},
        {"uri": {"prefix": "/b"}},
    ]
    shop.put(make.virtual_service(make.route("primary", match=outer)))
    shop.annotations = {INHERIT: "true"}
    shop.header("h", YES)
    assert shop.http()[0]["match"] == [
        {"uri": {"prefix": "/a"}, "headers": {"x-a": {"exact": "1"}, "X-Canary": {"exact": "yes"}}},
        {"uri": {"prefix": "/b"}, "headers": {"X-Canary": {"exact": "yes"}}},
    ]
    assert not shop.header("h", YES).wrote


@pytest.mark.parametrize("template", ["primary", "*"])
def test_route_template_copies_the_settings_of_a_route(shop: Any, make: Any, template: str) -> None:
    settings = {"rewrite": {"uri": "/v2"}, "timeout": "3s", "retries": {"attempts": 2}}
    shop.put(make.virtual_service(make.route("primary", **settings, fault={"abort": {"httpStatus": 500}})))
    shop.annotations = {TEMPLATE: template}
    shop.header("h", YES)
    assert {key: shop.http()[0].get(key) for key in settings} == settings
    assert "fault" not in shop.http()[0]
    assert shop.problems() == ()
    shop.annotations = {}
    shop.header("h", YES)
    assert set(shop.http()[0]) == {"name", "match", "route"}


def test_a_template_that_is_not_there_copies_nothing(shop: Any) -> None:
    shop.annotations = {TEMPLATE: "gone"}
    shop.header("h", YES)
    assert set(shop.http()[0]) == {"name", "match", "route"}
