"""Several at once: two Rollouts in one object, two threads in one router."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tidegate_testkit.foreign import exact
from tidegate_testkit.meeting import MeetingCluster
from tidegate_testkit.stage import Stage, TrafficCase
from tidegate_testkit.switches import requires_given, requires_verb


class Company:
    """Nobody's traffic moves because of somebody else's."""

    def test_two_rollouts_share_an_object(self, case: TrafficCase) -> None:
        """A weight of the one moves nothing of the other, and gives it nothing to repair."""
        requires_given(case, "neighbour")
        stage = case.start()
        other = stage.as_neighbour()
        other.weigh(60)
        for weight in (25, 75, 0):
            stage.weigh(weight)
            assert stage.observed() == weight
            assert other.observed() == 60, "the neighbour's share has moved"
            assert not other.weigh(60).wrote, "the two write one another's fields, for ever"

    def test_the_neighbour_keeps_its_part_at_the_end(self, case: TrafficCase) -> None:
        """After a clean-up the object is as if only the other Rollout had ever been there."""
        requires_given(case, "neighbour")
        requires_verb(case, "clean_up")
        both, alone = case.start(), case.start()
        alone.as_neighbour().weigh(60)
        both.weigh(25)
        both.as_neighbour().weigh(60)
        both.clean_up()
        assert exact(sorted(both.cluster.contents().items())) == exact(sorted(alone.cluster.contents().items()))

    def test_two_threads_in_one_router(self, case: TrafficCase) -> None:
        """Both are inside a verb at the same moment, for two clusters: each gets the weight that it asked for."""
        barrier = Barrier(2)
        stages = [_meeting(case, barrier), _meeting(case, barrier)]
        stages[1].facade = stages[0].facade
        _together([lambda: stages[0].weigh(25), lambda: stages[1].weigh(75)], barrier)
        assert [stage.observed() for stage in stages] == [25, 75], "what one call knows leaks into another"

    def test_two_threads_in_one_object(self, case: TrafficCase) -> None:
        """Two Rollouts write the same object at the same moment: both weights are in."""
        requires_given(case, "neighbour")
        barrier = Barrier(2)
        stage = _meeting(case, barrier)
        other = stage.as_neighbour()
        _together([lambda: stage.weigh(25), lambda: other.weigh(60)], barrier)
        assert (stage.observed(), other.observed()) == (25, 60)


def _meeting(case: TrafficCase, barrier: Barrier) -> Stage:
    stage = case.start()
    stage.cluster = MeetingCluster(case.given(), barrier)
    return stage


def _together(calls: Sequence[Callable[[], object]], barrier: Barrier) -> None:
    """Make both calls, each in a thread of its own. Raises what they raise."""

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        finally:
            barrier.abort()  # whoever still waits for a call that has ended goes on alone

    with ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(run, call) for call in calls]:
            future.result()
