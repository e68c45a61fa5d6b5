from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.machine.actions import Event
from tidegate.runtime.events import About, Recorder
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.transport import Access, Connection, Transport

PATH = "/api/v1/namespaces/ns/events"
APP = About("argoproj.io/v1alpha1", "Rollout", "ns", "app", uid="u1", resource_version="7")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def recorder(api: Any, tmp_path: Path, clock: Any, metrics: Metrics, answer: Any) -> Iterator[Recorder]:
    api.script = lambda request: answer(200, request.body)
    transport = Transport(Connection(Access(str(api.kubeconfig(tmp_path)))))
    recorder = Recorder(transport, clock, metrics)
    recorder.start()
    yield recorder
    recorder.stop(1)
    transport.close()


def test_an_event_looks_as_clients_expect_it(recorder: Recorder, api: Any) -> None:
    recorder.record(APP, Event("RolloutPaused", "Rollout is paused (CanaryPauseStep)"))
    assert recorder.flush(5)
    (made,) = (request.body for request in api.heard("POST", PATH))
    name = made["metadata"].pop("name")
    assert name.startswith("app.")
    int(name.removeprefix("app."), 16)
    assert made == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "ns"},
        "involvedObject": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "namespace": "ns",
            "name": "app",
            "uid": "u1",
            "resourceVersion": "7",
        },
        "reason": "RolloutPaused",
        "message": "Rollout is paused (CanaryPauseStep)",
        "type": "Normal",
        "source": {"component": "rollouts-controller"},
        "reportingComponent": "rollouts-controller",
        "reportingInstance": "",
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "count": 1,
    }


def test_the_same_text_within_ten_minutes_raises_the_count_in_place(recorder: Recorder, api: Any, clock: Any) -> None:
    event = Event("TrafficRoutingError", "no", "Warning")
    recorder.record(APP, event)
    assert recorder.flush(5)
    clock.advance(599)
    recorder.record(APP, event)
    assert recorder.flush(5)
    (made,) = api.heard("POST", PATH)
    (patched,) = api.heard("PATCH", f"{PATH}/{made.body['metadata']['name']}")
    assert patched.body == {"count": 2, "lastTimestamp": "2026-01-01T00:09:59Z"}
    clock.advance(601)
    recorder.record(APP, event)
    assert recorder.flush(5)
    assert len(api.heard("POST", PATH)) == 2


def test_sixty_different_texts_are_sixty_events(recorder: Recorder, api: Any) -> None:
    for n in range(60):
        recorder.record(APP, Event("ScalingReplicaSet", f"Scaled up from {n} to {n + 1}"))
    assert recorder.flush(5)
    messages = [request.body["message"] for request in api.heard("POST", PATH)]
    assert messages == [f"Scaled up from {n} to {n + 1}" for n in range(60)]


def test_events_survive_an_outage_in_order_and_counted(
    recorder: Recorder, api: Any, answer: Any, refusal: Any, metrics: Metrics
) -> None:
    answers = [refusal(503, "ServiceUnavailable")]
    api.script = lambda request: answers.pop() if answers else answer(200, request.body)
    for message in ("first", "second", "first"):
        recorder.record(APP, Event("Tried", message))
    assert recorder.flush(5)
    bodies = [request.body for request in api.heard("POST", PATH)]
    sent = [(body["message"], body["count"]) for body in bodies[1:]]
    assert sent == [("first", 2), ("second", 1)]
    assert metrics.registry.get_sample_value("tidegate_events_lost_total") == 0.0
    labels = {"namespace": "ns", "name": "app", "type": "Normal", "reason": "Tried"}
    assert metrics.registry.get_sample_value("rollout_events_total", labels) == 3.0


def test_an_event_that_the_server_has_forgotten_is_made_anew(
    recorder: Recorder, api: Any, refusal: Any, answer: Any
) -> None:
    recorder.record(APP, Event("Again", "x"))
    assert recorder.flush(5)
    api.script = lambda request: refusal(404, "NotFound") if request.method == "PATCH" else answer(200, request.body)
    recorder.record(APP, Event("Again", "x"))
    assert recorder.flush(5)
    assert [request.body["count"] for request in api.heard("POST", PATH)] == [1, 1]


def test_a_refused_event_is_lost_alone_and_said(
    recorder: Recorder, api: Any, answer: Any, refusal: Any, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    api.script = lambda request: (
        refusal(403, "Forbidden", "namespace is being terminated")
        if request.body["reason"] == "Bad"
        else answer(200, request.body)
    )
    recorder.record(APP, Event("Bad", "x"))
    recorder.record(APP, Event("Good", "x"))
    assert recorder.flush(5)
    assert [request.body["reason"] for request in api.heard("POST", PATH)] == ["Bad", "Good"]
    assert metrics.registry.get_sample_value("tidegate_events_lost_total") == 1.0
    assert "lost Bad about ns/app" in caplog.text


def test_a_server_that_has_not_read_its_roles_yet_is_asked_again(
    recorder: Recorder, api: Any, answer: Any, refusal: Any, metrics: Metrics
) -> None:
    refusals = iter([refusal(403, "Forbidden", "events is forbidden")])
    api.script = lambda request: next(refusals, None) or answer(200, request.body)
    recorder.record(APP, Event("Early", "x"))
    assert recorder.flush(5)
    assert len(api.heard("POST", PATH)) == 2
    assert not metrics.registry.get_sample_value("tidegate_events_lost_total")


def test_stopping_sends_what_waits(api: Any, tmp_path: Path, clock: Any, answer: Any) -> None:
    api.script = lambda request: answer(200, request.body)
    transport = Transport(Connection(Access(str(api.kubeconfig(tmp_path)))))
    recorder = Recorder(transport, clock)
    for n in range(20):
        recorder.record(APP, Event("Waiting", str(n)))
    recorder.start()
    recorder.stop(5)
    assert len(api.heard("POST", PATH)) == 20
    transport.close()
