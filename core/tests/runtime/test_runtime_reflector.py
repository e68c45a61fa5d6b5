from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.runtime.kinds import SERVICES
from tidegate.runtime.reflector import Pace, Pauses, Reflector, Scope
from tidegate.runtime.store import Change, Store
from tidegate.runtime.transport import Access, Connection, Transport

PATH = "/api/v1/services"
QUICK = Pace(first_pause_s=0.01, longest_pause_s=0.05, shortest_s=60, longest_s=60, slack_s=1, absent_s=0.05, lived_s=0)


def thing(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "uid": name, "resourceVersion": str(version)}}


class Rig:
    """A reflector of Services against the scripted server. `lists` and `watches` are answered in order."""

    def __init__(self, api: Any, folder: Path, answer: Any, pace: Pace = QUICK) -> None:
        self.api, self.answer = api, answer
        self.lists: list[Any] = []
        self.watches: list[Any] = []
        self.changes: list[Change[str]] = []
        self.store: Store[str] = Store(lambda manifest: str(manifest["metadata"]["name"]))
        api.script = self.script
        self.transport = Transport(Connection(Access(str(api.kubeconfig(folder)))))
        self.reflector = Reflector(self.transport, Scope(SERVICES), self.store, self.changes.append, pace)

    def script(self, request: Any) -> Any:
        answers = self.watches if request.query.get("watch") else self.lists
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def a_list(self, version: int, *items: dict[str, Any]) -> Any:
        return self.answer(200, {"metadata": {"resourceVersion": str(version)}, "items": list(items)})

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self.store.all())

    def queries(self, watch: bool) -> list[dict[str, str]]:
        return [r.query for r in tuple(self.api.requests) if bool(r.query.get("watch")) is watch]

    def start(self) -> None:
        self.reflector.start()
        assert self.reflector.synced.wait(5)


@pytest.fixture
def rig(api: Any, tmp_path: Path, answer: Any) -> Iterator[Rig]:
    rig = Rig(api, tmp_path, answer)
    yield rig
    rig.reflector.stop()
    rig.transport.close()


def test_an_exact_list_and_then_a_watch_with_bookmarks(rig: Rig, stream: Any) -> None:
    feed = stream()
    rig.lists, rig.watches = [rig.a_list(7, thing("a", 3))], [feed]
    rig.start()
    rig.api.wait(lambda: rig.api.streams)
    assert rig.names() == ["a"]
    assert rig.queries(False) == [{"limit": "500"}]
    query = rig.queries(True)[0]
    assert (query["resourceVersion"], query["allowWatchBookmarks"], query["timeoutSeconds"]) == ("7", "true", "60")
    feed.send("ADDED", **thing("b", 8))
    feed.send("MODIFIED", **thing("a", 9))
    feed.send("DELETED", **thing("b", 10))
    rig.api.wait(lambda: len(rig.changes) == 4)
    assert rig.names() == ["a"]
    assert rig.store.heard("ns") == "10"


def test_a_watch_goes_on_from_the_bookmark(rig: Rig, stream: Any) -> None:
    first, second = stream(), stream()
    rig.lists, rig.watches = [rig.a_list(7)], [first, second]
    rig.start()
    first.send("BOOKMARK", metadata={"resourceVersion": "500"})
    first.end()
    rig.api.wait(lambda: len(rig.api.streams) == 2)
    assert rig.queries(True)[1]["resourceVersion"] == "500"
    assert rig.store.heard("ns") == "500"
    assert len(rig.queries(False)) == 1


def test_a_watch_that_dies_is_opened_again_without_a_list(rig: Rig, stream: Any) -> None:
    first, second = stream(), stream()
    rig.lists, rig.watches = [rig.a_list(7, thing("a", 3))], [first, second]
    rig.start()
    first.send("ADDED", **thing("b", 8))
    rig.api.wait(lambda: len(rig.changes) == 2)
    first.cut()
    rig.api.wait(lambda: len(rig.api.streams) == 2)
    assert rig.queries(True)[1]["resourceVersion"] == "8"
    second.send("ADDED", **thing("c", 9))
    rig.api.wait(lambda: rig.names() == ["a", "b", "c"])
    assert len(rig.queries(False)) == 1


def test_a_410_lists_exactly_and_tells_what_was_missed(rig: Rig, stream: Any) -> None:
    first, second = stream(), stream()
    rig.lists = [rig.a_list(7, thing("a", 3), thing("gone", 4)), rig.a_list(50, thing("a", 3), thing("new", 20))]
    rig.watches = [first, second]
    rig.start()
    first.send("ERROR", kind="Status", code=410, reason="Expired", message="too old resource version")
    rig.api.wait(lambda: len(rig.api.streams) == 2)
    assert rig.queries(False)[1] == {"limit": "500"}
    assert rig.queries(True)[1]["resourceVersion"] == "50"
    told = [(change.entry.name, change.new is None) for change in rig.changes[2:]]
    assert sorted(told) == [("gone", True), ("new", False)]


def test_an_exact_list_is_read_page_by_page(rig: Rig, stream: Any, answer: Any, refusal: Any) -> None:
    more = answer(200, {"metadata": {"resourceVersion": "50", "continue": "next"}, "items": [thing("a", 1)]})
    rig.lists = [rig.a_list(7), more, rig.a_list(50, thing("b", 2))]
    rig.watches = [refusal(410, "Expired"), stream()]
    rig.start()
    rig.api.wait(lambda: rig.names() == ["a", "b"])
    assert rig.queries(False)[2] == {"limit": "500", "continue": "next"}


def test_a_list_that_is_older_than_what_was_seen_is_not_believed(rig: Rig, stream: Any, refusal: Any) -> None:
    first = stream()
    rig.lists = [rig.a_list(7), rig.a_list(6), rig.a_list(30, thing("a", 20))]
    rig.watches = [first, stream()]
    rig.start()
    first.send("ADDED", **thing("a", 20))
    first.send("ERROR", kind="Status", code=500, reason="InternalError", message="etcd changed its leader")
    rig.api.wait(lambda: len(rig.queries(False)) == 3)
    assert rig.queries(False)[1:] == [{"resourceVersion": "0"}, {"limit": "500"}]
    rig.api.wait(lambda: rig.store.heard("ns") == "30")
    assert [(change.entry.name, change.new is None) for change in rig.changes] == [("a", False)]


def test_a_server_that_always_answers_410_is_not_stormed(api: Any, tmp_path: Path, answer: Any, refusal: Any) -> None:
    pauses = Pauses(Pace())
    waits = [pauses.after_failure() for _ in range(10)]
    assert 0.8 <= waits[0] <= 1.6
    assert all(30 <= wait <= 60 for wait in waits[6:])
    rig = Rig(api, tmp_path, answer, Pace())
    rig.lists, rig.watches = [rig.a_list(7)], [refusal(410, "Expired")]
    rig.start()
    rig.api.wait(lambda: rig.reflector.problem)
    assert len(api.requests) == 2
    rig.reflector.stop()
    rig.transport.close()


def test_pauses_start_small_again_after_two_quiet_minutes() -> None:
    now = [0.0]
    pauses = Pauses(Pace(), seconds=lambda: now[0])
    for _ in range(8):
        now[0] += pauses.after_failure()
    now[0] += 121
    assert pauses.after_failure() <= 1.6


def test_a_watch_that_ends_at_once_every_time_does_not_spin(api: Any, tmp_path: Path, answer: Any, stream: Any) -> None:
    rig = Rig(api, tmp_path, answer, Pace())
    feeds = [stream() for _ in range(50)]
    for feed in feeds:
        feed.end()
    rig.lists, rig.watches = [rig.a_list(7)], feeds
    rig.start()
    rig.api.wait(lambda: api.streams)
    ended = threading.Event()
    assert not ended.wait(0.2)
    assert len(api.streams) == 1
    rig.reflector.stop()
    rig.transport.close()


def test_a_silent_line_is_given_up_and_watched_anew(api: Any, tmp_path: Path, answer: Any, stream: Any) -> None:
    pace = Pace(first_pause_s=0.01, shortest_s=0.02, longest_s=0.02, slack_s=0.03, lived_s=0)
    rig = Rig(api, tmp_path, answer, pace)
    rig.lists, rig.watches = [rig.a_list(7)], [stream(), stream()]
    rig.start()
    rig.api.wait(lambda: len(api.streams) >= 2)
    assert len(rig.queries(False)) == 1
    rig.reflector.stop()
    rig.transport.close()


def test_a_restarted_server_is_found_again(rig: Rig, stream: Any) -> None:
    rig.lists, rig.watches = [rig.a_list(7, thing("a", 3)), rig.a_list(9, thing("a", 3))], [stream(), stream()]
    rig.start()
    rig.api.wait(lambda: rig.api.streams)
    rig.api.stop()
    rig.api.wait(lambda: rig.reflector.problem)
    rig.api.start()
    rig.api.wait(lambda: len(rig.api.streams) == 2)
    rig.api.streams[1].send("ADDED", **thing("b", 10))
    rig.api.wait(lambda: rig.names() == ["a", "b"])
    assert rig.reflector.problem == ""


def test_a_429_waits_as_long_as_the_server_asks(rig: Rig, refusal: Any, stream: Any) -> None:
    rig.lists = [refusal(429, "TooManyRequests", headers={"Retry-After": "1"}), rig.a_list(7)]
    rig.watches = [stream()]
    rig.reflector.start()
    rig.api.wait(lambda: rig.reflector.problem)
    assert not rig.reflector.synced.wait(0.3)
    assert rig.reflector.synced.wait(5)


def test_a_kind_that_is_not_served_counts_as_synced_and_comes_alive_later(rig: Rig, refusal: Any, stream: Any) -> None:
    rig.lists, rig.watches = [refusal(404, "NotFound")], [stream()]
    rig.start()
    assert rig.reflector.absent
    rig.lists = [rig.a_list(7, thing("a", 3))]
    rig.api.wait(lambda: rig.names() == ["a"])
    rig.api.wait(lambda: not rig.reflector.absent)


def test_refresh_opens_the_watch_anew(rig: Rig, stream: Any) -> None:
    rig.lists, rig.watches = [rig.a_list(7)], [stream(), stream()]
    rig.start()
    rig.api.wait(lambda: rig.api.streams)
    rig.api.wait(lambda: rig.reflector._watch is not None)
    rig.reflector.refresh()
    rig.api.wait(lambda: len(rig.api.streams) == 2)


@pytest.mark.parametrize("odd", [{"metadata": None}, {}], ids=["no metadata", "empty"])
def test_an_object_nobody_foresaw_does_not_end_the_watch(
    rig: Rig, stream: Any, odd: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    first = stream()
    rig.lists, rig.watches = [rig.a_list(7)], [first, stream()]
    rig.start()
    first.send("ADDED", **odd)
    rig.api.wait(lambda: len(rig.api.streams) == 2)
    assert "unexpected; will list again" in caplog.text
    rig.api.streams[1].send("ADDED", **thing("a", 9))
    rig.api.wait(lambda: rig.names() == ["a"])


def test_a_failing_listener_does_not_end_the_watch(
    api: Any, tmp_path: Path, answer: Any, stream: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(api, tmp_path, answer)

    def listener(change: Change[str]) -> None:
        raise RuntimeError(change.entry.name)

    failing: Callable[[Change[str]], None] = listener
    rig.reflector = Reflector(rig.transport, Scope(SERVICES), rig.store, failing, QUICK)
    feed = stream()
    rig.lists, rig.watches = [rig.a_list(7)], [feed]
    rig.start()
    feed.send("ADDED", **thing("a", 8))
    feed.send("ADDED", **thing("b", 9))
    rig.api.wait(lambda: rig.names() == ["a", "b"])
    rig.api.wait(lambda: caplog.text.count("a listener failed") == 2)
    assert len(api.streams) == 1
    rig.reflector.stop()
    rig.transport.close()
