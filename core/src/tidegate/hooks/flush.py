"""From remembered edits to writes: ownership, preconditions, and the second try after a conflict."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import SystemRandom
from typing import Any, Generic, TypeVar

from tidegate.errors import AlreadyExists, ApiError, Conflict, NotFound, OwnershipError, PluginError
from tidegate.hooks.cluster import Cluster
from tidegate.hooks.holder import Holder
from tidegate.hooks.objects import Change, Objects, Place, Reader, carries, controller_of
from tidegate.hooks.references import Kind, Ref
from tidegate.machine.actions import Event

log = logging.getLogger(__name__)

Value = TypeVar("Value")

# Five repeats at 10 to 200 ms: enough for a controller that writes the same object once a second, short beside a pass.
REPEATS = 5
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.010, 0.200

# The reasons that an API server itself gives (apimachinery meta/v1 StatusReason); any other that a verb raises is the
# router's own word for what is wrong.
STATUS_REASONS = frozenset(
    {
        "AlreadyExists",
        "BadRequest",
        "Conflict",
        "Expired",
        "Forbidden",
        "Gone",
        "InternalError",
        "Invalid",
        "MethodNotAllowed",
        "NotAcceptable",
        "NotFound",
        "RequestEntityTooLarge",
        "ServerTimeout",
        "ServiceUnavailable",
        "StoreReadError",
        "Timeout",
        "TooManyRequests",
        "Unauthorized",
        "Unknown",
        "UnsupportedMediaType",
    }
)

# How a failed write is told of that has no event of its own; the reason is one that clients know.
UNNAMED = Event("TrafficRoutingError", "{error}", "Warning")

_random = SystemRandom()


def conflict_wait_s() -> float:
    """Seconds to wait before the verb is run again; drawn at random, so that two writers part."""
    return _random.uniform(SHORTEST_WAIT_S, LONGEST_WAIT_S)


@dataclass(frozen=True, slots=True)
class Done(Generic[Value]):
    """How a verb ended: its answer, the changes that were made (or would be, in a preview), the events to send."""

    value: Value
    wrote: bool = False
    changes: tuple[Change, ...] = ()

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of the changes, in their order."""
        return tuple(event for change in self.changes for event in change.events)


@dataclass(slots=True)
class Work(Generic[Value]):
    """One verb's work on one cluster: run, write, and run again on fresher copies while others get in between.

    `ask` runs the verb on a new unit of work. `answers` is what the API server made of every written object,
    `answered` a reader that knows it. Objects that `keep` names or selects are left as they are, whatever the verb did to
    them. With `live` the first copies come from the API server too, for kinds that no cache is kept of.
    """

    target: Holder
    cluster: Cluster
    ask: Callable[[Objects], Value]
    sleep: Callable[[float], None]
    keep: tuple[Ref, ...] = ()
    live: bool = False
    written: list[Change] = field(default_factory=list)
    answers: dict[Place, Mapping[str, Any] | None] = field(default_factory=dict)
    answered: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.answered = self.cluster

    def run(self) -> Done[Value]:
        """Run the verb until its changes are in. Raises what the verb raises, OwnershipError, and ApiErrors.

        Every change is tried even if an earlier one failed: an abort must not leave the second object at its weight
        because the first could not be reached. The first error is raised, the others are its notes.
        """
        for attempt in range(1 + REPEATS):
            if attempt:
                self.sleep(conflict_wait_s())
            objects = Objects(self._reader(attempt), self.target.namespace)
            try:
                value = self._asked(objects)
                changes = (each for each in objects.changes() if not self._is_kept(each))
                overtaken = self._write(tuple(changes))
            except Exception as error:
                error.__dict__["written"] = tuple(self.written)
                raise
            if overtaken is None:
                self.answered = Answered(self._reader(attempt), self.answers)
                return Done(value, bool(self.written), tuple(self.written))
        overtaken.__dict__["written"] = tuple(self.written)
        raise Conflict(f"{overtaken}; still so after {REPEATS} repeats", code=409, reason="Conflict") from overtaken

    def _asked(self, objects: Objects) -> Value:
        try:
            return self.ask(objects)
        except ApiError as error:
            if error.reason and error.reason not in STATUS_REASONS:
                error.__dict__["told"] = (Event(error.reason, str(error), "Warning"),)
            raise

    def _is_kept(self, change: Change) -> bool:
        return any(_stands_for(ref, change, self.target.namespace) for ref in self.keep)

    def _reader(self, attempt: int) -> Reader:
        """The cache at first; the server once the cache has turned out to be behind."""
        return Live(self.cluster) if attempt or self.live else self.cluster

    def _write(self, changes: tuple[Change, ...]) -> ApiError | None:
        """Make the changes; the error of one that was overtaken by somebody else, or None."""
        for change in changes:
            check_owner(change, self.target)
        failed: list[tuple[Change, ApiError]] = []
        overtaken: ApiError | None = None
        for change in changes:
            try:
                self.answers[change.key] = send(self.cluster, change)
            except (Conflict, AlreadyExists) as error:
                overtaken = error
            except ApiError as error:
                failed.append((change, error))
            else:
                self.written.append(change)
                log.info("%s %s", change.verb, change.place, extra={self.target.owner["kind"].lower(): self.target.key})
        if failed:
            raise _first_of(failed)
        return overtaken


def written_before(error: BaseException) -> tuple[Change, ...]:
    """What had been written when `error` ended a verb; their events are still to be sent."""
    written: tuple[Change, ...] = error.__dict__.get("written", ())
    return written


def told_by(error: BaseException) -> tuple[Event, ...]:
    """The events by which a router tells of `error` in its own words; () where it has none."""
    told: tuple[Event, ...] = error.__dict__.get("told", ())
    return told


def _first_of(failed: Sequence[tuple[Change, ApiError]]) -> ApiError:
    """The first error, with the others as its notes, and with the events of all where a change has one of its own."""
    first = failed[0][1]
    for _, other in failed[1:]:
        first.add_note(str(other))
    if any(change.failed for change, _ in failed):
        first.__dict__["told"] = tuple(_said(change.failed or UNNAMED, error) for change, error in failed)
    return first


def _said(event: Event, error: ApiError) -> Event:
    return replace(event, message=event.message.replace("{error}", str(error)))


def _stands_for(ref: Ref, change: Change, home: str) -> bool:
    """Whether the changed object is the one that `ref` names, or among those that it selects."""
    if (change.kind, change.namespace) != (ref.kind, ref.namespace or home):
        return False
    return change.name == ref.name if ref.name else carries(change.before or change.patch, ref.labels)


def send(cluster: Cluster, change: Change) -> Mapping[str, Any] | None:
    """Make one change; the object as it stands afterwards, None for a deleted one."""
    before, namespace = change.before.get("metadata", {}), change.namespace
    match change.verb:
        case "create":
            return cluster.create(change.kind, namespace, change.patch)
        case "patch":
            return cluster.patch(change.kind, namespace, change.name, change.patch, before.get("resourceVersion", ""))
        case "delete":
            try:
                cluster.delete(change.kind, namespace, change.name, before.get("uid", ""))
            except NotFound:
                log.debug("%s was gone already", change.place)
    return None


@dataclass(frozen=True, slots=True)
class Live:
    """A reader that asks the API server instead of the cache."""

    cluster: Cluster

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object as the server has it now, or None."""
        return self.cluster.read_live(kind, namespace, name)

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The objects as the server has them now."""
        return self.cluster.select_live(kind, namespace, labels)


@dataclass(frozen=True, slots=True)
class Answered:
    """A reader that knows what the server answered to the last writes, whatever the cache says."""

    reader: Reader
    answers: Mapping[Place, Mapping[str, Any] | None]

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The answered object where there is one, else the reader's."""
        if (kind, namespace, name) in self.answers:
            return self.answers[(kind, namespace, name)]
        return self.reader.read(kind, namespace, name)

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The reader's objects, with the answered ones in their place."""
        found = {
            (kind, namespace, each["metadata"]["name"]): each for each in self.reader.select(kind, namespace, labels)
        }
        for place, answer in self.answers.items():
            if place[:2] == (kind, namespace):
                found.pop(place, None)
                if answer is not None and carries(answer, labels):
                    found[place] = answer
        return list(found.values())


def check_owner(change: Change, target: Holder) -> None:
    """Raise OwnershipError for a delete of an object that is not ours, or an edit of another Rollout's.

    An object of a Rollout of the same name and another uid may be adopted: names are unique, so its owner is gone. One
    that nobody controls is ours where a label of it is our uid: an owner in another namespace cannot be referred to.
    """
    if change.verb == "create" and change.namespace != target.namespace and controller_of(change.patch):
        raise PluginError(
            f"{change.place} in namespace {change.namespace}: an owner in namespace {target.namespace} would have it "
            f"deleted at once; create it without an ownerReference and take it back in clean_up"
        )
    owner = controller_of(change.before)
    ours = owner.get("uid") == target.uid or (not owner and _bears_uid(change.before, target.uid))
    if change.verb == "create" or ours:
        return
    foreign = owner.get("kind") == target.owner["kind"]
    if change.verb == "patch" and foreign and owner.get("name") == target.name and _adopts(change, target):
        return
    if change.verb == "delete" or foreign:
        whose = f"{owner.get('kind')} {owner.get('name')} (uid {owner.get('uid')})" if owner else "nobody"
        ours_is = f"{target.owner['kind']} {target.name} (uid {target.uid})"
        raise OwnershipError(
            f"{change.place} in namespace {change.namespace} is controlled by {whose}, not by {ours_is}"
            f"; it is left alone: rename one of the two, or delete the object"
        )


def _bears_uid(manifest: Mapping[str, Any], uid: str) -> bool:
    return bool(uid) and uid in ((manifest.get("metadata") or {}).get("labels") or {}).values()


def _adopts(change: Change, target: Holder) -> bool:
    owners = change.patch.get("metadata", {}).get("ownerReferences", [])
    return any(owner.get("uid") == target.uid and owner.get("controller") for owner in owners)
