"""Faults by request: what the server does wrong on purpose, to whom, how often.

A fault strikes API requests alone; calls in the process (`store.py`) and the simulated controllers are spared.
"""

from __future__ import annotations

import itertools
import random
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any

from tidegate_sandbox.errors import ApiError, BadRequest, Conflict, ServerFault, TooManyRequests


class FaultKind(Enum):
    """What goes wrong. The order is the one in which the kinds strike a request."""

    LATENCY = "latency"  # the request waits `seconds` first
    CONFLICT = "conflict"  # 409, nothing is written
    TOO_MANY_REQUESTS = "too-many-requests"  # 429 with Retry-After of `seconds`, rounded up
    SERVER_ERROR = "server-error"  # `code`, 500 unless said otherwise; nothing is written
    DROP_BEFORE = "drop-before"  # the connection is cut before anything is done
    DROP_AFTER = "drop-after"  # the write is committed, then the connection is cut: the client cannot know
    STALE_LIST = "stale-list"  # a list answers as it was `changes` commits ago
    DROP_WATCH = "drop-watch"  # a watch ends without a word before its next event
    LATE_EVENT = "late-event"  # a watch hands on an event, and all after it, `seconds` later
    DUPLICATE_EVENT = "duplicate-event"  # a watch hands on an event twice


_ON_WATCH_EVENTS = frozenset({FaultKind.DROP_WATCH, FaultKind.LATE_EVENT, FaultKind.DUPLICATE_EVENT})
_ON_LISTS = frozenset({FaultKind.STALE_LIST})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and whom it strikes: every condition that is given must hold.

    `verbs` are Kubernetes' (get list watch create update patch delete deletecollection); `resource` is a regular
    expression for the whole of `deployments.apps` or, with a subresource, `deployments.apps/status`; `name` and
    `namespace` are regular expressions for the whole text (for watch events: of the object). `count` None strikes for ever.
    `seed` makes `probability` repeatable.
    """

    kind: FaultKind
    verbs: tuple[str, ...] = ()
    resource: str = ""
    namespace: str = ""
    name: str = ""
    count: int | None = 1
    probability: float = 1.0
    seed: int = 0
    seconds: float = 1.0
    code: int = 500
    changes: int = 1

    def concerns(self, verb: str, resource: str, namespace: str, name: str) -> bool:
        if self.verbs and verb not in self.verbs:
            return False
        pairs = ((self.resource, resource), (self.namespace, namespace), (self.name, name))
        return all(re.fullmatch(pattern, text) for pattern, text in pairs if pattern)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int | None
    rng: random.Random
    struck: int = 0


@dataclass(slots=True)
class Faults:
    """The faults in force. Safe to use from any thread."""

    _armed: dict[int, _Armed] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> int:
        """Arm a fault; the number takes it back."""
        with self._lock:
            number = next(self._numbers)
            self._armed[number] = _Armed(fault, fault.count, random.Random(fault.seed))  # noqa: S311  not a secret
            return number

    def remove(self, number: int) -> None:
        with self._lock:
            self._armed.pop(number, None)

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def struck(self, number: int) -> int:
        """How often fault `number` has struck."""
        with self._lock:
            armed = self._armed.get(number)
            return armed.struck if armed else 0

    def on_request(self, verb: str, resource: str, namespace: str, name: str) -> list[Fault]:
        """The faults that strike this request, in the order of `FaultKind`."""
        kinds = [k for k in FaultKind if k not in _ON_WATCH_EVENTS and (k not in _ON_LISTS or verb == "list")]
        return self._strike(kinds, verb, resource, namespace, name)

    def on_event(self, resource: str, namespace: str, name: str) -> list[Fault]:
        """The faults that strike one event of one watch."""
        if not self._armed:
            return []
        return self._strike(list(_ON_WATCH_EVENTS), "watch", resource, namespace, name)

    def _strike(self, kinds: list[FaultKind], verb: str, resource: str, namespace: str, name: str) -> list[Fault]:
        with self._lock:
            hits = []
            for armed in self._armed.values():
                fault = armed.fault
                if fault.kind not in kinds or armed.left == 0 or not fault.concerns(verb, resource, namespace, name):
                    continue
                if armed.rng.random() >= fault.probability:
                    continue
                armed.struck += 1
                armed.left = None if armed.left is None else armed.left - 1
                hits.append(fault)
        order = list(FaultKind)
        return sorted(hits, key=lambda fault: order.index(fault.kind))

    def listed(self) -> list[dict[str, Any]]:
        """The faults in force as JSON, with what is left of each."""
        with self._lock:
            return [
                asdict(armed.fault)
                | {"kind": armed.fault.kind.value, "id": number, "left": armed.left, "struck": armed.struck}
                for number, armed in self._armed.items()
            ]


def fault_from(values: Mapping[str, Any]) -> Fault:
    """A fault from JSON: the fields of `Fault`, `kind` by its text; BadRequest says what is wrong."""
    known = {f.name for f in fields(Fault)}
    if unknown := set(values) - known:
        raise BadRequest(f"fault: unknown field {sorted(unknown)[0]!r}; known are {', '.join(sorted(known))}")
    try:
        kind = FaultKind(values.get("kind"))
    except ValueError as error:
        kinds = ", ".join(k.value for k in FaultKind)
        raise BadRequest(f"fault: kind is {values.get('kind')!r}; choose one of {kinds}") from error
    for name in ("resource", "namespace", "name"):
        try:
            re.compile(values.get(name, ""))
        except (re.error, TypeError) as error:
            raise BadRequest(f"fault: {name}: {values[name]!r} is no regular expression: {error}") from error
    rest = {name: value for name, value in values.items() if name != "kind"}
    if "verbs" in rest:
        rest["verbs"] = tuple(rest["verbs"])
    return Fault(kind, **rest)


def error_of(fault: Fault, resource: str, name: str) -> ApiError | None:
    """The refusal a fault answers with; None for faults of another sort."""
    match fault.kind:
        case FaultKind.CONFLICT:
            return Conflict(
                f'Operation cannot be fulfilled on {resource} "{name}": the object has been modified; please apply your '
                "changes to the latest version and try again",
                name=name,
                kind=resource,
            )
        case FaultKind.TOO_MANY_REQUESTS:
            seconds = max(1, -int(-fault.seconds // 1))
            return TooManyRequests("Too many requests, please try again later.", retry_after_s=seconds)
        case FaultKind.SERVER_ERROR:
            return ServerFault("Internal error occurred: the sandbox was asked to fail here", fault.code)
    return None
