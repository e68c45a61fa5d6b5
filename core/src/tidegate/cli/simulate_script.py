"""From manifests and options to a script that can be played."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.cli.manifests import Manifest, Manifests, load, read_rollout
from tidegate.cli.simulate_course import Course
from tidegate.cli.simulate_play import CHECKS_S, Script, ScriptedPods
from tidegate.cli.spans import read_span, span
from tidegate.errors import ConfigError
from tidegate.hooks.facade import Facade
from tidegate.machine.traffic import Capability
from tidegate.runtime.references import services_of, workload_of
from tidegate.simulation import Router

ANYTHING = frozenset(Capability)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for, as it was written."""

    sources: list[str]
    rollout: str = ""
    image: str = ""
    to: str = ""
    ready_after: str = "5s"
    bad: bool = False
    resume_after: str = "60s"
    abort_at: str = ""
    until: str = "720h"


def script_of(wishes: Wishes, facade: Facade) -> tuple[Script, Course]:
    """What is to be played, and the empty course for it. Raises ConfigError for whatever cannot be played."""
    manifests = _loaded(wishes.sources)
    before, rollout = _rollout(manifests, wishes.rollout, wishes.sources)
    after = _after(wishes, before, rollout)
    assumed: list[str] = []
    routers = tuple(_routers(rollout, facade, assumed))
    steps = _steps(after)
    never = frozenset({image_of(after)} if wishes.bad else ())
    if wishes.bad and image_of(after) == image_of(before["spec"]):
        raise ConfigError(
            "--bad", f"the update keeps image {image_of(after)}; tell the two versions apart with --image"
        )
    pods = ScriptedPods(ready_s=read_span(wishes.ready_after, "--ready-after"), never=never)
    assumed.append(
        f"pods are ready {span(pods.ready_s)} after their creation, but for the new image: never"
        if never
        else f"pods are ready {span(pods.ready_s)} after their creation"
    )
    if any(key in step for step in _strategy(after).get("steps") or [] for key in ("analysis", "experiment", "plugin")):
        assumed.append(f"analyses, experiments and step plugins succeed after {span(CHECKS_S)}")
    step, moment = _abort(wishes.abort_at, len(steps))
    script = Script(
        before,
        after,
        tuple(_services(rollout, manifests)),
        routers,
        pods,
        read_span(wishes.resume_after, "--resume-after"),
        read_span(wishes.until, "--until"),
        step,
        moment,
    )
    routed = bool(_strategy(after).get("trafficRouting"))
    return script, Course("/".join(rollout.key), Rollout.read({"spec": after}).replicas, steps, routed, assumed=assumed)


def _loaded(sources: list[str]) -> Manifests:
    manifests = load(sources)
    if manifests.faults:
        raise ConfigError(manifests.faults[0].where, manifests.faults[0].message)
    return manifests


def _rollout(manifests: Manifests, name: str, sources: list[str]) -> tuple[Manifest, Rollout]:
    """The one Rollout that is meant: as it would be created, with the template of its workload where it has none."""
    found = [(m, origin) for m, origin in manifests.rollouts if name in ("", m["metadata"]["name"])]
    if len(found) != 1:
        have = ", ".join(m["metadata"]["name"] for m, _ in manifests.rollouts) or "none"
        said = "name one of them" if found else "name another file"
        raise ConfigError(", ".join(sources), f"one Rollout is simulated at a time; have {have}: {said}")
    manifest, origin = found[0]
    rollout = read_rollout(manifest, origin)
    metadata = {
        key: manifest["metadata"][key]
        for key in ("name", "namespace", "labels", "annotations")
        if key in manifest["metadata"]
    }
    spec = copy.deepcopy(dict(manifest.get("spec") or {}))
    spec.pop("paused", None)
    if (place := workload_of(rollout)) is not None:
        workload = manifests.read(*place)
        if workload is None:
            raise ConfigError(
                origin, f"spec.workloadRef: {place[0].kind} {place[2]} is not in there; add its file with -f"
            )
        _borrow(spec, workload)
    return {"apiVersion": names.API_VERSION, "kind": names.ROLLOUT, "metadata": metadata, "spec": spec}, rollout


def _borrow(spec: Manifest, workload: Mapping[str, Any]) -> None:
    """Give a spec the template and selector that it refers to."""
    del spec["workloadRef"]
    inner = workload.get("spec") or {}
    spec["template"] = copy.deepcopy(inner.get("template") or workload.get("template") or {})
    spec.setdefault("selector", copy.deepcopy(inner.get("selector")))


def _after(wishes: Wishes, before: Manifest, rollout: Rollout) -> Manifest:
    """The spec after the update."""
    if wishes.to:
        found, _ = _rollout(_loaded([wishes.to]), rollout.metadata.name, [wishes.to])
        after: Manifest = found["spec"]
    else:
        after = copy.deepcopy(before["spec"])
    if wishes.image or not wishes.to:
        containers = ((after.get("template") or {}).get("spec") or {}).get("containers") or [{}]
        containers[0]["image"] = wishes.image or _next_image(str(containers[0].get("image", "")))
    if after.get("template") == before["spec"].get("template"):
        raise ConfigError(
            "--to" if wishes.to else "--image",
            "the template stays as it is, so there is nothing to roll out; change its image",
        )
    return after


def _next_image(image: str) -> str:
    """The image under a tag that it does not have: `shop:v1` becomes `shop:next`."""
    name, colon, tag = image.partition("@")[0].rpartition(":")
    # A colon before a slash is a registry's port.
    bare, known = (name, tag) if colon and "/" not in tag else (image.partition("@")[0], "")
    return f"{bare}:{'next' if known != 'next' else 'next-2'}"


def image_of(spec: Mapping[str, Any]) -> str:
    """The image of the first container of a spec's template."""
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or [{}]
    return str(containers[0].get("image", ""))


def _strategy(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return (spec.get("strategy") or {}).get("canary") or {}


def _steps(spec: Mapping[str, Any]) -> tuple[str, ...]:
    canary = Rollout.read({"spec": spec}).spec.strategy.canary
    return tuple(step.describe() for step in canary.steps) if canary else ()


def _routers(rollout: Rollout, facade: Facade, assumed: list[str]) -> list[Router]:
    """A model for each router that is named: what its plugin can do where one is installed, else everything."""
    canary = rollout.spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    found: list[Router] = []
    for name, raw in (routing.routers if routing else {}).items():
        path = routing.path(name) if routing else ""
        if facade.find(name) is None:
            found.append(Router(name, can=ANYTHING))
            assumed.append(
                f"router {name} is not installed, so it is simulated as one that can do everything; weights are in force at once"
            )
        else:
            found.append(Router(name, can=facade.view(name).can, problems=facade.configure(name, raw, path).problems))
            assumed.append(f"router {name} obeys at once")
    return found


def _services(rollout: Rollout, manifests: Manifests) -> list[Manifest]:
    """The Services that are named, from the sources, else made up to select every pod."""
    selector = ((rollout.spec.selector or {}).get("matchLabels")) or {}
    there = {m["metadata"]["name"]: m for m in manifests.of("Service", rollout.metadata.namespace)}
    return [
        {
            "metadata": {"name": name},
            "spec": {"selector": dict((there.get(name, {}).get("spec") or {}).get("selector") or selector)},
        }
        for name in sorted(services_of(rollout))
    ]


def _abort(text: str, steps: int) -> tuple[int | None, float | None]:
    """A step counted from 0, or seconds: a bare number is a step, anything else a duration."""
    if not text:
        return None, None
    if not text.isdecimal():
        return None, read_span(text, "--abort-at")
    if not 1 <= int(text) <= steps:
        raise ConfigError(
            "--abort-at", f"there is no step {text}; the update has {steps} steps, and a duration has a unit (90s)"
        )
    return int(text) - 1, None
