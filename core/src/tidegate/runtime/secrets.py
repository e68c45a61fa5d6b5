"""Secrets as metric providers read them: by name, at use, and never kept for long."""

from __future__ import annotations

import base64
import binascii
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tidegate.errors import Rejected
from tidegate.runtime.kinds import SECRETS, path_of

KEPT_S = 60.0  # a rotated credential is in use after at most this long
MOST_KEPT = 1024  # Secrets in memory; the oldest goes first
# Hiding a shorter value, such as a `1` or a `no` beside the credential, would only spoil the figures that a reading shows.
SHORTEST_HIDDEN = 4
ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
NAMESPACE = "argo-rollouts"  # where the reference's manifests install the controller


class Asks(Protocol):
    """The part of the transport that is needed here."""

    def request(self, method: str, path: str) -> Any:
        """Send and decode. Raises an ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    data: Mapping[str, str] = field(repr=False)
    until: float


def controller_namespace(account: Path = ACCOUNT_NAMESPACE) -> str:
    """Where the controller runs: POD_NAMESPACE, else what the pod's service account says, else `argo-rollouts`."""
    if named := os.environ.get("POD_NAMESPACE", "").strip():
        return named
    try:
        return account.read_text(encoding="utf-8").strip() or NAMESPACE
    except FileNotFoundError:  # not in a pod
        return NAMESPACE


class SecretStore:
    """Reads Secrets with one GET each, never by list or watch. Shared by all measurements; safe for threads."""

    def __init__(self, transport: Asks, namespace: str = "", seconds: Callable[[], float] = time.monotonic) -> None:
        self._transport, self._seconds = transport, seconds
        self._namespace = namespace or controller_namespace()
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._lock = threading.Lock()

    def reader(self, run_namespace: str) -> SecretReader:
        """A reader for one measurement of a run in this namespace."""
        return SecretReader(self, self._namespace, run_namespace)

    def read(self, namespace: str, name: str) -> Mapping[str, str]:
        """The decoded data, at most `KEPT_S` old. Raises NotFound, Forbidden and the like; a failure is not kept."""
        key, now = (namespace, name), self._seconds()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and now < kept.until:
            return kept.data
        data = _decoded(self._transport.request("GET", path_of(SECRETS, namespace, name)), namespace, name)
        with self._lock:
            self._kept.pop(key, None)
            self._kept = {each: value for each, value in self._kept.items() if now < value.until}
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(data, now + KEPT_S)
        return data


class SecretReader:
    """Reads for one measurement and remembers what it has handed out. Implements `tidegate.hooks.Secrets`."""

    def __init__(self, store: SecretStore, controller: str, run: str) -> None:
        self._store, self._controller, self._run = store, controller, run
        self._handed_out: set[str] = set()

    @property
    def handed_out(self) -> tuple[str, ...]:
        """Every value of four letters or more that was read, the longest first, so that hiding one leaves no end of another."""
        return tuple(sorted(self._handed_out, key=lambda value: (-len(value), value)))

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        """The decoded data of a Secret of the controller's namespace, or of the run's. Raises NotFound, Forbidden."""
        data = self._store.read(self._run if in_run_namespace else self._controller, name)
        self._handed_out |= {value for value in data.values() if len(value) >= SHORTEST_HIDDEN}
        return data


def _decoded(secret: Mapping[str, Any], namespace: str, name: str) -> Mapping[str, str]:
    """Raises Rejected, naming the key and not the value, for what is no base64 or no UTF-8."""
    data = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            data[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            said = f"secret {namespace}/{name}: key {key!r} holds no text; store the credential as UTF-8"
            raise Rejected(said) from None  # the cause would show bytes of the value
    return data
