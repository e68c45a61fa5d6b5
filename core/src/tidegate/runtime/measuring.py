"""One measurement carried out: arguments with their secrets, the provider's verb, the verdict, and nothing secret kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel

from tidegate.api.analysis import AnalysisRun, Measurement, Metric
from tidegate.errors import Forbidden, Unreachable
from tidegate.hooks.cluster import Cluster
from tidegate.hooks.http import Answer, Call, Http, Secrets
from tidegate.hooks.meters import Meters, World, chosen
from tidegate.hooks.metrics import Query
from tidegate.machine.analysis.acts import Collect, Cut, Measured, Measuring, Resume
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.intervals import readable_seconds
from tidegate.machine.analysis.late import Late
from tidegate.machine.analysis.phases import COMPLETED
from tidegate.machine.analysis.verdicts import Reading, failed_measurement, measurement_of
from tidegate.machine.expr.conditions import holds
from tidegate.runtime.clock import Clock
from tidegate.runtime.flights import Part

log = logging.getLogger(__name__)

# Bounds what one answer may take of an object that has room for 1.5 MB, and of every watch of it. A metric keeps ten.
LONGEST_VALUE, LONGEST_MESSAGE = 8_192, 4_096
UNBOUND_S = 30.0  # for a provider that is not there: only its absence is told


class SecretReader(Secrets, Protocol):
    """Reads Secrets for one measurement, and knows afterwards what it has handed out."""

    @property
    def handed_out(self) -> Sequence[str]:
        """The values that were read so far: they are hidden in what is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What a provider may reach: `http`, and for a run's namespace a reader of Secrets. `tokens` are those that `http` has
    fetched; they are hidden in what is kept, as Secrets are."""

    http: Http
    secrets: Callable[[str], SecretReader]
    tokens: Callable[[], Sequence[str]] = tuple


class NoHttp:
    """No way out: for an engine whose providers need only Kubernetes."""

    def send(self, call: Call) -> Answer:
        """Raises Unreachable."""
        raise Unreachable(f"{call.url} is not asked: this engine was built without HTTP; give it Services with an Http")


class NoSecrets:
    """No Secrets beside those that arguments name."""

    handed_out: Sequence[str] = ()

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        """Raises Forbidden."""
        where = "the run's" if in_run_namespace else "the controller's"
        said = f'secrets "{name}" in {where} namespace is not read: this engine was built without Services'
        raise Forbidden(said, code=403, reason="Forbidden")


NO_SERVICES = Services(NoHttp(), lambda _: NoSecrets())


@dataclass(frozen=True, slots=True)
class Asked:
    """A provider and its question, complete."""

    name: str
    metric: Metric
    query: Query[BaseModel]


class Measurer:
    """Carries out the measurements of one run. Made anew for each flight; safe for concurrent calls."""

    def __init__(self, meters: Meters, services: Services, cluster: Cluster, clock: Clock, late: Late) -> None:
        self._meters, self._services, self._cluster, self._clock, self._late = meters, services, cluster, clock, late

    @property
    def _run(self) -> AnalysisRun:
        return self._late.run

    def part(self, action: Measuring, collect: Collect | None) -> Part:
        """The action as something that can be flown, with the collection behind it."""
        found = chosen(self._run.spec.metrics[action.index])
        known = found is not None and self._meters.find(found.name) is not None
        timeout_s = self._meters.timeout_s(found.name) if found is not None and known else UNBOUND_S
        return Part(lambda: self._measured(action, collect), lambda said: self._failed(action, said), timeout_s)

    def _failed(self, action: Measuring, said: str) -> Measured:
        """# differs: a call that never comes back ends the reference's run with it; here it is an error like others."""
        now = self._clock.now()
        return Measured(action, message=said, measurement=failed_measurement(said, self._begun(action, now), now))

    def _measured(self, action: Measuring, collect: Collect | None) -> Measured:
        started = self._clock.now()
        secrets = self._services.secrets(self._run.metadata.namespace)
        annotations: dict[str, str] = {}
        try:
            asked = self._asked(action, started)
            if asked is None:
                raise Unusable(f"no valid provider in metric '{action.metric}'")
            world = World(self._services.http, secrets, self._cluster)
            measurement = self._judged(action, asked, world, started)
            if action.number == 1 and not isinstance(action, Resume | Cut):
                annotations = self._meters.describe_metric(asked.name, asked.query)
            self._collect(collect, asked, world)
        except (
            Exception,
            SystemExit,
        ) as error:  # a provider's code, and whatever it asks: an error of this measurement alone
            text = str(error) or type(error).__name__
            log.debug("measurement failed", exc_info=True, extra=self._named())
            measurement = failed_measurement(text, self._begun(action, started), self._clock.now())
        hiding = self._hiding((*secrets.handed_out, *self._services.tokens()))
        shown = tuple((key, _cut(hiding.masked(text), LONGEST_VALUE)) for key, text in annotations.items())
        return Measured(action, measurement=_bounded(hiding.hidden(measurement)), annotations=shown)

    def _asked(self, action: Measuring, now: datetime) -> Asked | None:
        """The question, with secrets in it. Raises Unusable, and ValueError for a config that cannot work."""
        metric = self._late.metric(action.index)
        found = chosen(metric)
        if found is None:
            return None
        configured = self._meters.configure(found.name, found.raw, found.path)
        if configured.config is None:
            raise Unusable("; ".join(problem.text for problem in configured.problems))
        run = self._run
        query: Query[BaseModel] = Query(
            namespace=run.metadata.namespace,
            run=run.metadata.name,
            uid=run.metadata.uid,
            metric=action.metric,
            number=action.number,
            config=configured.config,
            now=now,
            path=f"metrics[{action.index}].{found.path}",
            started=run.status.started_at,
            interval_s=readable_seconds(metric.interval),
            labels=run.metadata.labels,
            annotations=run.metadata.annotations,
        )
        return Asked(found.name, metric, query)

    def _judged(self, action: Measuring, asked: Asked, world: World, started: datetime) -> Measurement:
        reading = self._reading(action, asked, world)
        if isinstance(action, Cut) and reading is None:
            return action.measurement
        if reading is None:
            raise Unusable(f"metric provider {asked.name} gave no reading")
        found = measurement_of(asked.metric, reading, holds, self._begun(action, started), self._clock.now())
        if isinstance(action, Resume | Cut):
            kept = found.metadata or action.measurement.metadata
            found = found.model_copy(update={"metadata": kept, "resume_at": found.resume_at or _resumed(action, found)})
        return found

    def _reading(self, action: Measuring, asked: Asked, world: World) -> Reading | None:
        match action:
            case Resume():
                return self._meters.resume(asked.name, asked.query, world, action.measurement)
            case Cut():
                return self._meters.terminate(asked.name, asked.query, world, action.measurement)
            case _:
                return self._meters.measure(asked.name, asked.query, world)

    def _collect(self, collect: Collect | None, asked: Asked, world: World) -> None:
        """What is left over is no affair of the measurement: it is asked for again behind the next one."""
        if collect is None:
            return
        try:
            self._meters.collect(asked.name, asked.query, world, collect.keep)
        except Exception as error:  # a provider's code
            log.warning(
                "metric %s: leftovers stay: %s", collect.metric, self._late.masked(str(error)), extra=self._named()
            )

    def _begun(self, action: Measuring, now: datetime) -> datetime:
        before = action.measurement.started_at if isinstance(action, Resume | Cut) else None
        return before or now

    def _hiding(self, handed_out: Sequence[str]) -> Late:
        """The secrets of the arguments, and those that the provider has read itself."""
        if not handed_out:
            return self._late
        every = {*self._late.secrets, *handed_out}
        return replace(self._late, secrets=tuple(sorted(every, key=len, reverse=True)))

    def _named(self) -> dict[str, str]:
        return {"analysisrun": f"{self._run.metadata.namespace}/{self._run.metadata.name}"}


def _resumed(action: Resume | Cut, found: Measurement) -> datetime | None:
    """A finished measurement keeps when it was to be looked at last, as clients of the reference know it."""
    return action.measurement.resume_at if found.phase in COMPLETED else None


def _bounded(measurement: Measurement) -> Measurement:
    """The measurement with texts that a status has room for. # differs: the reference keeps a value of any length."""
    changes: dict[str, object] = {}
    if len(measurement.value) > LONGEST_VALUE:
        changes["value"] = _cut(measurement.value, LONGEST_VALUE)
    if len(measurement.message) > LONGEST_MESSAGE:
        changes["message"] = _cut(measurement.message, LONGEST_MESSAGE)
    if any(len(text) > LONGEST_VALUE for text in measurement.metadata.values()):
        changes["metadata"] = {key: _cut(text, LONGEST_VALUE) for key, text in measurement.metadata.items()}
    return measurement.model_copy(update=changes) if changes else measurement


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
