"""The contract of a traffic router: the base class that a plugin subclasses *is* the hook specification.

A plugin author reads this file and nothing else. The smallest router is a `name`, a `config`, a set of capabilities,
the rights it needs, `reads` and `set_weights`; every other verb has a default that is never called unless overridden.

Verbs work on copies: `objects` hands out dicts, remembers what was edited, created or deleted, and the core compares,
checks ownership, writes with a resourceVersion, repeats on a conflict and logs after the verb has returned. A router
does no Kubernetes I/O of its own and keeps no state between calls. Each verb describes the wanted end state, so calling
it twice must write once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from tidegate.errors import PluginError
from tidegate.hooks.markers import hookimpl, hookspec
from tidegate.hooks.objects import Manifest, Objects
from tidegate.hooks.references import Kind, Ref, Rule
from tidegate.machine.observed import Problem
from tidegate.machine.traffic import Capability, Hashes, HeaderRoute, MirrorRoute, Verdict, Weights

API_VERSION = 1

Config = TypeVar("Config", bound=BaseModel)
Given = TypeVar("Given", bound=BaseModel, covariant=True)

NO_HASHES = Hashes("", "")


@dataclass(frozen=True, slots=True)
class Target(Generic[Given]):
    """For whom a router works: one Rollout, its Services, its revisions and the router's validated config.

    `router` is the key under which the Rollout names the router, `path` the field of its config, e.g.
    `spec.strategy.canary.trafficRouting.<name>`.
    `total` is what weights add up to. `annotations` are the Rollout's, for options that its schema has no field for.
    `services` and `hashes` may hold "" for what does not exist. `replicas` is how many pods the Rollout is to have.
    `deleted` is set where `clean_up` is asked because the Rollout itself is gone: its objects may be on their way out too.
    """

    namespace: str
    name: str
    uid: str
    config: Given
    router: str = ""
    path: str = ""
    canary_service: str = ""
    stable_service: str = ""
    hashes: Hashes = NO_HASHES
    total: int = 100
    managed_routes: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 0
    deleted: bool = False

    @property
    def key(self) -> str:
        """`<namespace>/<name>`, for logs."""
        return f"{self.namespace}/{self.name}"

    @property
    def owner(self) -> dict[str, Any]:
        """The ownerReference for objects that a router creates, so that they go with the Rollout."""
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


class TrafficRouter(Generic[Config]):
    """Base of every traffic router and the specification of its hooks.

    Class attributes: `name` is the key under `trafficRouting` or `trafficRouting.plugins`; `title` is how texts call it
    (default: `name` with a capital); `config` the pydantic model of that key's value; `can` the declared capabilities;
    `needs` the rights; `api_version` the contract's version. `order` sorts several routers of one Rollout, low first;
    an increase of the canary's share asks them in that order. `settings` is the pydantic model of the plugin's own
    block in `tidegate.yaml`, or None for a plugin that has none; the validated block is `self.installed`.

    `remote` is a label selector for Secrets in the controller's namespace. Where one such Secret exists, its one value is
    a kubeconfig, and the router's objects are read and written in the cluster behind it; several are an error. "" keeps
    them in the controller's own. `status_fields` are the top-level fields of the Rollout's status that the router owns and
    that its verdicts may set; they are removed once the router has left the spec. (The Rollout's definition must know them:
    an API server prunes others.) `marks` are the kinds of foreign objects
    that the router marks for a Rollout, which `claims` is asked about.

    An ApiError whose `reason` is a verb's own (`RouteNotFound`) is told as an Event of that reason, once for each change.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    config: ClassVar[type[BaseModel]]
    can: ClassVar[Set[Capability]] = frozenset({Capability.WEIGHTS})
    needs: ClassVar[Sequence[Rule]] = ()
    order: ClassVar[int] = 100
    api_version: ClassVar[int] = API_VERSION
    settings: ClassVar[type[BaseModel] | None] = None
    remote: ClassVar[str] = ""
    status_fields: ClassVar[Sequence[str]] = ()
    marks: ClassVar[Sequence[Kind]] = ()

    def __init__(self, installed: BaseModel | None = None) -> None:
        self.installed = installed

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Mark every overridden verb as an implementation of its hook."""
        super().__init_subclass__(**kwargs)
        for verb in VERBS:
            if verb in cls.__dict__:
                hookimpl(cls.__dict__[verb])

    def _lacks(self, verb: str) -> PluginError:
        """What calling a verb that the router does not have comes to; the core asks only for verbs that it has."""
        return PluginError(f"router {self.name!r} has no {verb}", plugin=self.name, verb=verb)

    @hookspec(firstresult=True)
    def reads(self, target: Target[Config]) -> Sequence[Ref]:
        """Name every object that the router reads or writes for this Rollout.

        When: on every change of the Rollout's spec, before anything is asked of the router.
        Who: the router that the Rollout names.
        Args: target, with services and hashes as far as known.
        Returns: references, the router's own objects included (`required=False`), and selections by label. An empty list
            is allowed.
        Raises: nothing.
        Repeats: pure; the same target gives the same answer.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("reads")

    @hookspec(firstresult=True)
    def lint(self, target: Target[Config], objects: Objects) -> Sequence[Problem]:
        """Find what keeps the config, or an object that it names, from working.

        When: in every pass before anything is written, and in `tidegate lint`, where the file's objects are read.
        Who: the router that the Rollout names.
        Args: target; objects, read only: an edit is an error.
        Returns: problems with full field paths, the worst first. Required objects that are missing are reported by the
            core from `reads`; lint speaks of config and content. A `Problem(..., warning=True)` is told and stops nothing;
            `code` names its rule.
        Raises: nothing.
        Repeats: pure.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("lint")

    @hookspec(firstresult=True)
    def remove_managed_routes(self, target: Target[Config], keep: frozenset[str], objects: Objects) -> None:
        """Delete every managed header or mirror route whose name is not in `keep`.

        When: first of all verbs in every pass, and after a promotion or an abort with an empty `keep`.
        Who: routers with HEADER or MIRROR.
        Args: keep, names that stay.
        Returns: nothing.
        Raises: SpecError, Pending, ApiError, OwnershipError.
        Repeats: writes nothing when nothing matches; a missing object counts as done.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("remove_managed_routes")

    @hookspec(firstresult=True)
    def update_hash(self, target: Target[Config], hashes: Hashes, objects: Objects) -> None:
        """Write the revisions' pod template hashes where traffic is split by label.

        When: before `set_weights` in every pass; after it where weight would fall on a revision without pods.
        Who: routers with HASH.
        Args: hashes, "" for a revision that does not exist.
        Returns: nothing.
        Raises: SpecError, Pending, ApiError, OwnershipError.
        Repeats: a second identical call writes nothing.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("update_hash")

    @hookspec(firstresult=True)
    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        """Share the traffic out as `weights` says, in every object that the config names.

        When: in every pass, changed or not.
        Who: every router; mandatory.
        Args: weights, in parts of `weights.total`; never negative.
        Returns: nothing.
        Raises: SpecError, Pending, ApiError, OwnershipError. An error leaves the step where it is.
        Repeats: a second identical call writes nothing; a drifted object is repaired.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("set_weights")

    @hookspec(firstresult=True)
    def verify_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> Verdict:
        """Tell whether `weights` are in force where requests really go.

        When: after `set_weights`, at a setWeight step and at the end of the steps.
        Who: routers with VERIFY.
        Args: weights, what was just written.
        Returns: a verdict; False makes the step wait. Its `status` goes into the Rollout's status, its `events` are sent
            when the answer is another than last time.
        Raises: ApiError and SDK errors; they are reported and the pass goes on.
        Repeats: never writes.
        Threads: any, concurrently for different Rollouts; may take up to its own SDK's timeout.
        """
        raise self._lacks("verify_weights")

    @hookspec(firstresult=True)
    def get_weights(self, target: Target[Config], objects: Objects) -> Mapping[str, Weights]:
        """Read the share that every object carries now.

        When: after a write of `set_weights`, on what the API server answered: a weight that does not come back is an
            error; and for displays.
        Who: every router that can read its weights back from its objects.
        Args: target; objects, read only.
        Returns: the weights by object name; objects that do not exist yet, or carry none, are left out.
        Raises: nothing.
        Repeats: pure.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("get_weights")

    @hookspec(firstresult=True)
    def set_header_route(self, target: Target[Config], route: HeaderRoute, objects: Objects) -> None:
        """Send requests whose headers match to the canary; an empty match deletes the route.

        When: after `set_weights`, once for every header route in force, in managedRoutes order.
        Who: routers with HEADER.
        Args: route.
        Returns: nothing.
        Raises: SpecError, Pending, ApiError, OwnershipError.
        Repeats: a second identical call writes nothing.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("set_header_route")

    @hookspec(firstresult=True)
    def set_mirror_route(self, target: Target[Config], route: MirrorRoute, objects: Objects) -> None:
        """Copy matching requests to the canary; an empty match deletes the route.

        When: after `set_weights`, once for every mirror route in force, in managedRoutes order.
        Who: routers with MIRROR.
        Args: route; `MirrorRoute` tells what it shares out, which weights reach it, what its path and 0 percent mean.
        Returns: nothing.
        Raises: SpecError, Pending, ApiError, OwnershipError.
        Repeats: a second identical call writes nothing.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("set_mirror_route")

    @hookspec(firstresult=True)
    def clean_up(self, target: Target[Config], objects: Objects) -> None:
        """Take back what the router has created or written, once nothing names it any more.

        When: the router, or an object of it, has left the spec; the canary's share is 0 by then. What the spec still
            names is kept by the core, whatever is done to it here. Also when the Rollout is gone (`target.deleted`).
        Who: the router that the bookkeeping annotation names, or whose mark `claims` has found.
        Args: target, rebuilt from the last config that was applied.
        Returns: nothing.
        Raises: ApiError, OwnershipError.
        Repeats: tolerates that every object is missing; asked again in later passes until it writes nothing.
        Threads: any, concurrently for different Rollouts.
        """
        raise self._lacks("clean_up")

    @hookspec(firstresult=True)
    def claims(self, kind: Kind, manifest: Manifest) -> Mapping[str, Mapping[str, Any]]:
        """Name the Rollouts for which the router has marked an object of somebody else, by annotations or labels.

        When: once after a start, for every object of the kinds in `marks`: a Rollout may have been deleted while no
            controller ran. `clean_up` is then asked for each that does not exist.
        Who: routers with `marks`.
        Args: kind, manifest: the object, a copy.
        Returns: by name of a Rollout in the object's namespace, the raw config that names this object, so that `clean_up`
            finds it; empty for an object without a mark.
        Raises: nothing.
        Repeats: pure.
        Threads: any.
        """
        raise self._lacks("claims")


VERBS = (
    "reads",
    "lint",
    "remove_managed_routes",
    "update_hash",
    "set_weights",
    "verify_weights",
    "get_weights",
    "set_header_route",
    "set_mirror_route",
    "clean_up",
    "claims",
)
REQUIRED_VERBS = ("reads", "set_weights")
