"""What a simulated container does, read from its image, its command and the pod's annotations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import SandboxError
from tidegate_sandbox.sim.labels import annotations_of
from tidegate_sandbox.sim.moments import seconds
from tidegate_sandbox.sim.owners import controller_of

PREFIX = "sandbox.tidegate.io/"

UNPULLABLE = ("does-not-exist", "nonexistent", "bad-image", ":fail")
CRASHING = ":crash"
NEVER_READY = ":unready"
SLOW_START = ":slow-start"
SLOW_START_S = 10.0
BAD_COMMAND = "/bad-command"

# The kubelet takes about this long to stop even a container that exits at once.
LEAST_STOP_S = 0.2
# Kubernetes' default for spec.terminationGracePeriodSeconds.
DEFAULT_GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One container's life; times in seconds after it was started, None for never.

    `boots_s` is its postStart hook, before which it is not running yet. `exit_code` is that of a crash or an exit,
    `exits_s` the end of a container that is meant to end (a Job's).
    """

    pulls: bool = True
    boots_s: float = 0.0
    ready_s: float | None = 0.3
    unready_s: float | None = None
    crash_s: float | None = None
    exits_s: float | None = None
    exit_code: int = 1

    @property
    def ends_s(self) -> float | None:
        return self.crash_s if self.crash_s is not None else self.exits_s


def behaviour_of(container: Manifest, pod: Manifest, ready_after_s: float) -> Behaviour:
    """How `container` of `pod` behaves; annotations hold for all containers of the pod.

    Raises SandboxError for an annotation that is not a duration or not a number.
    """
    image, notes = container.get("image", ""), annotations_of(pod)
    command = words_of(container)
    if any(part in image for part in UNPULLABLE):
        return Behaviour(pulls=False)
    if command[:1] and command[0].startswith(BAD_COMMAND):
        return Behaviour(ready_s=None, crash_s=0.0, exit_code=128)
    boots_s = slept(_exec_of(container, "postStart"))
    exits_s, exit_code = _exit_of(pod, command, notes, ready_after_s)
    return Behaviour(
        boots_s=boots_s,
        ready_s=None if NEVER_READY in image else _ready_s(container, notes, image, boots_s, ready_after_s),
        unready_s=_noted(notes, "fail-readiness-after"),
        crash_s=0.0 if CRASHING in image else _noted(notes, "crash-after"),
        exits_s=exits_s,
        exit_code=exit_code,
    )


def stop_s(pod: Manifest) -> float:
    """How long the pod takes to end after its deletion began: its longest preStop, at most its grace period."""
    hooks = [slept(_exec_of(container, "preStop")) for container in pod["spec"].get("containers", ())]
    grace = pod["metadata"].get("deletionGracePeriodSeconds")
    if grace is None:
        grace = pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_S)
    return min(max([LEAST_STOP_S, *hooks]), float(grace))


def slept(words: list[str]) -> float:
    """The sum of the `sleep N` in a command line, whether called directly or in a shell's script."""
    return sum(float(number) for number in re.findall(r"\bsleep\s+(\d+(?:\.\d+)?)", " ".join(words)))


def words_of(container: Manifest) -> list[str]:
    return [*(container.get("command") or ()), *(container.get("args") or ())]


def _exec_of(container: Manifest, hook: str) -> list[str]:
    """The command line of a lifecycle hook; the `sleep` action of newer clusters reads as `sleep N`."""
    handler = (container.get("lifecycle") or {}).get(hook) or {}
    if "sleep" in handler:
        return ["sleep", str(handler["sleep"].get("seconds", 0))]
    return [*((handler.get("exec") or {}).get("command") or ())]


def _ready_s(container: Manifest, notes: Mapping[str, str], image: str, boots_s: float, ready_after_s: float) -> float:
    asked = _noted(notes, "ready-after")
    base_s = asked if asked is not None else SLOW_START_S if SLOW_START in image else ready_after_s
    probes = [container.get(probe) or {} for probe in ("readinessProbe", "startupProbe")]
    return max([base_s, boots_s, *(float(probe.get("initialDelaySeconds") or 0) for probe in probes)])


def _exit_of(
    pod: Manifest, command: list[str], notes: Mapping[str, str], ready_after_s: float
) -> tuple[float | None, int]:
    """When and how a container ends by itself: those of Jobs do, and others that say so and are not restarted.

    The code is the annotation's, else that of an `exit N` or `false` in the command, else 0. A container that crashes
    instead exits with 1, as does one whose pod is always restarted.
    """
    if pod["spec"].get("restartPolicy", "Always") == "Always":
        return None, _noted_code(notes, 1)
    owner = controller_of(pod)
    ends = (owner is not None and owner["kind"] == "Job") or bool(command) or PREFIX + "run-for" in notes
    if not ends and PREFIX + "exit-code" not in notes:
        return None, 1
    text = " ".join(command)
    said = re.findall(r"\bexit\s+(\d+)", text)
    code = int(said[-1]) if said else int(re.search(r"(^|[\s;&/])false\b", text) is not None)
    run_s = _noted(notes, "run-for")
    return (max(slept(command), ready_after_s) if run_s is None else run_s), _noted_code(notes, code)


def _noted(notes: Mapping[str, str], name: str) -> float | None:
    text = notes.get(PREFIX + name)
    if text is None:
        return None
    try:
        return seconds(text)
    except SandboxError as error:
        raise SandboxError(f"annotation {PREFIX}{name}: {error}") from error


def _noted_code(notes: Mapping[str, str], otherwise: int) -> int:
    text = notes.get(PREFIX + "exit-code", str(otherwise))
    if not re.fullmatch(r"\d{1,3}", text):
        raise SandboxError(f"annotation {PREFIX}exit-code: {text!r} is not an exit code; write a number such as 1")
    return int(text)
