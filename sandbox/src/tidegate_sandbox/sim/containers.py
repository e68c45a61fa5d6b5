"""One simulated container through time: running, ready, crashed, backing off; a pure function of the clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.sim.behaviour import Behaviour
from tidegate_sandbox.sim.moments import stamp

# The kubelet's crash back-off: the first restart comes at once, then 10 s doubled up to five minutes.
FIRST_BACK_OFF_S = 10.0
LAST_BACK_OFF_S = 300.0
# How long ErrImagePull shows before ImagePullBackOff; a real kubelet goes to and fro, which would only make noise.
PULL_ERROR_S = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What a container is doing. `exit_code` is set once it has ended for good, `wake_at` when the stage ends."""

    state: Manifest
    ready: bool = False
    restarts: int = 0
    last_state: Manifest | None = None
    exit_code: int | None = None
    wake_at: datetime | None = None

    @property
    def never_ran(self) -> bool:
        return "waiting" in self.state and self.restarts == 0 and self.last_state is None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a container's process; `last` is the terminated state of the run before."""

    start: datetime
    restarts: int = 0
    last: Manifest | None = None


def stage_at(behaviour: Behaviour, policy: str, started: datetime, now: datetime, failed_at: datetime | None) -> Stage:
    """The stage at `now` of a container started at `started`, under restartPolicy `policy`.

    `failed_at` is when a test made it fail: it exits with 1 then and at every restart.
    """
    if not behaviour.pulls:
        return _unpulled(started, now)
    run = Run(started)
    if failed_at is not None:
        # Exits at once in every later run, so that one failure lasts until it is taken back.
        behaviour = replace(behaviour, crash_s=0.0, exits_s=None, exit_code=1)
        state = _terminated(started, failed_at, 1)
        if policy == "Never":
            return Stage(state, exit_code=1)
        run = Run(failed_at, restarts=1, last=state)
    while (end := _end_of(run, behaviour)) is not None and end <= now:
        code = behaviour.exit_code if behaviour.crash_s is None else behaviour.exit_code or 1
        state = _terminated(run.start, end, code)
        if policy == "Never" or (policy == "OnFailure" and code == 0):
            return Stage(state, restarts=run.restarts, last_state=run.last, exit_code=code)
        restart = end + timedelta(seconds=back_off_s(run.restarts))
        if restart > now:
            return _backing_off(run, state, restart)
        run = Run(restart, run.restarts + 1, state)
    return _running(run, behaviour, started, now)


def back_off_s(restarts: int) -> float:
    """How long the kubelet waits before the restart after `restarts` earlier ones."""
    return 0.0 if restarts == 0 else min(FIRST_BACK_OFF_S * 2.0 ** min(restarts - 1, 10), LAST_BACK_OFF_S)


def _end_of(run: Run, behaviour: Behaviour) -> datetime | None:
    return None if behaviour.ends_s is None else run.start + timedelta(seconds=behaviour.ends_s)


def _running(run: Run, behaviour: Behaviour, started: datetime, now: datetime) -> Stage:
    booted = run.start + timedelta(seconds=behaviour.boots_s)
    ready_from = _after(run.start, behaviour.ready_s)
    ready_until = _after(started, behaviour.unready_s)
    state: Manifest = {"running": {"startedAt": stamp(run.start)}}
    if now < booted:
        state = {"waiting": {"reason": "ContainerCreating"}}
    ready = ready_from is not None and ready_from <= now and (ready_until is None or now < ready_until)
    wake_at = _next((booted, ready_from, ready_until, _end_of(run, behaviour)), now)
    return Stage(state, ready, run.restarts, run.last, None, wake_at)


def _backing_off(run: Run, last: Manifest, restart: datetime) -> Stage:
    wait_s = back_off_s(run.restarts)
    waiting = {"reason": "CrashLoopBackOff", "message": f"back-off {wait_s:g}s restarting failed container"}
    return Stage({"waiting": waiting}, False, run.restarts, last, None, restart)


def _unpulled(started: datetime, now: datetime) -> Stage:
    backs_off = started + timedelta(seconds=PULL_ERROR_S)
    if now < backs_off:
        waiting = {"reason": "ErrImagePull", "message": "failed to pull image: not found"}
        return Stage({"waiting": waiting}, wake_at=backs_off)
    return Stage({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}})


def _terminated(start: datetime, end: datetime, code: int) -> Manifest:
    # 128 is what a container runtime reports for a command that is not there.
    reason = {0: "Completed", 128: "StartError"}.get(code, "Error")
    return {
        "terminated": {"exitCode": code, "reason": reason, "startedAt": stamp(start), "finishedAt": stamp(end)},
    }


def _after(start: datetime, wait_s: float | None) -> datetime | None:
    return None if wait_s is None else start + timedelta(seconds=wait_s)


def _next(times: Iterable[datetime | None], now: datetime) -> datetime | None:
    return min((time for time in times if time is not None and time > now), default=None)
