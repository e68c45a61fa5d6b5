"""Shares: what is asked for is in force, adds up, and is read back."""

from __future__ import annotations

import pytest

from tidegate.machine.traffic import Capability, Destination, Verdict
from tidegate_testkit.foreign import exact
from tidegate_testkit.junk import leaves
from tidegate_testkit.stage import TrafficCase
from tidegate_testkit.switches import requires, requires_given, requires_verb

GRID = (0, 1, 5, 50, 99, 100)
EXPERIMENT = (Destination("demo-exp", 10, "ccc"),)


class Weighing:
    """Every weight, in every form that the router declares."""

    @pytest.mark.parametrize("weight", GRID)
    def test_a_weight_is_what_the_data_plane_sees(self, case: TrafficCase, weight: int) -> None:
        """From nothing to this weight."""
        stage = case.start()
        stage.weigh(weight)
        assert stage.observed() == weight

    def test_weights_go_up_and_down(self, case: TrafficCase) -> None:
        """A whole rollout and an abort."""
        stage = case.start()
        for weight in (0, 5, 50, 100, 0, 25, 0):
            stage.weigh(weight)
            assert stage.observed() == weight

    def test_a_weight_out_of_a_thousand(self, case: TrafficCase) -> None:
        """TOTAL: 15 of 1000 is 1.5 percent, and 20 of 100 afterwards is 20 percent again."""
        requires(case, Capability.TOTAL)
        stage = case.start()
        stage.weigh(15, total=1000)
        assert stage.observed() == 1.5
        stage.weigh(20)
        assert stage.observed() == 20

    def test_the_shares_of_a_route_add_up(self, case: TrafficCase) -> None:
        """Whole numbers, none negative, that sum to the total: many proxies refuse or scale anything else."""
        requires_given(case, "splits")
        stage = case.start()
        for weight in GRID:
            stage.weigh(weight)
            splits = case.splits(stage.cluster) if case.splits else ()
            assert splits, "no weighted route is left"
            for split in splits:
                assert all(type(share) is int and share >= 0 for share in split.values()), f"{split} at {weight}"
                assert sum(split.values()) == 100, f"{split} at {weight}"

    def test_it_writes_plain_json(self, case: TrafficCase) -> None:
        """Whole numbers are integers: many schemas refuse 25.0."""
        stage = case.start()
        for weight in (0, 33, 100):
            stage.weigh(weight)
        for written in stage.written():
            exact(written.body)
            floats = [value for value in leaves(written.body) if isinstance(value, float) and value.is_integer()]
            assert not floats, f"{written.name} was written with {floats}"

    def test_it_reads_its_weights_back(self, case: TrafficCase) -> None:
        """`get_weights` says what was written."""
        requires_verb(case, "get_weights")
        stage = case.start()
        for weight in (5, 100):
            stage.weigh(weight)
            found = stage.facade.get_weights(stage.name, stage.target, stage.cluster)
            assert found, "nothing is read back"
            assert {weights.canary for weights in found.values()} == {weight}

    def test_an_experiment_takes_its_share_and_gives_it_back(self, case: TrafficCase) -> None:
        """EXPERIMENT: a third destination is written once, and leaves nothing behind."""
        requires(case, Capability.EXPERIMENT)
        stage = case.start()
        stage.weigh(20)
        before = exact(sorted(stage.cluster.contents().items()))
        assert stage.weigh(20, additional=EXPERIMENT).wrote, "the experiment's destination is not written"
        assert stage.observed() == 20
        assert not stage.weigh(20, additional=EXPERIMENT).wrote, "a second call writes"
        stage.weigh(20)
        assert exact(sorted(stage.cluster.contents().items())) == before, "the experiment leaves a trace"

    def test_ping_and_pong_change_places(self, case: TrafficCase) -> None:
        """PING_PONG: after a promotion the Services have changed roles, and shares follow the roles."""
        requires(case, Capability.PING_PONG)
        stage = case.start()
        stage.weigh(100)
        stage.changes = {"canary_service": case.stable_service, "stable_service": case.canary_service}
        stage.weigh(0)
        assert stage.observed() == 100, "what was the canary's Service is stable now and has all of the traffic"
        stage.weigh(30)
        assert stage.observed() == 70
        assert not stage.weigh(30).wrote, "a second call writes"

    def test_verifying_never_writes(self, case: TrafficCase) -> None:
        """VERIFY: an answer, and no write."""
        requires(case, Capability.VERIFY)
        stage = case.start()
        stage.weigh(50)
        stage.written()
        assert isinstance(stage.verdict(50), Verdict)
        assert stage.written() == []

    def test_a_weight_that_is_not_in_force_is_not_verified(self, case: TrafficCase) -> None:
        """VERIFY: never yes to another weight; yes to the right one where the world has followed; a no says why."""
        requires(case, Capability.VERIFY)
        stage = case.start()
        stage.weigh(50)
        if case.settle is not None:
            case.settle(stage.cluster)
            assert stage.verdict(50).verified is True, "the world has followed and is not believed"
        stage.weigh(60)
        verdict = stage.verdict(70)
        assert verdict.verified is not True, "70 is said to be in force where 60 was written"
        if verdict.verified is False:
            assert verdict.message, "a no without a message"
            assert verdict.retry_after_s > 0
