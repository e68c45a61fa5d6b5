"""What a metric provider is played against: an endpoint of recorded answers, and Secrets, both in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from tidegate.api.analysis import Measurement
from tidegate.errors import NotFound
from tidegate.hooks.http import Answer, Call
from tidegate.hooks.loader import load_objects
from tidegate.hooks.meters import Meters, World
from tidegate.hooks.metrics import MetricProvider, Query
from tidegate.hooks.records import PluginSelection
from tidegate.machine.analysis.verdicts import Reading
from tidegate_testkit.memory import Manifest, MemoryCluster

PLUGIN = "under-test"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JSON = {"content-type": "application/json"}

Script = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class MetricCase:
    """A provider with a config that works and the answer that it was recorded with.

    `answer` is the body that a good endpoint gives, or a function for one that is asked several things; `result` and
    `value` are what the reading then holds. A provider without an endpoint, or with an SDK of its own, leaves `answer` None; a
    `result` is checked all the same.

    What follows is optional and switches further checks on. `empty` is the body for no data, `odd` are bodies with NaN,
    infinities or nulls where numbers stand, each with its result. `secrets` are the Secrets that it reads, by name,
    `in_run_namespace` the names of those that lie beside the run. `credentials` are texts that must not be shown.
    `integers` says that its source tells integers from floats.
    `manifests` are objects that it finds. `finish` makes what a lasting measurement waits for end well.
    """

    provider: type[MetricProvider[Any]]
    config: Manifest
    answer: bytes | Script | None = None
    result: object = None
    value: str = ""
    empty: bytes | None = None
    odd: Sequence[tuple[bytes, object]] = ()
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    in_run_namespace: Sequence[str] = ()
    credentials: Sequence[str] = ()
    manifests: Sequence[Manifest] = ()
    finish: Callable[[MemoryCluster], None] | None = None
    settings: Manifest = field(default_factory=dict)
    integers: bool = False

    def start(self) -> MetricStage:
        """A fresh provider, endpoint, and cluster that grants what the provider declares and nothing else."""
        selection = PluginSelection(settings={PLUGIN: self.settings} if self.settings else {})
        loaded = load_objects({PLUGIN: self.provider}, selection)
        refused = [record.error for record in loaded.plugins if record.error]
        assert not refused, f"the loader refuses {self.provider.__name__}: {refused[0]}"
        cluster = MemoryCluster(self.manifests, self.provider.needs)
        return MetricStage(self, Meters(loaded, sleep=lambda _: None), cluster, Played(self.script()), Vault(self))

    def script(self) -> Script:
        """The recorded answers as a function of the call."""
        recorded = self.answer
        if callable(recorded):
            return recorded
        return lambda _: Answer(200, JSON, recorded or b"")


class Played:
    """Implements `Http`. `asked` holds every call; `script` may be exchanged."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Call] = []
        self._lock = threading.Lock()

    def send(self, call: Call) -> Answer:
        """What the script says."""
        with self._lock:
            self.asked.append(call)
        return self.script(call)


class Vault:
    """Implements `Secrets`. `asked` are the (name, whether of the run) that were read."""

    def __init__(self, case: MetricCase) -> None:
        self._case = case
        self.asked: set[tuple[str, bool]] = set()

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        """The Secret where it lies. Raises NotFound elsewhere."""
        self.asked.add((name, in_run_namespace))
        if name not in self._case.secrets or (name in self._case.in_run_namespace) is not in_run_namespace:
            raise NotFound(f'secrets "{name}" not found', code=404, reason="NotFound")
        return self._case.secrets[name]


@dataclass(slots=True)
class MetricStage:
    """One metric of one run in front of the provider."""

    case: MetricCase
    meters: Meters
    cluster: MemoryCluster
    http: Played
    vault: Vault
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"spec.metrics[0].provider.{self.name}"

    @property
    def name(self) -> str:
        """The provider's key."""
        return self.case.provider.name

    @property
    def query(self) -> Query[BaseModel]:
        """The case's metric. Raises AssertionError where the config is refused."""
        configured = self.meters.configure(self.name, self.case.config, self.path)
        assert configured.config is not None, f"the config is refused: {[each.text for each in configured.problems]}"
        return Query("default", "demo", "uid-of-demo", "kit", 1, configured.config, NOW, self.path, NOW, 60.0)

    @property
    def _world(self) -> World:
        return World(self.http, self.vault, self.cluster)

    def measure(self) -> Reading:
        """One measurement; raises whatever the provider raises."""
        return self.meters.measure(self.name, self.query, self._world)

    def outcome(self) -> Reading:
        """One measurement as the core takes it: what is raised is an error with the exception's text."""
        try:
            return self.measure()
        except Exception as error:  # the contract: whatever is raised is this measurement's error
            return Reading(phase="Error", message=str(error) or type(error).__name__)

    def resume(self, reading: Reading) -> Reading:
        """Look at a measurement that lasts."""
        return self.meters.resume(self.name, self.query, self._world, begun(reading))

    def terminate(self, reading: Reading) -> Reading | None:
        """End a measurement that lasts."""
        return self.meters.terminate(self.name, self.query, self._world, begun(reading))

    def answering(self, answer: Answer | Exception) -> MetricStage:
        """The same stage, whose endpoint gives this answer to every call, or fails so."""

        def script(_: Call) -> Answer:
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.http.script = script
        return self


def begun(reading: Reading) -> Measurement:
    """The measurement that is kept of a reading."""
    return Measurement(phase=reading.phase, started_at=NOW, metadata=dict(reading.metadata), value=reading.value)


def with_config(case: MetricCase, config: Manifest) -> MetricCase:
    """The case with another config."""
    return replace(case, config=config)
