"""When a metric's next measurement is due. From the end of one to the start of the next; no fixed rate.

What is persisted has whole seconds, so a measurement may come up to a second early where another metric's turn, or an
event, falls just before its own (as in the reference). A pass that makes a measurement knows its end exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.api.analysis import Measurement, Metric, MetricResult
from tidegate.machine.analysis.acts import Collect, Cut, Measure, Resume
from tidegate.machine.analysis.limits import ERROR_RETRY_S, Limits
from tidegate.machine.analysis.phases import COMPLETED, ERROR
from tidegate.machine.analysis.recording import taken, unfinished
from tidegate.machine.moments import later

# Two controllers' clocks differ by less (chosen by feel). What lies further ahead was noted by a clock that was wrong:
# it is not waited for, or a clock that is set back by a day would stop every analysis for a day.
SKEW = timedelta(seconds=60)

Act = Measure | Resume | Cut | Collect


@dataclass(frozen=True, slots=True)
class Turn:
    """A metric of a run and how far it has got. `started` is when its run was, None before its first assessment."""

    now: datetime
    metric: Metric
    index: int
    result: MetricResult | None
    started: datetime | None

    @property
    def over(self) -> bool:
        """Whether nothing is measured any more."""
        if self.result is None:
            return False
        return self.result.phase in COMPLETED or Limits.of(self.metric).reached(self.result.count)

    def act(self, *, ending: bool) -> Measure | Resume | Cut | None:
        """What is to be done for the metric now."""
        number = 1 if self.result is None else taken(self.result) + 1
        here = (self.metric.name, self.index, number)
        running = unfinished(self.result)
        if running is not None and (self.result is None or self.result.phase not in COMPLETED):
            return self._go_on(running, here, ending=ending)
        due = None if ending or self.over else self._due()
        if due is None or self.now < due:
            return None
        return Measure(*here, why="due")

    def _go_on(self, running: Measurement, here: tuple[str, int, int], *, ending: bool) -> Resume | Cut | None:
        if ending:
            return Cut(*here, running, why="the run ends")
        waits = running.resume_at is not None and self.now < running.resume_at
        if waits and not self._unreal(running.started_at):
            return None
        return Resume(*here, running, why="due")

    def _due(self) -> datetime | None:
        """The earliest moment of the next measurement; None where that is not known yet."""
        limits = Limits.of(self.metric)
        if self.result is None or not self.result.measurements:
            if not limits.delay_s:
                return self.now
            return None if self.started is None else self._after(self.started, limits.delay_s)
        last = self.result.measurements[-1]
        wait_s = ERROR_RETRY_S if last.phase == ERROR or not self.metric.interval else limits.interval_s
        return self._after(last.finished_at or self.now, wait_s)

    def _after(self, moment: datetime, seconds: float) -> datetime:
        return self.now if self._unreal(moment) else later(moment, seconds)

    def _unreal(self, moment: datetime | None) -> bool:
        """Whether something is said to have happened that lies ahead."""
        return moment is not None and moment - self.now > SKEW

    def next(self) -> datetime | None:
        """When to look at the metric again; None for never, or until something else happens."""
        running = unfinished(self.result)
        if self.result is not None and self.result.phase in COMPLETED:
            return None
        if running is not None:
            return running.resume_at or self.now
        return None if self.over else self._due()


def acts(turns: Sequence[Turn], *, ending: bool) -> list[Measure | Resume | Cut]:
    """What is to be done for each metric, in the spec's order."""
    return [act for turn in turns if (act := turn.act(ending=ending)) is not None]
