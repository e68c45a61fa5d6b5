"""Faults by request."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.faults import Fault, FaultKind, Faults, fault_from
from tidegate_sandbox.server import Sandbox

Api = Any
ConfigMaps = Callable[..., Manifest]
MAPS = "/api/v1/namespaces/default/configmaps"
CUT = (http.client.RemoteDisconnected, ConnectionError)


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (Fault(FaultKind.CONFLICT), 409, "Conflict"),
        (Fault(FaultKind.TOO_MANY_REQUESTS, seconds=1.5), 429, "TooManyRequests"),
        (Fault(FaultKind.SERVER_ERROR), 500, "InternalError"),
        (Fault(FaultKind.SERVER_ERROR, code=503), 503, "ServiceUnavailable"),
    ],
    ids=["409", "429", "500", "503"],
)
def test_a_refusal_writes_nothing_and_strikes_once(
    cluster: Sandbox, api: Api, a_config_map: ConfigMaps, fault: Fault, code: int, reason: str
) -> None:
    number = cluster.faults.add(fault)
    reply = api("POST", MAPS, a_config_map())
    assert (reply.code, reply.json["reason"], reply.json["status"]) == (code, reason, "Failure")
    assert reply.headers.get("retry-after") == ("2" if code == 429 else None)
    assert cluster.objects.list("configmaps") == []
    assert api("POST", MAPS, a_config_map()).code == 201
    assert cluster.faults.struck(number) == 1


def test_a_connection_cut_before_the_write_leaves_nothing(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    cluster.faults.add(Fault(FaultKind.DROP_BEFORE, verbs=("create",)))
    with pytest.raises(CUT):
        api("POST", MAPS, a_config_map())
    assert cluster.objects.list("configmaps") == []


def test_a_connection_cut_after_the_write_leaves_the_object(
    cluster: Sandbox, api: Api, a_config_map: ConfigMaps
) -> None:
    cluster.faults.add(Fault(FaultKind.DROP_AFTER, verbs=("create",)))
    with pytest.raises(CUT):
        api("POST", MAPS, a_config_map())
    assert len(cluster.objects.list("configmaps")) == 1


def test_latency_delays_the_answer(cluster: Sandbox, api: Api) -> None:
    cluster.faults.add(Fault(FaultKind.LATENCY, seconds=0.1))
    start = time.monotonic()
    assert api("GET", MAPS).code == 200
    assert time.monotonic() - start >= 0.1


def test_a_stale_list_shows_an_older_state(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    cluster.objects.create("configmaps", a_config_map("old"))
    version = cluster.objects.version
    cluster.objects.create("configmaps", a_config_map("new"))
    cluster.faults.add(Fault(FaultKind.STALE_LIST, resource="configmaps", changes=1))
    stale, fresh = api("GET", MAPS).json, api("GET", MAPS).json
    assert [item["metadata"]["name"] for item in stale["items"]] == ["old"]
    assert stale["metadata"]["resourceVersion"] == str(version)
    assert len(fresh["items"]) == 2


def test_a_dropped_watch_ends_before_its_next_event(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    stream = api.watch(f"{MAPS}?resourceVersion={cluster.objects.version}")
    cluster.faults.add(Fault(FaultKind.DROP_WATCH, resource="configmaps"))
    cluster.objects.create("configmaps", a_config_map())
    with pytest.raises((StopIteration, http.client.IncompleteRead, ConnectionError)):
        next(stream)


def test_a_duplicated_event_comes_twice(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    stream = api.watch(MAPS)
    cluster.faults.add(Fault(FaultKind.DUPLICATE_EVENT, name="a"))
    for name in ("a", "b"):
        cluster.objects.create("configmaps", a_config_map(name))
    assert [next(stream)["object"]["metadata"]["name"] for _ in range(3)] == ["a", "a", "b"]


def test_a_late_event_keeps_its_place(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    stream = api.watch(MAPS)
    cluster.faults.add(Fault(FaultKind.LATE_EVENT, name="a", seconds=0.1))
    start = time.monotonic()
    for name in ("a", "b"):
        cluster.objects.create("configmaps", a_config_map(name))
    assert [next(stream)["object"]["metadata"]["name"] for _ in range(2)] == ["a", "b"]
    assert time.monotonic() - start >= 0.1


def test_calls_in_the_process_are_spared(cluster: Sandbox, a_config_map: ConfigMaps) -> None:
    cluster.faults.add(Fault(FaultKind.CONFLICT, count=None))
    cluster.objects.create("configmaps", a_config_map())
    assert len(cluster.objects.list("configmaps")) == 1


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Fault(FaultKind.CONFLICT), True),
        (Fault(FaultKind.CONFLICT, verbs=("update", "patch")), True),
        (Fault(FaultKind.CONFLICT, verbs=("create",)), False),
        (Fault(FaultKind.CONFLICT, resource="rollouts.*/status"), True),
        (Fault(FaultKind.CONFLICT, resource="rollouts"), False),
        (Fault(FaultKind.CONFLICT, name="web-[0-9]"), True),
        (Fault(FaultKind.CONFLICT, namespace="other"), False),
        (Fault(FaultKind.STALE_LIST), False),
        (Fault(FaultKind.DROP_WATCH), False),
    ],
)
def test_whom_a_fault_concerns(fault: Fault, struck: bool) -> None:
    faults = Faults()
    faults.add(fault)
    assert bool(faults.on_request("patch", "rollouts.argoproj.io/status", "default", "web-1")) is struck


def test_probability_is_repeatable() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults()
        faults.add(Fault(FaultKind.CONFLICT, count=None, probability=0.5, seed=seed))
        return [bool(faults.on_request("get", "pods", "", "p")) for _ in range(40)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 5 < sum(strikes(1)) < 35


def test_faults_strike_in_one_order() -> None:
    faults = Faults()
    faults.add(Fault(FaultKind.DROP_AFTER))
    faults.add(Fault(FaultKind.LATENCY))
    kinds = [fault.kind for fault in faults.on_request("create", "pods", "", "")]
    assert kinds == [FaultKind.LATENCY, FaultKind.DROP_AFTER]


def test_another_process_arms_and_disarms(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    armed = api("POST", "/sandbox/faults", {"kind": "conflict", "verbs": ["create"], "count": 2})
    assert armed.code == 201
    assert api("POST", MAPS, a_config_map()).code == 409
    (listed,) = api("GET", "/sandbox/faults").json["faults"]
    assert (listed["id"], listed["kind"], listed["left"], listed["struck"]) == (armed.json["ids"][0], "conflict", 1, 1)
    api("DELETE", f"/sandbox/faults?id={listed['id']}")
    assert api("POST", MAPS, a_config_map()).code == 201


@pytest.mark.parametrize("body", [{"kind": "earthquake"}, {"kind": "conflict", "often": True}, {}])
def test_a_fault_that_is_none_is_a_bad_request(api: Api, body: Manifest) -> None:
    reply = api("POST", "/sandbox/faults", body)
    assert (reply.code, reply.json["reason"]) == (400, "BadRequest")


def test_a_broken_pattern_is_refused() -> None:
    with pytest.raises(BadRequest, match="name: '\\(' is no regular expression"):
        fault_from({"kind": "conflict", "name": "("})
