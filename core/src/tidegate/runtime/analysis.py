"""One pass over one AnalysisRun: begin what is due, or take account of what has ended; one status patch, then events.

A run is looked at twice for a round of measurements. The first pass hands them to threads and ends; the second, once
all have ended, judges them and writes the status. What was measured is kept until that write has succeeded, and a
process that dies between the two loses one round and counts none twice: the number of a measurement is that of the
status.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping, Sequence

from tidegate.api import names
from tidegate.api.analysis import AnalysisRun
from tidegate.errors import Forbidden, NotFound
from tidegate.hooks.meters import chosen
from tidegate.hooks.objects import merge_patch
from tidegate.machine.actions import Event
from tidegate.machine.analysis.acts import Collect, Measured, Measuring
from tidegate.machine.analysis.decide import RunSeen, decide
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.late import Late, secret_refs
from tidegate.machine.checking import DeleteRun
from tidegate.machine.plan import Outcome, Plan, Settled
from tidegate.runtime.clock import Clock
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.events import About
from tidegate.runtime.flights import Flights
from tidegate.runtime.kinds import ANALYSIS_RUNS, SECRETS, path_of
from tidegate.runtime.measuring import Measurer, Services
from tidegate.runtime.projections import RunText
from tidegate.runtime.queue import Queue
from tidegate.runtime.reconcile import End, Shell
from tidegate.runtime.store import Entry, Key, Store

log = logging.getLogger(__name__)

RESTING = End(resync=False)
# How often in a row a Secret has to be refused until that is believed: back-offs of 5 s together. An API server that has
# just started refuses everything for 3 s (seen with v1.34).
FORBIDDEN_AFTER = 10


class AnalysisRuns:
    """Passes over AnalysisRuns. Safe for concurrent calls with different keys."""

    noun = "analysisrun"

    def __init__(
        self, shell: Shell, runs: Store[RunText], services: Services, flights: Flights, queue: Queue[Key], clock: Clock
    ) -> None:
        self._shell, self._runs, self._services, self._flights = shell, runs, services, flights
        self._queue, self._clock = queue, clock

    def forget(self, key: Key) -> None:
        """The run is gone; what is measured for it is of no interest any more."""
        self._flights.forget(key)

    def judge(self, key: Key) -> End | None:
        """One pass; None where the run does not exist."""
        entry = self._runs.get(*key)
        if entry is None:
            return None
        flight = self._flights.of(key, entry.uid)
        if flight is not None and not flight.landed:
            return RESTING  # it is looked at again when the flight has landed
        run = entry.value.read()
        plan = decide(RunSeen(flight.began if flight else self._clock.now(), run, self._collecting(run)))
        log.debug("plan: %s; %s", plan.situation, "; ".join(plan.notes), extra={self.noun: "/".join(key)})
        cluster = PassCluster(self._shell.transport, self._shell.watches, self._shell.own, key)
        outcomes: Sequence[Outcome] = flight.outcomes if flight else ()
        if flight is None:
            begun = self._begin(key, run, plan, cluster)
            if begun is None:
                return RESTING
            outcomes = begun
        end = self._conclude(entry, plan.conclude(outcomes), cluster)
        self._flights.forget(key)
        return end

    def _collecting(self, run: AnalysisRun) -> frozenset[int]:
        """The places of the metrics whose provider leaves something in the world."""
        meters = self._shell.facade.meters
        named = ((index, chosen(metric)) for index, metric in enumerate(run.spec.metrics))
        return frozenset(index for index, found in named if found is not None and meters.has("collect", found.name))

    def _begin(self, key: Key, run: AnalysisRun, plan: Plan, cluster: PassCluster) -> list[Outcome] | None:
        """Do what the plan asks for; None where measurements are under way now, which the next pass concludes from.

        Raises what the API server answers for a Secret, but for one that is not there.
        """
        due = [action for action in plan.actions if isinstance(action, Measuring)]
        if not due:
            return [self._delete(action, cluster, key[0]) for action in plan.actions if isinstance(action, DeleteRun)]
        try:
            late = Late.of(run, self._secrets(run))
        except Unusable as fault:
            return [Measured(due[0], unresolved=str(fault))]
        except Forbidden as error:
            if self._queue.failures(key) < FORBIDDEN_AFTER:
                raise
            return [Measured(due[0], unresolved=str(error))]
        collects = {action.index: action for action in plan.actions if isinstance(action, Collect)}
        measurer = Measurer(self._shell.facade.meters, self._services, cluster, self._clock, late)
        parts = [measurer.part(action, collects.get(action.index)) for action in due]
        self._flights.begin(key, run.metadata.uid, self._clock.now(), parts)
        return None

    def _delete(self, action: DeleteRun, cluster: PassCluster, namespace: str) -> Outcome:
        try:
            cluster.delete(ANALYSIS_RUNS, namespace, action.name, action.uid)
        except NotFound:
            return Outcome(action)
        return Outcome(action, wrote=True)

    def _secrets(self, run: AnalysisRun) -> Mapping[str, Mapping[str, str]]:
        """Those Secrets that the arguments name and that exist, read now: a rotated one counts from the next round on."""
        found = {}
        for name in dict.fromkeys(ref.name for ref in secret_refs(run)):
            try:
                secret = self._shell.transport.request("GET", path_of(SECRETS, run.metadata.namespace, name))
            except NotFound:
                continue
            found[name] = {key: _decoded(text) for key, text in (secret.get("data") or {}).items()}
        return found

    def _conclude(self, entry: Entry[RunText], settled: Settled, cluster: PassCluster) -> End:
        key = (entry.namespace, entry.name)
        if settled.status is not None and (patch := merge_patch(entry.value.status, settled.status)):
            try:
                # The kind has no status subresource. The version keeps a process that has lost its lease from counting
                # what its successor has counted.
                cluster.patch(ANALYSIS_RUNS, *key, {"status": patch}, entry.resource_version)
            except NotFound:
                return RESTING  # deleted meanwhile; the watch is about to tell
        for event in settled.events:
            self._tell(entry, event)
        return End(settled.wake_at, failed=settled.error, resync=False)

    def _tell(self, entry: Entry[RunText], event: Event) -> None:
        about = About(
            names.API_VERSION, names.ANALYSIS_RUN, entry.namespace, entry.name, entry.uid, entry.resource_version
        )
        self._shell.recorder.record(about, event)


def _decoded(text: str) -> str:
    """A value of a Secret as text; one that is no base64 or no UTF-8 as well as it can be."""
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except binascii.Error:
        return text
