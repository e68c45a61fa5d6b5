"""Who fights with a router over an object, and when that is said."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.hooks import Kind
from tidegate.hooks.objects import Change
from tidegate.runtime.contests import UNKNOWN, Contests, last_writer
from tidegate.runtime.store import trimmed

KIND = Kind("example.com", "v1", "Route", "routes")
KEY = ("shop", "demo")


def written_by(*managers: str, name: str = "web") -> Change:
    entries = [{"manager": who, "time": f"2026-01-01T00:00:0{n}Z"} for n, who in enumerate(managers)]
    return Change("patch", KIND, name, before={"metadata": {"managedFields": entries}}, namespace="shop")


def test_the_third_repair_within_a_minute_names_who_came_between(clock: Any) -> None:
    contests = Contests(clock.now)
    assert contests.repaired(KEY, written_by("tidegate", "argocd")) is None
    clock.advance(20)
    assert contests.repaired(KEY, written_by("tidegate", "argocd")) is None
    clock.advance(40)
    event = contests.repaired(KEY, written_by("argocd", "kubectl"))
    assert event is not None
    assert (event.reason, event.type) == ("TrafficDriftContested", "Warning")
    assert event.message.startswith('Route `web` was changed 3 times within 60 s by "argocd" and "kubectl" and written')


def test_repairs_of_other_objects_and_of_long_ago_do_not_count(clock: Any) -> None:
    contests = Contests(clock.now)
    for name in ("web", "api", "web"):
        assert contests.repaired(KEY, written_by("argocd", name=name)) is None
    clock.advance(61)
    assert contests.repaired(KEY, written_by("argocd")) is None


def test_a_contest_is_told_again_only_after_three_more(clock: Any) -> None:
    contests = Contests(clock.now)
    told = [contests.repaired(KEY, written_by("argocd")) is not None for _ in range(6)]
    assert told == [False, False, True, False, False, True]


def test_a_rollout_that_is_gone_is_forgotten(clock: Any) -> None:
    contests = Contests(clock.now)
    contests.repaired(KEY, written_by("argocd"))
    contests.repaired(KEY, written_by("argocd"))
    contests.forget(KEY)
    assert contests.repaired(KEY, written_by("argocd")) is None


@pytest.mark.parametrize(
    ("entries", "who"),
    [
        ([{"manager": "a", "time": "2026-01-01T00:00:00Z"}, {"manager": "b", "time": "2025-01-01T00:00:00Z"}], "a"),
        ([{"manager": "a", "time": "1"}, {"manager": "tidegate", "time": "2"}], "a"),
        ([{"manager": "a", "time": "1"}, {"manager": "mesh", "time": "2", "subresource": "status"}], "a"),
        ([{"manager": "tidegate", "time": "2"}], UNKNOWN),
        ([], UNKNOWN),
    ],
    ids=["the newest", "not us", "no status writer", "only us", "nobody"],
)
def test_the_last_writer_is_the_newest_that_is_not_us(entries: list[dict[str, str]], who: str) -> None:
    assert last_writer({"metadata": {"managedFields": entries}}) == who


def test_a_cache_keeps_who_has_written_and_not_what() -> None:
    entry = {"manager": "a", "operation": "Update", "time": "1", "fieldsV1": {"f:spec": {}}}
    kept = trimmed({"metadata": {"managedFields": [dict(entry)]}}, writers=True)
    assert kept["metadata"]["managedFields"] == [{"manager": "a", "time": "1"}]
    assert "managedFields" not in trimmed({"metadata": {"managedFields": [dict(entry)]}})["metadata"]
