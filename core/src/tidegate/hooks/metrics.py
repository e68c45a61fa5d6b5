"""The contract of a metric provider: the base class that a plugin subclasses *is* the hook specification.

A plugin author reads this file and nothing else. The smallest provider is a `name`, a `config` and `measure`; every other
verb has a default that is never called unless overridden.

A provider reads and does not judge: it hands back what it found, and the core evaluates the metric's conditions, counts,
waits and repeats. A provider whose measurements last, or that judges for itself, says so in its reading. It keeps no
state between calls: what it needs to find a measurement again stands in the measurement's metadata.
"""

# ruff: noqa: ARG002  (a specification uses none of its arguments)

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from tidegate.api.analysis import Measurement
from tidegate.errors import PluginError
from tidegate.hooks.http import Http, Secrets
from tidegate.hooks.markers import hookimpl, hookspec
from tidegate.hooks.objects import Objects
from tidegate.hooks.references import Rule
from tidegate.hooks.router import API_VERSION
from tidegate.machine.analysis.verdicts import Reading
from tidegate.machine.observed import Problem

Config = TypeVar("Config", bound=BaseModel)
Given = TypeVar("Given", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True)
class Query(Generic[Given]):
    """What is to be measured: one metric of one AnalysisRun, its arguments filled in, and the provider's validated config.

    `config` may hold secrets: it is never logged, and what a reading says is searched for them before it is kept.
    `number` counts the metric's measurements from 1; with `uid` and `metric` it names what a measurement creates, so that
    one begun by a process that died is found again and not begun twice. `now` is when the measurement is taken,
    `started` when the run began, None in its first pass. `interval_s` is the metric's, 0 without one. `path` is the
    field of the config, for errors. `labels` and `annotations` are the run's.
    """

    namespace: str
    run: str
    uid: str
    metric: str
    number: int
    config: Given
    now: datetime
    path: str = ""
    started: datetime | None = None
    interval_s: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The run's name: for whom objects are made."""
        return self.run

    @property
    def key(self) -> str:
        """`<namespace>/<run>/<metric>`, for logs."""
        return f"{self.namespace}/{self.run}/{self.metric}"

    @property
    def owner(self) -> dict[str, Any]:
        """The ownerReference for objects that a measurement creates, so that they go with the run."""
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "name": self.run,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


@dataclass(frozen=True, slots=True)
class Access:
    """The world as a provider may touch it, made anew for every call.

    `http` sends requests under the installation's rules. `secrets` reads credentials at use. `objects` is a unit of work
    over copies of Kubernetes objects, as routers have it: the core compares and writes behind the call.
    """

    http: Http
    secrets: Secrets
    objects: Objects


class MetricProvider(Generic[Config]):
    """Base of every metric provider and the specification of its hooks.

    Class attributes: `name` is the key under `provider` or `provider.plugin`; `title` is how texts and the label of the
    metrics series call it (default: `name` with a capital); `config` the pydantic model of that key's value; `needs` the
    rights; `api_version` the contract's version; `settings` the pydantic model of the plugin's own block in
    `tidegate.yaml`, or None, and the validated block is `self.installed`. `timeout_s` bounds each call: one that takes
    longer is an error of that measurement. `shows` names the keys of the metadata that the plugin's readings may set.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    config: ClassVar[type[BaseModel]]
    needs: ClassVar[Sequence[Rule]] = ()
    api_version: ClassVar[int] = API_VERSION
    settings: ClassVar[type[BaseModel] | None] = None
    timeout_s: ClassVar[float] = 30.0
    shows: ClassVar[Set[str]] = frozenset()

    def __init__(self, installed: BaseModel | None = None) -> None:
        self.installed = installed

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Mark every overridden verb as an implementation of its hook."""
        super().__init_subclass__(**kwargs)
        for verb in METRIC_VERBS:
            if verb in cls.__dict__:
                hookimpl(cls.__dict__[verb])

    def _lacks(self, verb: str) -> PluginError:
        """What calling a verb that the provider does not have comes to; the core asks only for verbs that it has."""
        return PluginError(f"metric provider {self.name!r} has no {verb}", plugin=self.name, verb=verb)

    @hookspec(firstresult=True)
    def check_metric(self, config: Config, path: str) -> Sequence[Problem]:
        """Find what keeps a config from working that its model cannot tell.

        When: in `tidegate lint`, and when a Rollout that uses the template is validated; arguments are placeholders then.
        Who: the provider that the metric names.
        Args: config; path, the field that holds it.
        Returns: problems with full field paths, the worst first.
        Raises: nothing.
        Repeats: pure.
        Threads: any.
        """
        raise self._lacks("check_metric")

    @hookspec(firstresult=True)
    def describe_metric(self, query: Query[Config]) -> Mapping[str, str]:
        """Say what is asked, for people: the query with its arguments filled in.

        When: with the first measurement of a metric.
        Who: the provider that the metric names; without this verb nothing is said.
        Args: query.
        Returns: texts that are kept beside the metric's result.
        Raises: nothing.
        Repeats: pure.
        Threads: any, concurrently for different metrics.
        """
        raise self._lacks("describe_metric")

    @hookspec(firstresult=True)
    def measure(self, query: Query[Config], access: Access) -> Reading:
        """Take one measurement, or begin one that lasts.

        When: each time the metric is due. Two measurements of one metric never run at the same time.
        Who: every provider; mandatory.
        Args: query; access.
        Returns: a reading with a result and how it is shown. One that lasts has phase Running and `resume_at`; one that
            found no data has result None or an empty list, which the conditions judge.
        Raises: whatever; it is an error of this measurement alone, with the exception's text as message.
        Repeats: after a crash it may be asked for the same `number` again: what was begun then is taken up.
        Threads: any, concurrently for different metrics.
        """
        raise self._lacks("measure")

    @hookspec(firstresult=True)
    def resume(self, query: Query[Config], access: Access, measurement: Measurement) -> Reading:
        """Look how a measurement that lasts has got on.

        When: at its `resume_at`, or when something that it created has changed.
        Who: providers whose measurements last.
        Args: query; access; measurement, with the metadata of the last reading.
        Returns: a reading, Running again or final. Its metadata replaces the last one's where it has any.
        Raises: whatever; the measurement ends in an error.
        Repeats: harmless.
        Threads: any, concurrently for different metrics.
        """
        raise self._lacks("resume")

    @hookspec(firstresult=True)
    def terminate(self, query: Query[Config], access: Access, measurement: Measurement) -> Reading:
        """End a measurement that lasts, because its run ends.

        When: the run is told to terminate, or another metric has failed. Without this verb a measurement that is under
            way stays as it is, and the run ends without it.
        Who: providers whose measurements last.
        Args: query; access; measurement.
        Returns: a final reading: Inconclusive where nothing is known of its outcome.
        Raises: whatever; the measurement ends in an error.
        Repeats: tolerates that what is to be ended is gone.
        Threads: any, concurrently for different metrics.
        """
        raise self._lacks("terminate")

    @hookspec(firstresult=True)
    def collect(self, query: Query[Config], access: Access, keep: int) -> None:
        """Delete what older measurements of this metric have left in the world.

        When: behind each measurement.
        Who: providers that create objects.
        Args: query; access; keep, how many of the newest stay; what this pass created is one of them, though no cache
            shows it yet.
        Returns: nothing.
        Raises: ApiError and SDK errors; they are logged, and it is asked again behind the next measurement.
        Repeats: deletes nothing when nothing is left over.
        Threads: any, concurrently for different metrics.
        """
        raise self._lacks("collect")


METRIC_VERBS = ("check_metric", "describe_metric", "measure", "resume", "terminate", "collect")
REQUIRED_METRIC_VERBS = ("measure",)
