"""Finds the installed plugins, imports those that are wanted, and refuses what could only fail later.

pluggy's own loader is not used: it walks every distribution, lets one failing import end the rest, and silently skips
a second distribution of the same name.
"""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import CodeType

import pluggy
from pydantic import BaseModel, ValidationError

from tidegate.errors import PluginLoadError
from tidegate.hooks.inspection import (
    ALL_VERBS,
    implementations,
    provider_faults,
    router_faults,
    verbs_of,
    version_faults,
    wrapper_faults,
)
from tidegate.hooks.markers import PROJECT
from tidegate.hooks.metrics import MetricProvider
from tidegate.hooks.records import PluginRecord, PluginSelection, Status
from tidegate.hooks.router import TrafficRouter

GROUP = "tidegate.plugins"
WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # of a key in camel case


@dataclass(frozen=True, slots=True)
class Owner:
    """A router with the plugin that brought it."""

    router: TrafficRouter[BaseModel]
    record: PluginRecord


@dataclass(frozen=True, slots=True)
class Meter:
    """A metric provider with the plugin that brought it."""

    provider: MetricProvider[BaseModel]
    record: PluginRecord


@dataclass(frozen=True, slots=True)
class Loaded:
    """The plugins of this process, fixed once loaded. `plugins` is sorted by name; `owners` are the routers by key, `meters`
    the metric providers.

    `authors` tells which plugin a piece of code belongs to, so that an error can name the one that raised it.
    """

    plugins: tuple[PluginRecord, ...]
    owners: Mapping[str, Owner]
    manager: pluggy.PluginManager
    authors: Mapping[CodeType, PluginRecord]
    meters: Mapping[str, Meter] = field(default_factory=dict)


def load(selection: PluginSelection | None = None, found: Iterable[EntryPoint] | None = None) -> Loaded:
    """Scan the entry points once, import what is wanted, check it, and fix the result.

    `found` replaces the scan of the installed distributions, for tests. Raises PluginLoadError where two distributions
    claim one name, or a required plugin is not usable; every other failure is kept in the plugin's record. Wrappers run
    around one another in the order of plugin names, the last name outermost.
    """
    selection = selection or PluginSelection()
    loading = _Loading(selection)
    for _, entry in sorted(_scan(found, selection).items()):
        loading.add(_record(entry), entry.load)
    loading.add_missing()
    return loading.result()


def load_objects(plugins: Mapping[str, object], selection: PluginSelection | None = None) -> Loaded:
    """Load plugins that are at hand instead of installed, under the given names: tests, and the conformance kit.

    They pass the same checks; their distribution is called "local".
    """
    loading = _Loading(selection or PluginSelection())
    for name, plugin in sorted(plugins.items()):
        loading.add(PluginRecord(name, "local", "0"), partial(_itself, plugin))
    loading.add_missing()
    return loading.result()


def _scan(found: Iterable[EntryPoint] | None, selection: PluginSelection) -> dict[str, EntryPoint]:
    entries: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP) if found is None else found:
        one, other = _record(entry), _record(entries.setdefault(entry.name, entry))
        if one.origin != other.origin and selection.wants(entry.name):
            raise _claimed_twice(f'the plugin name "{entry.name}"', one, other)
    return entries


def _itself(plugin: object) -> object:
    return plugin


def _record(entry: EntryPoint) -> PluginRecord:
    distribution = entry.dist
    if distribution is None:
        return PluginRecord(entry.name, "unknown", "0")
    return PluginRecord(entry.name, distribution.name, distribution.version)


def _claimed_twice(what: str, one: PluginRecord, other: PluginRecord) -> PluginLoadError:
    first, second = sorted((one.origin, other.origin))
    return PluginLoadError(
        f"{what} is claimed by {first} and by {second}; uninstall one of the two",
        plugin=one.name,
        distribution=one.origin,
    )


class _Loading:
    """The registry while it grows. Never escapes `load`."""

    def __init__(self, selection: PluginSelection) -> None:
        self._selection = selection
        self._records: dict[str, PluginRecord] = {}
        self._owners: dict[str, Owner] = {}
        self._meters: dict[str, Meter] = {}
        self._authors: dict[CodeType, PluginRecord] = {}
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(TrafficRouter)
        self._manager.add_hookspecs(MetricProvider)

    def add(self, record: PluginRecord, imported: Callable[[], object]) -> None:
        """Import and register one plugin, or note why not."""
        name = record.name
        if not self._selection.wants(name):
            self._records[name] = replace(record, status=Status.DISABLED)
            return
        try:
            plugin = self._examined(record, imported)
            record = _described(record, plugin)
            self._manager.register(plugin, name=name)
        except (PluginLoadError, pluggy.PluginValidationError) as error:
            self._records[name] = replace(record, status=Status.FAILED, error=str(error))
        except (Exception, SystemExit) as error:
            # An import runs a stranger's code: nothing it does may end the process.
            text = "".join(traceback.format_exception(error))
            short = f"import failed: {type(error).__name__}: {error}"
            self._records[name] = replace(record, status=Status.FAILED, error=short, traceback=text)
        else:
            self._keep(record, plugin)

    def add_missing(self) -> None:
        """Note the plugins that were asked for by name and are not installed."""
        named = () if self._selection.enabled == "*" else self._selection.enabled
        for name in (*named, *self._selection.required):
            if name not in self._records and name not in self._selection.disabled:
                error = f"not installed; try: pip install {package_for(name)}"
                self._records[name] = PluginRecord(name, status=Status.FAILED, error=error)

    def result(self) -> Loaded:
        """The finished registry. Raises PluginLoadError for a required plugin that is not usable."""
        for name in self._selection.required:
            record = self._records.get(name)
            if record is None or record.status is not Status.LOADED:
                why = "disabled" if record is None else (record.error or record.status.value)
                raise PluginLoadError(f'plugin "{name}" is required and cannot be used: {why}', plugin=name)
        self._manager.check_pending()
        records = tuple(self._records[name] for name in sorted(self._records))
        return Loaded(records, self._owners, self._manager, self._authors, self._meters)

    def _examined(self, record: PluginRecord, imported: Callable[[], object]) -> object:
        """Import the plugin and look at it. Raises PluginLoadError with every fault, and whatever the import raises."""
        plugin = imported()
        faults = [*version_faults(plugin)]
        if not faults:
            plugin = self._instance(plugin, record.name)
            faults = list(_faults(plugin))
        if faults:
            raise PluginLoadError(f"{record.origin}: {'; '.join(faults)}")
        return plugin

    def _keep(self, record: PluginRecord, plugin: object) -> None:
        self._records[record.name] = record
        self._authors |= {inspect.unwrap(function).__code__: record for _, function in implementations(plugin)}
        if isinstance(plugin, TrafficRouter):
            if other := self._owners.get(record.router):
                raise _claimed_twice(f'the router "{record.router}"', record, other.record)
            self._owners[record.router] = Owner(plugin, record)
        if isinstance(plugin, MetricProvider):
            if earlier := self._meters.get(record.meter):
                raise _claimed_twice(f'the metric provider "{record.meter}"', record, earlier.record)
            self._meters[record.meter] = Meter(plugin, record)

    def _instance(self, plugin: object, name: str) -> object:
        """The object to register: classes are instantiated, a router or a provider with its settings."""
        given = self._selection.settings.get(name)
        if not (inspect.isclass(plugin) and issubclass(plugin, TrafficRouter | MetricProvider)):
            if given:
                raise PluginLoadError(f"takes no settings; remove plugins.settings.{name}")
            return plugin() if inspect.isclass(plugin) else plugin
        if plugin.settings is None:
            if given:
                raise PluginLoadError(f"takes no settings; remove plugins.settings.{name}")
            return plugin()
        try:
            return plugin(plugin.settings.model_validate(given or {}))
        except ValidationError as error:
            raise PluginLoadError(f"plugins.settings.{name}: {error}") from error


def _faults(plugin: object) -> Iterable[str]:
    match plugin:
        case TrafficRouter():
            return router_faults(plugin)
        case MetricProvider():
            return provider_faults(plugin)
        case _:
            return wrapper_faults(plugin)


def _described(record: PluginRecord, plugin: object) -> PluginRecord:
    if not isinstance(plugin, TrafficRouter | MetricProvider):
        verbs = frozenset(name for name, _ in implementations(plugin) if name in ALL_VERBS)
        return replace(record, verbs=verbs, needs=tuple(getattr(plugin, "needs", ())))
    title = plugin.title or plugin.name.rpartition("/")[2].capitalize()
    record = replace(record, title=title, needs=tuple(plugin.needs), verbs=verbs_of(plugin))
    if isinstance(plugin, MetricProvider):
        return replace(record, meter=plugin.name)
    return replace(record, router=plugin.name, can=frozenset(plugin.can), remote=plugin.remote)


def package_for(key: str, *, joined: bool = False) -> str:
    """The distribution that is likely to bring a plugin: `tidegate-` and the words of its key's last part, with hyphens.

    `joined` leaves the hyphens out: a router is named after its words, a metric provider after a product, which is one.
    """
    return f"tidegate-{_words(key, joined)}"


def install_hint(key: str, *, joined: bool = False) -> str:
    """What to try for a plugin that nobody brings. A guess by the conventions: nothing here knows a provider."""
    words = _words(key, joined)
    return f"pip install {package_for(key, joined=joined)} (a vendor's may be called tidegate-<vendor>-{words})"


def _words(key: str, joined: bool) -> str:
    words = WORD_START.sub("-", key.rpartition("/")[2]).lower().replace("_", "-")
    return words.replace("-", "") if joined else words
