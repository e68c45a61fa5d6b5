from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.runtime.leader import Elector, Seat, Terms
from tidegate.runtime.transport import Access, Connection, Transport

PATH = "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
QUICK = Terms(lease_s=0.3, renew_s=0.2, retry_s=0.02)


class Leases:
    """One Lease on a server that checks resourceVersions."""

    def __init__(self, answer: Any, refusal: Any) -> None:
        self.answer, self.refusal = answer, refusal
        self.lease: dict[str, Any] | None = None
        self.down = False
        self.renewed = threading.Event()
        self._lock = threading.Lock()

    def script(self, request: Any) -> Any:
        with self._lock:
            return self._script(request)

    def _script(self, request: Any) -> Any:
        if self.down:
            return self.refusal(500, "InternalError")
        if self.lease is None and request.method != "POST":
            return self.refusal(404, "NotFound")
        if request.method == "GET":
            return self.answer(200, self.lease)
        if request.method == "POST" and self.lease is not None:
            return self.refusal(409, "AlreadyExists")
        version = (self.lease or {}).get("metadata", {}).get("resourceVersion", "0")
        if request.method == "PUT" and request.body["metadata"]["resourceVersion"] != version:
            return self.refusal(409, "Conflict")
        metadata = {**request.body["metadata"], "resourceVersion": str(int(version) + 1)}
        self.lease = {**request.body, "metadata": metadata}
        self.renewed.set()
        return self.answer(200, self.lease)

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        return dict(self.lease["spec"])


@pytest.fixture
def leases(api: Any, answer: Any, refusal: Any) -> Leases:
    leases = Leases(answer, refusal)
    api.script = leases.script
    return leases


@pytest.fixture
def transport(api: Any, tmp_path: Path) -> Iterator[Transport]:
    transport = Transport(Connection(Access(str(api.kubeconfig(tmp_path)))))
    yield transport
    transport.close()


def elector(transport: Transport, identity: str) -> Elector:
    return Elector(transport, Seat("ns", "lock", identity), QUICK)


def test_the_first_one_takes_a_new_lease(leases: Leases, transport: Transport) -> None:
    one = elector(transport, "one")
    assert one.acquire(threading.Event())
    spec = leases.spec
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("one", 0)
    assert spec["renewTime"].endswith("Z")
    one.release()
    assert leases.spec["holderIdentity"] == ""


def test_the_second_waits_and_says_who_leads(
    leases: Leases, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = elector(transport, "one"), elector(transport, "two")
    assert one.acquire(threading.Event())
    one.keep(lambda: None)
    stop, caught = threading.Event(), []
    with caplog.at_level("INFO"):
        waiting = threading.Thread(target=lambda: caught.append(two.acquire(stop)))
        waiting.start()
        waiting.join(0.7)  # more than two lease lengths
        assert waiting.is_alive()
        assert "another controller, one, holds lease ns/lock; waiting" in caplog.text
        one.release()
        waiting.join(5)
    assert caught == [True]
    assert (leases.spec["holderIdentity"], leases.spec["leaseTransitions"]) == ("two", 1)
    two.release()


def test_a_waiting_one_can_be_stopped(leases: Leases, transport: Transport) -> None:
    one, two, stop = elector(transport, "one"), elector(transport, "two"), threading.Event()
    assert one.acquire(threading.Event())
    one.keep(lambda: None)
    stop.set()
    assert not two.acquire(stop)
    one.release()


def test_a_dead_leader_is_followed_after_its_lease(leases: Leases, transport: Transport) -> None:
    one, two = elector(transport, "one"), elector(transport, "two")
    assert one.acquire(threading.Event())
    assert two.acquire(threading.Event())
    assert leases.spec["holderIdentity"] == "two"


def test_who_cannot_renew_in_time_has_lost(leases: Leases, transport: Transport) -> None:
    one, lost = elector(transport, "one"), threading.Event()
    assert one.acquire(threading.Event())
    one.keep(lost.set)
    leases.renewed.clear()
    assert leases.renewed.wait(5)
    leases.down = True
    assert lost.wait(5)
    one.release()


def test_a_short_outage_is_not_a_loss(leases: Leases, transport: Transport, api: Any) -> None:
    one, lost = elector(transport, "one"), threading.Event()
    assert one.acquire(threading.Event())
    one.keep(lost.set)
    leases.down = True
    failed = len(api.requests) + 2
    api.wait(lambda: len(api.requests) >= failed)
    leases.down = False
    leases.renewed.clear()
    assert leases.renewed.wait(5)
    assert not lost.is_set()
    one.release()


def test_a_lease_taken_by_somebody_else_is_lost_at_once(leases: Leases, transport: Transport) -> None:
    one, lost = elector(transport, "one"), threading.Event()
    assert one.acquire(threading.Event())
    assert leases.lease is not None
    metadata = {**leases.lease["metadata"], "resourceVersion": "99"}
    leases.lease = {**leases.lease, "metadata": metadata, "spec": {**leases.spec, "holderIdentity": "thief"}}
    one.keep(lost.set)
    assert lost.wait(5)
    one.release()
    assert leases.spec["holderIdentity"] == "thief"


def test_an_annotation_by_somebody_else_is_no_loss(leases: Leases, transport: Transport) -> None:
    one, lost = elector(transport, "one"), threading.Event()
    assert one.acquire(threading.Event())
    assert leases.lease is not None
    metadata = {**leases.lease["metadata"], "resourceVersion": "99", "annotations": {"by": "hand"}}
    leases.lease = {**leases.lease, "metadata": metadata}
    leases.renewed.clear()
    one.keep(lost.set)
    assert leases.renewed.wait(5)
    assert leases.lease["metadata"]["annotations"] == {"by": "hand"}
    assert not lost.is_set()
    one.release()
