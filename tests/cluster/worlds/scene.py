"""One scenario's stage: a namespace, what a client writes into it, and what can be seen of it through the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from realcluster.rest import MERGE_PATCH, ApiError

from worlds.manifests import NAME
from worlds.sight import Sight
from worlds.world import World

Manifest = dict[str, Any]

COLLECTIONS = {
    "Rollout": "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Service": "/api/v1/namespaces/{}/services",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
}
_JSON_PATCH = "application/json-patch+json"
# Pods are ready after 0.3 s, but many scenarios share two cores; chosen by feel.
PATIENCE_S = 45.0
# What is settled does not move for this long: a status of mere counts waits a second for what else comes, and passes
# take milliseconds. Pods may move, e.g. in a crash loop.
_QUIET_S = 1.8
# A pass that was asked for is over by then, and so is what it would set in motion.
_SECOND_LOOK_S = 0.8
_WRITTEN = ("Rollout", "ReplicaSet", "Service", "Ingress")


@dataclass(slots=True)
class Scene:
    """A namespace with at most one Rollout, `web`. Writes are those of kubectl and of the Rollouts CLI, byte for byte."""

    world: World
    namespace: str
    see: Sight = field(init=False)

    def __post_init__(self) -> None:
        self.see = Sight(self.world.chronicle, self.namespace)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        self.world.api.call("POST", "/api/v1/namespaces", body)

    # --- writes ---

    def path(self, kind: str, name: str = "") -> str:
        """Where the API server serves it."""
        return COLLECTIONS[kind].format(self.namespace) + (f"/{name}" if name else "")

    def create(self, *manifests: Manifest) -> None:
        """Creates objects."""
        for one in manifests:
            self.world.api.call("POST", self.path(one["kind"]), one)

    def patch(self, body: Manifest, kind: str = "Rollout", name: str = NAME, subresource: str = "") -> None:
        """A JSON merge patch."""
        path = self.path(kind, name) + (f"/{subresource}" if subresource else "")
        self.world.api.call("PATCH", path, body, MERGE_PATCH)

    def patch_status(self, **fields: Any) -> None:
        """A merge patch of status fields, on the status subresource as the CLI does."""
        self.patch({"status": fields}, subresource="status")

    def delete(self, kind: str, name: str = NAME) -> None:
        """Deletes an object; what it owns is collected."""
        self.world.api.call("DELETE", self.path(kind, name), {"propagationPolicy": "Background"})

    def ship(self, image: str, kind: str = "Rollout") -> None:
        """`set image`: read, modify, update; five times on a conflict."""
        self.edit(lambda found: _set_image(found, image), kind)

    def edit(self, change: Callable[[Manifest], None], kind: str = "Rollout") -> None:
        """Read, modify, update, with `set image`'s five tries."""
        for tries_left in reversed(range(5)):
            found = self.world.api.call("GET", self.path(kind, NAME))
            change(found)
            try:
                self.world.api.call("PUT", self.path(kind, NAME), found)
            except ApiError as error:
                if error.code != 409 or not tries_left:
                    raise
            else:
                return

    def scale(self, replicas: int) -> None:
        """`kubectl scale`, or an HPA: the scale subresource."""
        self.patch({"spec": {"replicas": replicas}}, subresource="scale")

    def abort(self) -> None:
        """`abort`."""
        self.patch_status(abort=True)

    def retry(self) -> None:
        """`retry rollout`."""
        self.patch_status(abort=False)

    def promote(self) -> None:
        """`promote`: resumes a pause, or skips the current step."""
        status = self.rollout()["status"]
        if status.get("pauseConditions"):
            self.patch_status(pauseConditions=None)
        else:
            self.patch_status(pauseConditions=None, currentStepIndex=status["currentStepIndex"] + 1)

    def promote_full(self) -> None:
        """`promote --full`."""
        self.patch_status(promoteFull=True)

    def skip_all_steps(self) -> None:
        """`promote --skip-all-steps`."""
        self.patch_status(currentStepIndex=len(self.rollout()["spec"]["strategy"]["canary"]["steps"]))

    def pause(self, paused: bool = True) -> None:
        """`pause`; False is the spec patch of `promote`."""
        self.patch({"spec": {"paused": paused}})

    def undo(self, image: str) -> None:
        """`undo`: the template of a former ReplicaSet, without the hash label, as a JSON patch."""
        template = json.loads(json.dumps(self.see.replica_set(image)["spec"]["template"]))
        del template["metadata"]["labels"]["rollouts-pod-template-hash"]
        patch = [{"op": "replace", "path": "/spec/template", "value": template}]
        self.world.api.call("PATCH", self.path("Rollout", NAME), patch, _JSON_PATCH)

    # --- reads and waits ---

    def rollout(self) -> Manifest:
        """The Rollout as the server has it."""
        return self.world.api.call("GET", self.path("Rollout", NAME))

    def until_promoted(self, image: str) -> None:
        """Waits until a version that was shipped is the stable one, whatever becomes of the others."""
        self.until(f"{image} is stable", lambda: self.see.replica_set(image) and self.see.promoted())

    def until_said(self, reason: str, ending: str) -> None:
        """Waits until the last Event of a reason ends so: Events follow the status, and nobody waits for them."""
        self.until(f"{reason} {ending}", lambda: "".join(self.see.events_of(reason)[-1:]).endswith(ending))

    def until_another_second(self, image: str) -> None:
        """Waits until what is made now is younger than a version: whole seconds tell which is the older one."""
        self.until("a second later", lambda: self.see.age(image) > 1.1)

    def budget_counts(self, healthy: int) -> bool:
        """Whether the PodDisruptionBudget knows of so many healthy pods."""
        return bool(self._budget().get("currentHealthy", -1) == healthy)

    def budget_allows(self) -> bool:
        """Whether a pod may be evicted."""
        return bool(self._budget().get("disruptionsAllowed", 0) > 0)

    def _budget(self) -> Manifest:
        found = self.world.api.call("GET", self.path("PodDisruptionBudget", NAME))
        return found.get("status") or {}

    def until(self, what: str, holds: Callable[[], object], within_s: float = PATIENCE_S) -> None:
        """Waits for the world; AssertionError with a picture of it when it does not come."""
        if not self.world.chronicle.wait(self.namespace, lambda: bool(holds()), within_s):
            self.world.controller.check()
            raise AssertionError(f"{what}: not so after {within_s:g} s\n{self.see.picture()}")

    def until_phase(self, phase: str, message: str | None = None, step: int | None = None, **sizes: int) -> None:
        """Waits until the newest spec was observed and phase, message, step and sizes by image are these, all at once."""
        what = " ".join(str(part) for part in (phase, message, step, sizes) if part is not None)
        self.until(what, lambda: self.see.stands(phase, message, step, sizes))

    def settles(self, phase: str, message: str | None = None, step: int | None = None, **sizes: int) -> None:
        """`until_phase`, and then nothing moves any more and a second look writes nothing.

        The second look is provoked by `touch`.
        """
        self.until_phase(phase, message, step, **sizes)
        self._be_quiet()
        assert self.see.stands(phase, message, step, sizes), self.see.picture()
        self._look_again()

    def _be_quiet(self) -> None:
        last = -1
        chronicle = self.world.chronicle

        def moved() -> bool:
            return chronicle.last_change(self.namespace, _WRITTEN) != last

        for _ in range(int(PATIENCE_S / _QUIET_S)):
            last = chronicle.last_change(self.namespace, _WRITTEN)
            if not chronicle.wait(self.namespace, moved, _QUIET_S):
                return
        raise AssertionError(f"never quiet\n{self.see.picture()}")

    def touch(self) -> None:
        """A pass: a label on the Rollout, which is copied nowhere."""
        self.patch({"metadata": {"labels": {"looked": str(self.world.passes(self.namespace))}}})

    def _look_again(self) -> None:
        passes, before = self.world.passes(self.namespace), self.world.writes(self.namespace)
        self.touch()
        touched = int(self.rollout()["metadata"]["resourceVersion"])
        chronicle = self.world.chronicle
        moved = chronicle.wait(
            self.namespace, lambda: chronicle.last_change(self.namespace, _WRITTEN) > touched, _SECOND_LOOK_S
        )
        assert not moved, f"the second look wrote\n{self.see.picture()}"
        assert self.world.writes(self.namespace) == before, f"the second look wrote\n{self.see.picture()}"
        assert self.world.passes(self.namespace) > passes, "there was no second look"


def _set_image(found: Manifest, image: str) -> None:
    found["spec"]["template"]["spec"]["containers"][0]["image"] = f"app:{image}"
