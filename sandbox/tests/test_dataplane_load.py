"""The load generator and what it counts."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tidegate_sandbox.dataplane import Load, Stream
from tidegate_sandbox.dataplane.backends import Backends
from tidegate_sandbox.dataplane.counts import Answer, Tally, counted
from tidegate_sandbox.dataplane.errors import NotLoopback
from tidegate_sandbox.dataplane.memory import pod
from tidegate_sandbox.dataplane.statistics import band, needed, within


@pytest.fixture
def backends() -> Iterator[Backends]:
    started = Backends()
    yield started
    started.stop()


def url_of(backends: Backends, **annotations: str) -> str:
    marked = {f"sandbox.tidegate.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    addresses, _ = backends.open([pod("demo-1", "v1", annotations=marked)])
    (address,) = addresses.values()
    return f"http://{address.host}:{address.port}/"


def test_sends_exactly_the_total_at_the_rate(backends: Backends) -> None:
    with Load(url_of(backends), Stream(rate=500, total=250)) as load:
        assert load.wait(10)
        seen = load.snapshot()
    assert seen.counts.total == 250
    assert seen.counts.versions == {"v1": 250}
    assert seen.counts.statuses == {200: 250}
    assert seen.counts.failures == 0
    assert seen.elapsed_s >= 0.48  # 250 at 500 a second; a tick early at most
    assert sum(second.versions["v1"] for second in seen.seconds) == 250


def test_ends_after_its_duration(backends: Backends) -> None:
    with Load(url_of(backends), Stream(rate=200, duration_s=0.2)) as load:
        assert load.wait(10)
        assert 20 <= load.snapshot().counts.total <= 41


def test_no_more_than_concurrency_under_way_and_the_rest_is_dropped_not_sent_late(backends: Backends) -> None:
    url = url_of(backends, latency_ms="100")
    with Load(url, Stream(rate=1000, concurrency=4, duration_s=0.5)) as load:
        assert load.wait(10)
        seen = load.snapshot()
    assert 4 <= seen.counts.total <= 24  # four at a time, a tenth of a second each
    assert seen.dropped > 300
    assert seen.counts.failures == 0


def test_window_counts_from_a_mark_on(backends: Backends) -> None:
    with Load(url_of(backends), Stream(rate=1000)) as load:
        load.wait_for(50)
        mark = load.mark()
        counts = load.wait_for(30, since=mark)
        assert 30 <= counts.total < load.snapshot().counts.total
        assert load.share("v1", mark) == 1.0
        assert load.share("v2", mark) == 0.0


def test_stop_waits_for_the_answers_under_way(backends: Backends) -> None:
    load = Load(url_of(backends, latency_ms="150"), Stream(rate=1000, concurrency=8))
    load.start()
    while load.snapshot().in_flight < 8:
        assert not load.wait(0.005)
    load.stop()
    seen = load.snapshot()
    assert (seen.in_flight, seen.counts.failures) == (0, 0)
    assert seen.counts.total >= 8


def test_errors_are_failures_with_their_text(backends: Backends) -> None:
    with Load(url_of(backends, error_rate="1"), Stream(rate=1000, total=20)) as load:
        assert load.wait(10)
        counts = load.snapshot().counts
    assert (counts.failures, counts.statuses, counts.versions) == (20, {500: 20}, {"v1": 20})
    assert counts.errors[0].startswith('500 {"version": "v1"')


def test_nobody_there_is_a_failure_without_status() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with Load(f"http://127.0.0.1:{reserved.getsockname()[1]}/", Stream(rate=1000, total=5)) as load:
            assert load.wait(10)
            counts = load.snapshot().counts
    assert (counts.failures, counts.statuses) == (5, {0: 5})
    assert counts.errors[0].startswith("no connection: ")


def test_answer_that_does_not_come_is_a_failure_after_the_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with Load(url, Stream(rate=1000, total=2, timeout_s=0.1)) as load:
            assert load.wait(10)
            counts = load.snapshot().counts
    assert counts.errors == ("no answer within 0.1 s",)
    assert counts.failures == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/",
        "http://shop.example/",
        "http://localhost.example/",
        "http://10.0.0.1:80/",
        "https://127.0.0.1/",
    ],
)
def test_other_machines_are_refused(url: str) -> None:
    with pytest.raises(NotLoopback):
        Load(url)


@pytest.mark.parametrize("stream", [{"rate": 0}, {"rate": 1e9}, {"concurrency": 0}, {"concurrency": 100_000}])
def test_unbounded_streams_are_refused(stream: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="choose"):
        Stream(**stream)  # type: ignore[arg-type]


def test_window_says_when_older_answers_are_no_longer_kept() -> None:
    tally = Tally(kept=3)
    for moment in range(5):
        tally.add(Answer(float(moment), "v1", 200, ""))
    assert (tally.since(0.0).total, tally.since(0.0).complete) == (3, False)
    assert (tally.since(3.0).total, tally.since(3.0).complete) == (2, True)
    assert tally.all().total == 5


def test_share_leaves_out_answers_without_a_version() -> None:
    counts = counted([Answer(0, "v1", 200, ""), Answer(0, "v2", 200, ""), Answer(0, "-", 503, "503 no endpoints")])
    assert counts.share("v2") == 0.5
    assert (counts.failures, counts.errors) == (1, ("503 no endpoints",))


def test_band_is_four_standard_deviations_of_a_binomial() -> None:
    assert band(0.25, 3000) == pytest.approx(0.0316, abs=1e-4)
    assert band(0.0, 10) == 0.0


@pytest.mark.parametrize(
    ("share", "hits", "requests", "agrees"),
    [
        pytest.param(0.5, 500, 1000, True, id="on-the-spot"),
        pytest.param(0.5, 563, 1000, True, id="inside"),
        pytest.param(0.5, 564, 1000, False, id="outside"),
        pytest.param(0.0, 0, 1000, True, id="nothing"),
        pytest.param(0.0, 1, 1000, False, id="one-too-many"),
        pytest.param(1.0, 1000, 1000, True, id="everything"),
        pytest.param(1.0, 999, 1000, False, id="one-too-few"),
        pytest.param(0.5, 0, 0, False, id="empty-sample"),
    ],
)
def test_within_the_band(share: float, hits: int, requests: int, agrees: bool) -> None:
    assert within(share, hits, requests) is agrees


def test_needed_requests_make_the_band_narrow_enough() -> None:
    for share in (0.01, 0.25, 0.5):
        assert band(share, needed(share, 0.02)) <= 0.02
        assert band(share, needed(share, 0.02) - 2) > 0.02


@pytest.mark.parametrize(("share", "requests"), [(1.5, 10), (-0.1, 10), (0.5, 0)])
def test_band_of_nonsense_is_refused(share: float, requests: int) -> None:
    with pytest.raises(ValueError, match=r"share|sample"):
        band(share, requests)
