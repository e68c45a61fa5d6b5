"""The size arithmetic against the tables of the reference controller's own tests."""

from __future__ import annotations

import pytest

from tidegate.machine.replicas import Basic, Bounds, Count, Sizes, at_least, next_sizes, share, split

# (R, weight, surge, unavailable, stable spec/available, canary spec/available, others) -> (stable, canary)
MOVES = [
    ("surge first", (10, 20, 2, 0), (10, 10), (0, 0), 0, (10, 2)),
    ("then drain stable", (10, 20, 2, 0), (10, 10), (2, 2), 0, (8, 2)),
    ("room is only 2", (10, 30, 2, 0), (10, 10), (0, 0), 0, (10, 2)),
    ("no surge: drain first", (10, 20, 0, 2), (10, 10), (0, 0), 0, (8, 0)),
    ("at most 2 unavailable", (10, 30, 0, 2), (10, 10), (0, 0), 0, (8, 0)),
    ("both at once", (10, 50, 2, 1), (10, 10), (0, 0), 0, (9, 2)),
    ("weight 0 removes the canary", (10, 0, 1, 1), (10, 10), (1, 1), 0, (10, 0)),
    ("last drain", (10, 100, 1, 1), (1, 1), (10, 10), 0, (0, 10)),
    ("gradual shift", (10, 100, 3, 0), (9, 9), (4, 4), 0, (6, 4)),
    ("terminating pod is not counted", (10, 100, 3, 0), (7, 8), (6, 3), 0, (7, 6)),
    ("never above R+S", (10, 100, 1, 0), (10, 2), (10, 8), 0, (2, 9)),
    ("stable first, canary gets the rest", (10, 30, 1, 0), (1, 1), (0, 0), 3, (7, 1)),
    ("drain within floor", (10, 30, 0, 3), (8, 5), (4, 4), 0, (7, 3)),
    ("others exist: no drain", (10, 30, 0, 1), (8, 6), (4, 2), 3, (8, 4)),
    ("5 percent is one pod", (10, 5, 0, 1), (10, 10), (0, 0), 0, (9, 0)),
    ("after the drain", (10, 5, 0, 1), (9, 9), (0, 0), 0, (9, 1)),
    ("fence-post", (10, 10, 0, 1), (10, 10), (0, 0), 0, (9, 0)),
    ("one at a time", (4, 100, 1, 0), (4, 1), (0, 0), 0, (4, 1)),
    ("drains an unavailable stable pod", (4, 100, 1, 0), (4, 1), (1, 1), 0, (3, 1)),
    ("back to stable", (4, 0, 1, 0), (0, 0), (4, 4), 0, (1, 4)),
    ("waits for availability", (4, 0, 1, 0), (1, 0), (4, 4), 0, (1, 4)),
    ("goes on when available", (4, 0, 1, 0), (1, 1), (4, 4), 0, (1, 3)),
    ("two may be missing", (3, 99, 0, 2), (3, 3), (0, 0), 0, (1, 0)),
    ("99 percent keeps one stable pod", (3, 99, 0, 2), (1, 1), (0, 0), 0, (1, 2)),
    ("surge 1: both versions at 20", (1, 20, 1, 0), (1, 1), (0, 0), 0, (1, 1)),
    ("surge 1: both versions at 90", (1, 90, 1, 0), (1, 1), (0, 0), 0, (1, 1)),
    ("single replica rounds to 0", (1, 49, 0, 1), (1, 1), (0, 0), 0, (1, 0)),
    ("single replica rounds to 1", (1, 51, 0, 1), (1, 1), (0, 0), 0, (0, 0)),
    ("single replica, drained", (1, 51, 0, 1), (0, 0), (0, 0), 0, (0, 1)),
    ("full promotion uses surge", (4, 100, 3, 0), (4, 4), (0, 0), 0, (4, 3)),
    ("full promotion with everything unavailable", (4, 100, 4, 4), (4, 4), (0, 0), 0, (0, 4)),
]


@pytest.mark.parametrize(
    ("limits", "stable", "canary", "others", "expected"), [m[1:] for m in MOVES], ids=[m[0] for m in MOVES]
)
def test_next_sizes_follow_the_reference_table(
    limits: tuple[int, int, int, int],
    stable: tuple[int, int],
    canary: tuple[int, int],
    others: int,
    expected: tuple[int, int],
) -> None:
    replicas, weight, surge, unavailable = limits
    bounds = Bounds(replicas, surge, unavailable)
    sizes = next_sizes(bounds, split(bounds, weight), Basic(Count(*canary), Count(*stable), others))
    assert (sizes.stable, sizes.new) == expected


SPLITS = [
    *[((1, w, 0), (0, 1)) for w in (1, 25, 49)],
    *[((1, w, 0), (1, 0)) for w in (50, 75, 99)],
    *[((1, w, 1), (1, 1)) for w in (1, 50, 99)],
    *[((1, 100, s), (1, 0)) for s in (0, 1)],
    *[((2, w, 0), (1, 1)) for w in (1, 50, 99)],
    ((2, 1, 1), (1, 2)),
    ((2, 50, 1), (1, 1)),
    ((2, 99, 1), (2, 1)),
    *[((3, w, 0), (1, 2)) for w in (10, 33, 49)],
    ((3, 50, 0), (2, 1)),
    *[((3, w, 1), (1, 3)) for w in (10, 25)],
    *[((3, w, 1), (1, 2)) for w in (33, 34)],
    *[((3, w, 1), (2, 2)) for w in (49, 50)],
    *[((10, w, 0), (1, 9)) for w in (1, 14)],
    *[((10, w, 0), (2, 8)) for w in (15, 16)],
    ((10, 99, 0), (9, 1)),
    ((10, 1, 1), (1, 10)),
    *[((10, w, 1), (2, 9)) for w in (18, 19)],
    *[((10, w, 1), (2, 8)) for w in (20, 23)],
    *[((10, w, 1), (3, 8)) for w in (24, 25)],
    ((10, 99, 1), (10, 1)),
    ((0, 50, 1), (0, 0)),
]


@pytest.mark.parametrize(("given", "expected"), SPLITS, ids=[f"R={g[0]} w={g[1]} S={g[2]}" for g, _ in SPLITS])
def test_split_takes_the_first_of_the_closest_pairs(given: tuple[int, int, int], expected: tuple[int, int]) -> None:
    replicas, weight, surge = given
    assert split(Bounds(replicas, surge, 0), weight) == Sizes(*expected)


def test_without_a_separate_stable_the_version_is_scaled_to_its_size_within_the_limit() -> None:
    bounds = Bounds(4, 1, 0)
    assert next_sizes(bounds, Sizes(4, 0), Basic(Count(0, 0), None)) == Sizes(4, 0)
    assert next_sizes(Bounds(2, 1, 0), Sizes(2, 0), Basic(Count(4, 4), None)) == Sizes(2, 0)


def test_shares_are_exact_for_large_totals() -> None:
    assert share(999_999_999, 3, 1_000_000_000) == 3
    assert share(200, 10, 1000) == 2


def test_a_minimum_never_exceeds_the_replicas_and_never_revives_zero() -> None:
    assert [at_least(1, 2, 10), at_least(1, 2, 1), at_least(0, 2, 10), at_least(1, None, 10)] == [2, 1, 0, 1]
