"""Metric providers: what is loaded, what is refused, whom a metric's key reaches, and what wrappers see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.api.analysis import Measurement, Metric
from tidegate.errors import OwnershipError, PluginError, PluginLoadError
from tidegate.hooks import Access, Kind, MetricProvider, Problem, Query, Reading, Rule, hookimpl
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.hooks.meters import Chosen, World, chosen
from tidegate.hooks.records import PluginSelection, Status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTES = Kind("example.com", "v1", "Note", "notes")


class Wave(BaseModel):
    """How high the water stands."""

    height: float = 0.0


class Tide(MetricProvider[Wave]):
    name = "example.com/tide"
    config = Wave
    needs = (Rule("example.com", "notes", "get create delete"),)

    def measure(self, query: Query[Wave], access: Access) -> Reading:
        return Reading(result=query.config.height, value=str(query.config.height))


class Moon(Tide):
    """Another provider, whose measurements last, and that leaves a note for each."""

    name = "moon"
    title = "Luna"

    def check_metric(self, config: Wave, path: str) -> list[Problem]:
        return [Problem(f"{path}.height", "must not be negative", "-1")] if config.height < 0 else []

    def measure(self, query: Query[Wave], access: Access) -> Reading:
        if access.objects.get(NOTES, f"n{query.number}") is None:
            access.objects.create(NOTES, {"metadata": {"name": f"n{query.number}", "ownerReferences": [query.owner]}})
        return Reading(phase="Running")

    def resume(self, query: Query[Wave], access: Access, measurement: Measurement) -> Reading:
        return Reading(phase="Successful")

    def terminate(self, query: Query[Wave], access: Access, measurement: Measurement) -> Reading:
        access.objects.delete(NOTES, f"n{query.number}")
        return Reading(phase="Inconclusive")


class Shelf:
    """A cluster of dicts; what caches have is a lie, so that reading one shows."""

    def __init__(self) -> None:
        self.notes: dict[str, dict[str, Any]] = {}

    def read(self, *_: object) -> Mapping[str, Any] | None:
        raise AssertionError("no cache is kept for what providers read")

    select = read

    def read_live(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        return self.notes.get(name)

    def select_live(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
        return list(self.notes.values())

    def create(self, kind: Kind, namespace: str, manifest: dict[str, Any]) -> Mapping[str, Any]:
        return self.notes.setdefault(manifest["metadata"]["name"], manifest)

    def patch(self, *_: object) -> Mapping[str, Any]:
        raise AssertionError("nothing is patched")

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        del self.notes[name]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def world(shelf: Shelf) -> World:
    return World(http=None, secrets=None, cluster=shelf)  # type: ignore[arg-type]


def query(height: float = 0.0, number: int = 1) -> Query[BaseModel]:
    return Query("shop", "run", "uid-1", "m", number, Wave(height=height), NOW)


def facade(**plugins: object) -> Facade:
    return Facade(load_objects(plugins))


def test_providers_are_loaded_beside_routers_and_wrappers() -> None:
    loaded = load_objects({"moon": Moon, "tide": Tide})
    moon, tide = loaded.plugins
    assert (moon.meter, moon.router, moon.title, moon.status) == ("moon", "", "Luna", Status.LOADED)
    assert (tide.meter, tide.title, tide.key) == ("example.com/tide", "Tide", "example.com/tide")
    assert tide.verbs == {"measure"}
    assert list(loaded.owners) == []
    assert Facade(loaded).meters.names == ("example.com/tide", "moon")
    assert Facade(loaded).rules() == (Rule("example.com", "notes", "get create delete"),)


def made(**attributes: object) -> type:
    return type("Made", (Tide,), attributes)


async def _later(self: object, query: object, access: object) -> Reading:
    return Reading()


def _picky(self: object, query: object, *, access: object) -> Reading:
    return Reading()


def _short(self: object, query: object) -> Reading:
    return Reading()


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        pytest.param({"measure": _later}, "measure must not be async", id="async"),
        pytest.param({"measure": _picky}, "parameter access is keyword-only and would never be passed", id="keyword"),
        pytest.param({"measure": _short}, r"measure\(query\) must take \(query, access\)", id="parameters"),
        pytest.param({"measur": _short}, "is no verb|is missing", id="misspelt"),
        pytest.param({"api_version": 99}, "written for plugin API 99", id="version"),
        pytest.param({"config": dict}, "`config` must be a pydantic model", id="config"),
        pytest.param({"name": ""}, "`name` must be the key under which a metric names the provider", id="name"),
        pytest.param({"timeout_s": 0}, "`timeout_s` must be a number of seconds above 0", id="timeout"),
        pytest.param({"needs": (Rule("", "secrets", "read"),)}, "Kubernetes has no such verb", id="needs"),
        pytest.param({"terminate": Moon.terminate}, "resume is missing, without which no measurement lasts", id="half"),
    ],
)
def test_what_could_only_fail_later_is_refused_at_load(attributes: dict[str, object], said: str) -> None:
    if "measur" in attributes:
        cls: type = type("Made", (MetricProvider,), {"name": "x", "config": Wave, **attributes})
    else:
        cls = made(**attributes)
    (record,) = load_objects({"made": cls}).plugins
    assert record.status is Status.FAILED
    with pytest.raises(PluginLoadError, match=said):
        load_objects({"made": cls}, PluginSelection(required=("made",)))


def test_one_provider_that_fails_takes_no_other_down() -> None:
    doors = facade(bad=made(api_version=99), tide=Tide)
    assert doors.meters.names == ("example.com/tide",)


def test_two_plugins_for_one_key_are_an_error_that_names_both() -> None:
    with pytest.raises(PluginLoadError, match=r'the metric provider "moon" is claimed by local==0 and by local==0'):
        load_objects({"one": Moon, "two": Moon})


@pytest.mark.parametrize(
    ("provider", "found"),
    [
        ({"prometheus": {"query": "up"}}, Chosen("prometheus", {"query": "up"}, "provider.prometheus")),
        ({"plugin": {"a/b": {"x": 1}}}, Chosen("a/b", {"x": 1}, "provider.plugin[a/b]")),
        ({"plugin": {"a/b": {}}, "web": {}}, Chosen("web", {}, "provider.web")),
        ({}, None),
        ({"plugin": {}}, None),
    ],
    ids=["built-in", "plugin", "several", "none", "empty"],
)
def test_the_key_of_a_metric_is_found(provider: dict[str, Any], found: Chosen | None) -> None:
    assert chosen(Metric.read({"name": "m", "provider": provider})) == found


def test_a_verb_reaches_the_provider_of_the_key_alone(world: World) -> None:
    meters = facade(tide=Tide, moon=Moon).meters
    assert meters.measure("example.com/tide", query(2.5), world).value == "2.5"
    assert meters.measure("moon", query(2.5), world).phase == "Running"


def test_wrappers_stand_around_every_measurement(world: World) -> None:
    seen: list[str] = []

    class Audit:
        @hookimpl(wrapper=True)
        def measure(self, query: Query[Wave]):  # type: ignore[no-untyped-def]
            seen.append(query.key)
            return (yield)

    facade(tide=Tide, moon=Moon, audit=Audit).meters.measure("example.com/tide", query(), world)
    assert seen == ["shop/run/m"]


def test_an_unknown_provider_is_named_with_what_there_is_and_the_package_to_try() -> None:
    (problem,) = facade(tide=Tide).meters.configure("newRelic", {}, "provider.newRelic").problems
    assert problem.code == "AN001"
    assert 'metric provider "newRelic" is configured but no installed plugin provides it' in problem.text
    assert "have example.com/tide" in problem.text
    assert "pip install tidegate-newrelic " in problem.text


@pytest.mark.parametrize(
    ("selection", "said"),
    [(PluginSelection(disabled=("moon",)), "is disabled; enable it"), (PluginSelection(), "cannot be used")],
    ids=["disabled", "failed"],
)
def test_a_provider_that_is_there_and_does_not_work_says_why(selection: PluginSelection, said: str) -> None:
    broken: object = Moon if selection.disabled else type("Moon", (Moon,), {"api_version": 99})
    meters = Facade(load_objects({"moon": broken}, selection)).meters
    assert said in meters.configure("moon", {}, "provider.moon").problems[0].text


def test_a_config_is_read_once_with_every_fault_at_its_field() -> None:
    meters = facade(moon=Moon).meters
    assert meters.configure("moon", {"height": "2"}, "p").config == Wave(height=2)
    (problem,) = meters.configure("moon", {"height": "high"}, "provider.moon").problems
    assert problem.path == "provider.moon.height"
    assert meters.check_metric("moon", Wave(height=-1), "p")[0].path == "p.height"
    assert facade(tide=Tide).meters.check_metric("example.com/tide", Wave(), "p") == ()


def test_an_answer_of_the_wrong_kind_is_the_plugins_fault(world: World) -> None:
    wrong = made(measure=lambda self, query, access: 7)
    with pytest.raises(PluginError, match=r"plugin tide \(local==0\), measure of metric provider example.com/tide"):
        facade(tide=wrong).meters.measure("example.com/tide", query(), world)


def test_objects_are_read_live_written_behind_the_call_and_taken_up_again(world: World, shelf: Shelf) -> None:
    meters = facade(moon=Moon).meters
    for _ in range(2):  # the process died in between
        assert meters.measure("moon", query(number=3), world).phase == "Running"
    assert list(shelf.notes) == ["n3"]
    assert meters.terminate("moon", query(number=3), world, Measurement()) == Reading(phase="Inconclusive")
    assert shelf.notes == {}
    meters.terminate("moon", query(number=3), world, Measurement())


def test_what_belongs_to_somebody_else_is_not_deleted(world: World, shelf: Shelf) -> None:
    shelf.notes["n1"] = {"metadata": {"name": "n1", "uid": "u"}}
    with pytest.raises(OwnershipError, match="controlled by nobody, not by AnalysisRun run"):
        facade(moon=Moon).meters.terminate("moon", query(), world, Measurement())
    assert list(shelf.notes) == ["n1"]


def test_what_bears_the_runs_uid_is_the_runs(world: World, shelf: Shelf) -> None:
    shelf.notes["n1"] = {"metadata": {"name": "n1", "uid": "u", "labels": {"example.com/uid": "uid-1"}}}
    facade(moon=Moon).meters.terminate("moon", query(), world, Measurement())
    assert shelf.notes == {}


def test_a_provider_without_terminate_lets_a_measurement_stand(world: World) -> None:
    assert facade(tide=Tide).meters.terminate("example.com/tide", query(), world, Measurement()) is None
