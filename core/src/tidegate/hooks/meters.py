"""The door to metric providers: finds a metric's provider, reads its config, and runs the wrappers around its verbs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from tidegate.api.analysis import Measurement, Metric
from tidegate.errors import PluginError
from tidegate.hooks.absences import absence
from tidegate.hooks.cluster import Cluster
from tidegate.hooks.configs import Configured, read_config
from tidegate.hooks.flush import Work
from tidegate.hooks.http import Http, Secrets
from tidegate.hooks.loader import Loaded
from tidegate.hooks.metrics import METRIC_VERBS, Access, MetricProvider, Query
from tidegate.hooks.objects import Objects
from tidegate.hooks.records import PluginRecord
from tidegate.machine.analysis.verdicts import Reading
from tidegate.machine.observed import Problem

AnyQuery = Query[BaseModel]

METRIC_PROVIDER = "metric provider"  # how texts call one

PLUGIN = "plugin"  # under this key of `provider` stand keys of the form <namespace>/<name>


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which provider a metric names, with its raw config and the field that holds it, from the metric on."""

    name: str
    raw: object
    path: str


@dataclass(frozen=True, slots=True)
class World:
    """What a provider may reach in one call. Its objects are read from the API server, as few are looked at and seldom:
    no cache has to be kept for them, and none can lag behind."""

    http: Http
    secrets: Secrets
    cluster: Cluster


def chosen(metric: Metric) -> Chosen | None:
    """The provider that a metric names, None without one. Of several the first counts, those under `plugin` last.

    # differs: the reference goes by an order of its own; both refuse a metric with several before it is measured.
    """
    for name, raw in metric.provider.items():
        if name != PLUGIN:
            return Chosen(name, raw, f"provider.{name}")
    plugins = metric.provider.get(PLUGIN)
    for name, raw in plugins.items() if isinstance(plugins, Mapping) else ():
        return Chosen(str(name), raw, f"provider.{PLUGIN}[{name}]")
    return None


class Meters:
    """Every verb of every loaded metric provider, typed. Made once; safe for concurrent calls.

    What a provider raises comes through as it is: it is the error of one measurement, and its text is the message.
    """

    def __init__(self, loaded: Loaded, sleep: Callable[[float], None] = time.sleep) -> None:
        self._loaded, self._sleep = loaded, sleep
        meters = [meter.provider for meter in loaded.meters.values()]
        # Made once: building a subset costs as much as calling it.
        self._callers = {
            (verb, name): loaded.manager.subset_hook_caller(verb, [m for m in meters if m is not meter.provider])
            for name, meter in loaded.meters.items()
            for verb in METRIC_VERBS
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that a metric may use, sorted."""
        return tuple(sorted(self._loaded.meters))

    def find(self, name: str) -> PluginRecord | None:
        """The plugin that answers to this key, or None."""
        meter = self._loaded.meters.get(name)
        return meter.record if meter else None

    def title(self, name: str) -> str:
        """How texts and series call a provider; one that is not there by its key."""
        record = self.find(name)
        return record.title if record else name

    def has(self, verb: str, name: str) -> bool:
        """Whether there is such a provider, and it has the verb."""
        record = self.find(name)
        return record is not None and verb in record.verbs

    def timeout_s(self, name: str) -> float:
        """The bound of each call."""
        return self._provider(name).timeout_s

    def configure(self, name: str, raw: object, path: str) -> Configured:
        """Validate a provider's part of a metric whose arguments are filled in.

        Raises PluginError for a model that breaks instead of refusing.
        """
        meter = self._loaded.meters.get(name)
        if meter is None:
            return Configured(name, path, problems=(self.unknown(name, path),))
        try:
            return read_config(meter.provider.config, name, raw, path, METRIC_PROVIDER)
        except Exception as error:  # a validator is the plugin's code; what it may raise has become problems already
            raise self._fault("config", name, f"raised {type(error).__name__}: {error}") from error

    def unknown(self, name: str, path: str) -> Problem:
        """What to say of a provider that no loaded plugin answers to."""
        found = absence(METRIC_PROVIDER, name, self._loaded.plugins, self.names, joined=True)
        return replace(found, path=path, code="AN001")

    def check_metric(self, name: str, config: BaseModel, path: str) -> tuple[Problem, ...]:
        """What keeps a config from working that its model cannot tell."""
        if not self.has("check_metric", name):
            return ()
        found = self._ask("check_metric", name, config=config, path=path)
        if not isinstance(found, Sequence) or not all(isinstance(each, Problem) for each in found):
            raise self._wrong("check_metric", name, found)
        return tuple(found)

    def describe_metric(self, name: str, query: AnyQuery) -> dict[str, str]:
        """What is asked, for people; empty for a provider that says nothing."""
        if not self.has("describe_metric", name):
            return {}
        found = self._ask("describe_metric", name, query=query)
        if not isinstance(found, Mapping):
            raise self._wrong("describe_metric", name, found)
        return {str(key): str(text) for key, text in found.items()}

    def measure(self, name: str, query: AnyQuery, world: World) -> Reading:
        """Take one measurement, or begin one that lasts."""
        return self._read("measure", name, query, world)

    def resume(self, name: str, query: AnyQuery, world: World, measurement: Measurement) -> Reading:
        """Look how a measurement has got on. One of a provider that never has any cannot go on: PluginError."""
        return self._read("resume", name, query, world, measurement=measurement)

    def terminate(self, name: str, query: AnyQuery, world: World, measurement: Measurement) -> Reading | None:
        """End a measurement; None from a provider that cannot: it stays as it is."""
        if not self.has("terminate", name):
            return None
        return self._read("terminate", name, query, world, measurement=measurement)

    def collect(self, name: str, query: AnyQuery, world: World, keep: int) -> None:
        """Delete what older measurements have left, but for the newest `keep`."""
        self._work("collect", name, query, world, keep=keep)

    def _read(self, verb: str, name: str, query: AnyQuery, world: World, **arguments: object) -> Reading:
        found = self._work(verb, name, query, world, **arguments)
        if isinstance(found, Reading):
            return found
        raise self._wrong(verb, name, found)

    def _work(self, verb: str, name: str, query: AnyQuery, world: World, **arguments: object) -> object:
        """Ask, then write what the verb has edited."""

        def ask(objects: Objects) -> object:
            access = Access(world.http, world.secrets, objects)
            return self._ask(verb, name, query=query, access=access, **arguments)

        return Work(query, world.cluster, ask, self._sleep, live=True).run().value

    def _ask(self, verb: str, name: str, **arguments: Any) -> object:
        self._provider(name)
        return self._callers[(verb, name)](**arguments)

    def _provider(self, name: str) -> MetricProvider[BaseModel]:
        meter = self._loaded.meters.get(name)
        if meter is None:
            raise PluginError(self.unknown(name, f"provider.{name}").text, plugin=name)
        return meter.provider

    def _wrong(self, verb: str, name: str, answer: object) -> PluginError:
        said = f"answered with {type(answer).__name__} {answer!r:.80}, which its contract does not allow"
        return self._fault(verb, name, said)

    def _fault(self, verb: str, name: str, what: str) -> PluginError:
        record = self.find(name) or PluginRecord(name)
        return PluginError(
            f"plugin {record.name} ({record.origin}), {verb} of metric provider {name}: {what}",
            plugin=record.name,
            distribution=record.origin,
            verb=verb,
        )
