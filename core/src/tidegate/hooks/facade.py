"""The door to routers (`meters.py` is that to providers): addresses the owner, runs the wrappers, flushes the edits."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from tidegate.errors import ApiError, OwnershipError, Pending, PluginError, Retry, SpecError
from tidegate.hooks.absences import absence
from tidegate.hooks.cluster import Cluster
from tidegate.hooks.configs import Configured, read_config
from tidegate.hooks.flush import Done, Work
from tidegate.hooks.loader import Loaded, Owner
from tidegate.hooks.meters import Meters
from tidegate.hooks.objects import Manifest, Objects, Reader, clone
from tidegate.hooks.records import PluginRecord, Status, merged
from tidegate.hooks.references import Kind, Ref, Rule
from tidegate.hooks.router import VERBS, Target
from tidegate.machine.observed import Problem, RouterView
from tidegate.machine.traffic import Capability, Hashes, HeaderRoute, MirrorRoute, Verdict, Weights

Item = TypeVar("Item")
AnyTarget = Target[BaseModel]

# How a router may end a verb on purpose; anything else that it raises is a fault of the plugin.
MEANT = (SpecError, Pending, Retry, ApiError, OwnershipError)

# Asked again after a write that did not come back as written: long enough for a person to see the two at odds.
ODDS_RETRY_S = 10.0


class Facade:
    """Every verb of every loaded router, typed. Made once; safe for concurrent calls.

    A verb that a router does not have is not called and answers its default. `sleep` waits between repeats after a
    conflict. `meters` is the door to metric providers.
    """

    def __init__(self, loaded: Loaded, sleep: Callable[[float], None] = time.sleep) -> None:
        self._loaded, self._sleep = loaded, sleep
        self.meters = Meters(loaded, sleep)
        routers = [owner.router for owner in loaded.owners.values()]
        # Made once: building a subset costs as much as calling it.
        self._callers = {
            (verb, name): loaded.manager.subset_hook_caller(verb, [r for r in routers if r is not owner.router])
            for name, owner in loaded.owners.items()
            for verb in VERBS
        }

    @property
    def plugins(self) -> tuple[PluginRecord, ...]:
        """Every installed plugin, loaded or not, by name."""
        return self._loaded.plugins

    @property
    def routers(self) -> tuple[str, ...]:
        """The keys that a Rollout may use, in the order in which routers are asked."""
        owners = self._loaded.owners
        return tuple(sorted(owners, key=lambda name: (owners[name].router.order, name)))

    def rules(self) -> tuple[Rule, ...]:
        """The rights that the loaded plugins need together: what a role has to grant."""
        return merged([rule for record in self.plugins if record.status is Status.LOADED for rule in record.needs])

    def remote(self, name: str) -> str:
        """The label selector of the Secret that leads to the router's cluster; "" for the controller's own cluster."""
        owner = self._loaded.owners.get(name)
        return owner.router.remote if owner else ""

    def find(self, name: str) -> PluginRecord | None:
        """The plugin that answers to this router key, or None."""
        owner = self._loaded.owners.get(name)
        return owner.record if owner else None

    def view(self, name: str, problems: tuple[Problem, ...] = ()) -> RouterView:
        """What the machine sees of a router; one that is not there can do nothing."""
        record = self.find(name)
        title, can = (record.title, record.can) if record else (name, frozenset[Capability]())
        errors = tuple(problem for problem in problems if not problem.warning)
        return RouterView(name, title, can, errors, tuple(problem for problem in problems if problem.warning))

    def configure(self, name: str, raw: object, path: str) -> Configured:
        """Validate a router's part of the Rollout. Keep the result for the Rollout's (uid, generation).

        Raises PluginError for a model that breaks instead of refusing.
        """
        owner = self._loaded.owners.get(name)
        if owner is None:
            return Configured(name, path, problems=(self.unknown(name, path),))
        try:
            return read_config(owner.router.config, name, raw, path)
        except Exception as error:  # a validator is the plugin's code; what it may raise has become problems already
            raise self._fault("config", name, f"raised {type(error).__name__}: {error}") from error

    def unknown(self, name: str, path: str) -> Problem:
        """What to say of a router that no loaded plugin answers to."""
        found = absence("traffic router", name, self.plugins, self.routers)
        return replace(found, path=path, code="TR001")

    def reads(self, name: str, target: AnyTarget) -> tuple[Ref, ...]:
        """The objects that the router looks at for this Rollout: watch them, and wake it when one changes or goes."""
        return self._items("reads", name, self._ask("reads", name, target=target), Ref)

    def problems(
        self, name: str, target: AnyTarget, reader: Reader, served: Callable[[Kind], bool] = lambda _: True
    ) -> tuple[Problem, ...]:
        """What keeps the router from working: missing objects first, then what its own lint finds.

        `served` tells whether there is such a kind at all.
        """
        missing = tuple(
            Problem(ref.path or target.path, _missing(ref, served), f'"{ref.name}"', missing=True)
            for ref in self.reads(name, target)
            if ref.required and reader.read(ref.kind, ref.namespace or target.namespace, ref.name) is None
        )
        if not self._has("lint", name):
            return missing
        return (*missing, *self._items("lint", name, self._look("lint", name, target, reader), Problem))

    def verify_weights(self, name: str, target: AnyTarget, weights: Weights, reader: Reader) -> Done[Verdict]:
        """Whether the weights are in force; a verdict of None from a router that cannot tell."""
        if not self._has("verify_weights", name):
            return Done(Verdict(None, f"{name} cannot tell whether a weight is in force"))
        verdict = self._look("verify_weights", name, target, reader, weights=weights)
        if not isinstance(verdict, Verdict):
            raise self._wrong("verify_weights", name, verdict)
        if foreign := sorted(set(verdict.status) - set(self._owner(name).router.status_fields)):
            said = f"answered with status.{foreign[0]}, which `status_fields` does not declare"
            raise self._fault("verify_weights", name, said)
        return Done(verdict)

    def get_weights(self, name: str, target: AnyTarget, reader: Reader) -> dict[str, Weights]:
        """The weights that each of the router's objects carries; empty where the router cannot read them back."""
        if not self._has("get_weights", name):
            return {}
        found = self._look("get_weights", name, target, reader)
        if not isinstance(found, Mapping) or not all(isinstance(each, Weights) for each in found.values()):
            raise self._wrong("get_weights", name, found)
        return {str(place): weights for place, weights in found.items()}

    def set_weights(self, name: str, target: AnyTarget, weights: Weights, cluster: Cluster) -> Done[None]:
        """Share the traffic out, and believe only what the API server answered.

        Raises Retry where the answer carries another weight than the one that was written.
        """
        self._demand_for(name, target, weights)
        work = self._work("set_weights", name, target, cluster, weights=weights)
        done = work.run()
        if done.wrote:
            self._confirm(name, target, weights, work.answered)
        return done

    def update_hash(self, name: str, target: AnyTarget, hashes: Hashes, cluster: Cluster) -> Done[None]:
        """Tell the router the revisions' hashes; nothing for one that does not need them."""
        return self._work("update_hash", name, target, cluster, hashes=hashes).run()

    def remove_managed_routes(self, name: str, target: AnyTarget, keep: frozenset[str], cluster: Cluster) -> Done[None]:
        """Delete the managed routes that are not in `keep`; nothing for a router that has none."""
        return self._work("remove_managed_routes", name, target, cluster, keep=keep).run()

    def set_header_route(self, name: str, target: AnyTarget, route: HeaderRoute, cluster: Cluster) -> Done[None]:
        """Write or delete one header route. Raises SpecError for a router without the capability."""
        self._demand(name, target, Capability.HEADER, f'header route "{route.name}"')
        return self._work("set_header_route", name, target, cluster, route=route).run()

    def set_mirror_route(self, name: str, target: AnyTarget, route: MirrorRoute, cluster: Cluster) -> Done[None]:
        """Write or delete one mirror route. Raises SpecError for a router without the capability."""
        self._demand(name, target, Capability.MIRROR, f'mirror route "{route.name}"')
        return self._work("set_mirror_route", name, target, cluster, route=route).run()

    def clean_up(self, name: str, target: AnyTarget, cluster: Cluster, keep: Sequence[Ref] = ()) -> Done[None]:
        """Take back what the router left behind for a former config; ask again in later passes until `wrote` is False.

        `keep` are the objects that the present spec reads, by name or label: where one of several has left, the others stay.
        """
        work = self._work("clean_up", name, target, cluster)
        work.keep = tuple(keep)
        return work.run()

    def marks(self) -> tuple[tuple[str, Kind], ...]:
        """The kinds whose objects may bear the mark of a router, each with that router."""
        owners = self._loaded.owners
        return tuple((name, kind) for name in self.routers for kind in owners[name].router.marks)

    def claims(self, name: str, kind: Kind, manifest: Manifest) -> dict[str, Mapping[str, Any]]:
        """The Rollouts, by name, for which the router has marked this object, with the config that leads to it."""
        answer = self._ask("claims", name, kind=kind, manifest=clone(manifest))
        if not isinstance(answer, Mapping) or not all(isinstance(each, Mapping) for each in answer.values()):
            raise self._wrong("claims", name, answer)
        return {str(rollout): config for rollout, config in answer.items()}

    def status_fields(self, name: str) -> tuple[str, ...]:
        """The top-level fields of the Rollout's status that the router owns."""
        owner = self._loaded.owners.get(name)
        return tuple(owner.router.status_fields) if owner else ()

    def preview(self, verb: str, name: str, target: AnyTarget, reader: Reader, **arguments: object) -> Done[None]:
        """The changes that a writing verb would make now; nothing is written. For `tidegate plan`."""
        if isinstance(weights := arguments.get("weights"), Weights):
            self._demand_for(name, target, weights)
        objects = Objects(reader, target.namespace)
        self._ask(verb, name, target=target, objects=objects, **arguments)
        return Done(None, changes=objects.changes())

    def _owner(self, name: str) -> Owner:
        owner = self._loaded.owners.get(name)
        if owner is None:
            raise PluginError(self.unknown(name, f"router {name}").text, plugin=name)
        return owner

    def _demand(self, name: str, target: AnyTarget, capability: Capability, what: str) -> None:
        if capability not in self._owner(name).record.can:
            able = ", ".join(sorted(self._owner(name).record.can))
            said = f'router "{name}" cannot do {what}: it lacks the capability "{capability}" (has {able})'
            raise SpecError(target.path, f"{said}; take it out of the spec or use another router", value=f'"{name}"')

    def _demand_for(self, name: str, target: AnyTarget, weights: Weights) -> None:
        if weights.total != 100:
            self._demand(name, target, Capability.TOTAL, f"weights out of {weights.total} (maxTrafficWeight)")
        if weights.additional:
            self._demand(name, target, Capability.EXPERIMENT, "weighted destinations beside canary and stable")

    def _work(self, verb: str, name: str, target: AnyTarget, cluster: Cluster, **arguments: object) -> Work[None]:
        def ask(objects: Objects) -> None:
            if self._has(verb, name):
                answer = self._ask(verb, name, target=target, objects=objects, **arguments)
                if answer is not None:
                    raise self._wrong(verb, name, answer)

        return Work(target, cluster, ask, self._sleep)

    def _look(self, verb: str, name: str, target: AnyTarget, reader: Reader, **arguments: object) -> object:
        """Ask a verb that must not write."""
        objects = Objects(reader, target.namespace)
        answer = self._ask(verb, name, target=target, objects=objects, **arguments)
        if changes := objects.changes():
            raise self._fault(verb, name, f"wrote to {changes[0].place}; {verb} only reads")
        return answer

    def _has(self, verb: str, name: str) -> bool:
        return verb in self._owner(name).record.verbs

    def _ask(self, verb: str, name: str, **arguments: object) -> object:
        """Call a verb with the wrappers around it."""
        try:
            return self._callers[(verb, name)](**arguments)
        except MEANT:
            raise
        except Exception as error:
            raise self._fault(verb, name, f"raised {type(error).__name__}: {error}", self._author(error)) from error

    def _author(self, error: Exception) -> PluginRecord | None:
        """Whose code raised: the innermost frame that belongs to a plugin's hook."""
        authors = self._loaded.authors
        frames = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
        return next((authors[code] for code in reversed(frames) if code in authors), None)

    def _items(self, verb: str, name: str, answer: object, kind: type[Item]) -> tuple[Item, ...]:
        if isinstance(answer, Sequence) and all(isinstance(each, kind) for each in answer):
            return tuple(answer)
        raise self._wrong(verb, name, answer)

    def _wrong(self, verb: str, name: str, answer: object) -> PluginError:
        said = f"answered with {type(answer).__name__} {answer!r:.80}, which its contract does not allow"
        return self._fault(verb, name, said)

    def _fault(self, verb: str, name: str, what: str, author: PluginRecord | None = None) -> PluginError:
        record = author or self._owner(name).record
        return PluginError(
            f"plugin {record.name} ({record.origin}), {verb} of router {name}: {what}",
            plugin=record.name,
            distribution=record.origin,
            verb=verb,
        )

    def _confirm(self, name: str, target: AnyTarget, weights: Weights, answered: Reader) -> None:
        for place, found in self.get_weights(name, target, answered).items():
            if (found.canary, found.total) != (weights.canary, weights.total):
                raise Retry(
                    f"{place} carries {found.canary} of {found.total} after {weights.canary} of {weights.total} was "
                    f"written; an admission webhook or another controller changes it; will write again",
                    after_s=ODDS_RETRY_S,
                )


def _missing(ref: Ref, served: Callable[[Kind], bool]) -> str:
    text = ref.missing_text
    return text if served(ref.kind) else f"{text}; the API server does not serve the kind: install its CRDs"
