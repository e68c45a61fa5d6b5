"""One update played to its end in virtual time: a simulated cluster, a person who resumes pauses or aborts, and who notes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.cli.simulate_course import HEALTHY, Course
from tidegate.cli.spans import span
from tidegate.cli.standing import pause_seconds
from tidegate.machine.merge import merge_patch
from tidegate.machine.observed import Door, Observed
from tidegate.machine.rollout.case import Case
from tidegate.simulation import Cluster, Pass, PodBehaviour, Router, Setting, clients
from tidegate.simulation.store import KINDS

Manifest = dict[str, Any]

# A first deployment that takes longer than this in virtual time is not going to end.
DEPLOY_S = 86_400.0
CHECKS_S = 5.0  # how long a simulated analysis, experiment or step plugin takes


@dataclass(frozen=True, slots=True)
class ScriptedPods(PodBehaviour):
    """Pods that are ready after `ready_s` whatever their image is called, but for those of the images in `never`."""

    never: frozenset[str] = frozenset()

    def ready_after(self, image: str, place: int) -> float | None:
        """Seconds until a pod is ready, None for never."""
        return None if image in self.never else self.ready_s + place * self.stagger_s


@dataclass(frozen=True, slots=True)
class Script:
    """What is played: the Rollout before and after (`after` is a whole spec), and what people do.

    `abort_step` counts from 0. Times are seconds since the update; `until_s` is when the play is broken off.
    """

    before: Manifest
    after: Mapping[str, Any]
    services: tuple[Manifest, ...]
    routers: tuple[Router, ...]
    pods: PodBehaviour
    resume_s: float
    until_s: float
    abort_step: int | None = None
    abort_s: float | None = None


@dataclass(slots=True)
class Play:
    """A script under way. `course` is what came of it."""

    script: Script
    course: Course
    cluster: Cluster = field(init=False)
    _began_ms: int = 0
    _paused: tuple[str, int] = ("", 0)
    _aborted: bool = False
    _deeds: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cluster = Cluster(
            self.script.before,
            services=self.script.services,
            routers=self.script.routers,
            pods=self.script.pods,
            setting=Setting(check_s=CHECKS_S, doors=frozenset(Door)),
        )

    def deploy(self) -> str:
        """Bring the first version up; why it did not come up, or "". Nothing of it is part of the course."""
        if problems := Case.of(self._seen()).problems:
            return problems[0].text
        self.cluster.run_until_quiet(DEPLOY_S)
        phase, message = self.cluster.phase
        return "" if phase == HEALTHY else message or f"phase {phase or '(none)'}"

    def run(self) -> None:
        """Update, and go on until nothing more happens by itself, or until the script's end."""
        self._began_ms = self.cluster.timeline.ms
        self.cluster.watchers.append(self)
        self.cluster.patch_spec(merge_patch(self.cluster.manifest["spec"], self.script.after))
        while (due := self._next_ms()) is not None and (due - self._began_ms) / 1000 <= self.script.until_s:
            self.cluster.advance((due - self.cluster.timeline.ms) / 1000)
            self._people()
        self.course.note(self._at_s, self._seen())
        self.course.over = self.over

    @property
    def over(self) -> bool:
        """Whether nothing more would happen by itself."""
        return not self.cluster.timeline.busy and self.cluster.controller.wake_ms is None and self._resume_ms() is None

    @property
    def _at_s(self) -> float:
        return (self.cluster.timeline.ms - self._began_ms) / 1000

    def _next_ms(self) -> int | None:
        """When something is next: in the cluster, or by a person; None where everything is over."""
        if self.over:
            return None
        moments = [self.cluster.timeline.next_ms, self.cluster.controller.wake_ms, self._resume_ms()]
        if self.script.abort_s is not None and not self._aborted:
            moments.append(self._began_ms + round(self.script.abort_s * 1000))
        return max(min(moment for moment in moments if moment is not None), self.cluster.timeline.ms)

    # --- who watches ---

    def after_pass(self, made: Pass) -> None:
        """A pass is over."""
        self._note(made)

    def at_instant(self) -> None:
        """Pods, weights or selectors have changed."""
        self._note(None)

    def _note(self, made: Pass | None) -> None:
        deeds, self._deeds = self._deeds, []
        self.course.note(self._at_s, self._seen(), made.events if made is not None else (), deeds)

    def _seen(self) -> Observed:
        """The cluster as it is, whatever the controller's caches know."""
        cluster = self.cluster
        seen = cluster.eyes.observed(cluster.timeline.now, {kind: cluster.store.all(kind) for kind in KINDS})
        if seen is None:
            raise LookupError(f"rollout {cluster.name} is gone from its simulated cluster")
        return seen

    # --- what people do ---

    def _people(self) -> None:
        case = Case.of(self._seen())
        self._watch_pause(case)
        resume = self._resume_ms()
        if self._abort_is_due(case):
            self._aborted = True
            self._deeds.append("somebody aborts")
            clients.abort(self.cluster)
        elif resume is not None and self.cluster.timeline.ms >= resume:
            self.course.resumed.append(self._at_s)
            self._deeds.append(f"somebody resumes, after {span(self.script.resume_s)}")
            self._paused = ("", 0)
            clients.promote(self.cluster)

    def _watch_pause(self, case: Case) -> None:
        """Since when a pause without an end has been in force."""
        endless = [p for p in case.status.pause_conditions if pause_seconds(case, p.reason) is None]
        key = f"{endless[0].reason} {endless[0].start_time} {case.index}" if endless else ""
        if key != self._paused[0]:
            self._paused = (key, self.cluster.timeline.ms)

    def _resume_ms(self) -> int | None:
        key, since = self._paused
        return since + round(self.script.resume_s * 1000) if key else None

    def _abort_is_due(self, case: Case) -> bool:
        script = self.script
        if self._aborted or case.promoted:
            return False
        if script.abort_step is not None:
            return case.index is not None and case.index >= script.abort_step
        return script.abort_s is not None and self._at_s >= script.abort_s
