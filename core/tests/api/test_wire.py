"""Reading and writing objects: lenient in, nothing lost out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api import duration, intstr
from tidegate.api.rollout import Rollout
from tidegate.api.steps import Step
from tidegate.api.wire import read_time, write_time

JSON = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
    max_leaves=8,
)


def rollout(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "demo"}, "spec": spec}


@given(unknown=st.dictionaries(st.text("abcxyz", min_size=9, max_size=12), JSON, max_size=3))
def test_unknown_fields_survive_a_round_trip_at_every_depth(unknown: dict[str, Any]) -> None:
    step = {"setWeight": 20, **unknown}
    canary = {"steps": [step, {"pause": {**unknown}}], "trafficRouting": {"mesh": unknown, "plugins": {"a/b": unknown}}}
    manifest = rollout(strategy={"canary": {**canary, **unknown}, **unknown}, **unknown)
    manifest["status"] = {"phase": "Healthy", **unknown}
    assert Rollout.read(manifest).wire() == manifest


def test_absent_fields_read_as_the_defaults_and_are_not_written() -> None:
    manifest = rollout(strategy={"canary": {}})
    read = Rollout.read(manifest)
    assert (read.replicas, read.spec.revision_history_limit, read.spec.progress_deadline_seconds) == (1, 10, 600)
    canary = read.spec.strategy.canary
    assert canary is not None
    assert (canary.surge, canary.unavailable) == ("25%", "25%")
    assert read.wire() == manifest


def test_nulls_read_as_absent() -> None:
    read = Rollout.read({**rollout(replicas=None, strategy={"canary": {"steps": None}}), "status": None})
    assert read.replicas == 1
    assert read.status.phase == ""


def test_routers_are_the_keys_that_are_no_field_then_plugins_by_name() -> None:
    routing = {"managedRoutes": [{"name": "h"}], "zeta": {}, "alpha": {"x": 1}, "plugins": {"b/b": {}, "a/a": {}}}
    canary = Rollout.read(rollout(strategy={"canary": {"trafficRouting": routing}})).spec.strategy.canary
    assert canary is not None
    assert canary.traffic_routing is not None
    assert list(canary.traffic_routing.routers) == ["zeta", "alpha", "a/a", "b/b"]
    assert canary.traffic_routing.path("a/a").endswith("trafficRouting.plugins[a/a]")


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"setWeight": 20}, "setWeight: 20"),
        ({"pause": {}}, "pause"),
        ({"pause": {"duration": "10s"}}, "pause: 10s"),
        ({"pause": {"duration": 0}}, "pause: 0"),
        ({"setCanaryScale": {"weight": 20}}, "setCanaryScale{weight: 20}"),
        ({"setCanaryScale": {"replicas": 5}}, "setCanaryScale{replicas: 5}"),
        ({"setCanaryScale": {"matchTrafficWeight": True}}, "setCanaryScale{matchTrafficWeight: true}"),
        ({"setHeaderRoute": {"name": "h"}}, "setHeaderRoute: h"),
        ({"setMirrorRoute": {"name": "m"}}, "setMirrorRoute: m"),
        ({"plugin": {"name": "p"}}, "plugin: p"),
        ({"experiment": {}}, "experiment"),
        ({"analysis": {}}, "analysis"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_steps_are_called_as_events_call_them(step: dict[str, Any], text: str) -> None:
    assert Step.read(step).describe() == text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (10, 10),
        ("10", 10),
        ("10s", 10),
        ("1h30m", 5400),
        ("500ms", 0),
        ("1.5s", 1),
        ("-3s", -3),
        ("0", 0),
        ("soon", None),
        ("", None),
        ("10x", None),
        ("1h 30m", None),
    ],
)
def test_durations_are_whole_seconds(value: int | str, seconds: int | None) -> None:
    assert duration.seconds(value) == seconds


@pytest.mark.parametrize(
    ("value", "up", "down"), [(3, 3, 3), ("25%", 3, 2), ("2", 1, 0), ("0%", 0, 0), ("100%", 10, 10), ("1%", 1, 0)]
)
def test_percentages_round_as_asked_and_bare_strings_are_percentages(value: int | str, up: int, down: int) -> None:
    assert (intstr.resolve(value, 10, round_up=True), intstr.resolve(value, 10, round_up=False)) == (up, down)


@pytest.mark.parametrize("value", ["x", "1.5", "-1%", ""])
def test_other_text_is_no_number(value: str) -> None:
    with pytest.raises(ValueError, match="neither a number nor a percentage"):
        intstr.resolve(value, 10, round_up=True)


def test_times_are_utc_whole_seconds() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone(timedelta(hours=2)))
    assert write_time(moment) == "2026-01-02T01:04:05Z"
    assert write_time(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00Z"
    assert read_time("2026-01-02T01:04:05Z") == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
