"""Services that no Rollout uses any more are handed back: without the hash key they select every version's pods again.

Only on a definite answer: the managing Rollout was asked for live, and it is gone or does not name the Service. Any other
error is tried again. (The reference controller takes every error for "gone" and strips a live Service.)
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from pydantic import ValidationError

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.errors import ApiError, NotFound, TooManyRequests
from tidegate.machine.observed import ServiceView
from tidegate.runtime.kinds import ROLLOUTS, SERVICES, path_of
from tidegate.runtime.queue import Queue
from tidegate.runtime.references import References, services_of
from tidegate.runtime.store import Key, Store
from tidegate.runtime.transport import MERGE_PATCH, Transport

log = logging.getLogger(__name__)


class ServiceKeeper:
    """Looks at one Service that may have lost its user. Safe for concurrent calls with different keys.

    `wake` is called with every Rollout that names a Service that was handed back, so that it takes it over.
    """

    def __init__(
        self,
        transport: Transport,
        services: Store[ServiceView],
        references: References,
        queue: Queue[Key],
        wake: Callable[[Key], None],
    ) -> None:
        self._transport, self._services, self._references = transport, services, references
        self._queue, self._wake = queue, wake

    def look(self, key: Key) -> None:
        """Hand the Service back if its manager does not use it; errors only delay that."""
        try:
            self._look(key)
        except TooManyRequests as error:
            self._queue.retry(key, error.after_s)
        except ApiError as error:
            log.info("service %s/%s: %s; will look again", *key, error)
            self._queue.retry(key)
        except Exception:  # one odd Service must not end the clean-up of the others
            log.exception("service %s/%s: unexpected; will look again", *key)
            self._queue.retry(key)
        else:
            self._queue.forget(key)

    def _look(self, key: Key) -> None:
        entry = self._services.get(*key)
        if entry is None or not entry.value.managed_by:
            return
        users = self._references.users(SERVICES, *key)
        if (key[0], entry.value.managed_by) in users or self._is_used(key, entry.value.managed_by):
            return
        patch = {
            "metadata": {"annotations": {names.MANAGED_BY: None}, "resourceVersion": entry.resource_version},
            "spec": {"selector": {names.POD_HASH: None}},
        }
        try:
            self._transport.request("PATCH", path_of(SERVICES, *key), patch, MERGE_PATCH)
        except NotFound:
            return
        log.info("service %s/%s: handed back, rollout %s does not use it", *key, entry.value.managed_by)
        for user in users:
            self._wake(user)

    def _is_used(self, key: Key, manager: str) -> bool:
        """Whether the managing Rollout, asked for live, names the Service; one that cannot be read counts as using it."""
        try:
            manifest = self._transport.request("GET", path_of(ROLLOUTS, key[0], manager))
        except NotFound:
            return False
        try:
            rollout = Rollout.read(manifest)
        except ValidationError as error:
            log.warning("service %s/%s: its rollout %s cannot be read: %s", *key, manager, error)
            return True
        return rollout.metadata.deletion_timestamp is None and key[1] in services_of(rollout)
