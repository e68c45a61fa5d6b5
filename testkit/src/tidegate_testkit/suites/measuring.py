"""Where requests really go: the router's objects, read by a translator, in front of a proxy."""

from __future__ import annotations

import pytest

from tidegate.machine.traffic import Capability
from tidegate_testkit.stage import Stage, TrafficCase
from tidegate_testkit.switches import header_route, requires, requires_given

SAMPLE = 1500  # four standard deviations of a quarter are 4.5 percent of these: a share that is off by 10 cannot pass
FEW = 50  # where every request has to go one way, a few are enough


class Measuring:
    """Requests, counted. These checks run where the case gives a `translator` and tidegate-sandbox is installed."""

    @pytest.mark.parametrize("weight", [0, 25, 100])
    def test_requests_are_shared_out_as_asked(self, case: TrafficCase, weight: int) -> None:
        """The measured share lies within four standard deviations of the weight, and no request fails."""
        stage = _prepared(case)
        stage.weigh(weight)
        from tidegate_testkit.plane import CANARY, traffic

        with traffic(stage) as requests:
            requests.follow()
            counts = requests.send(SAMPLE)
        assert counts.failures == 0, counts.errors
        assert counts.agrees(CANARY, weight / 100), f"{counts.share(CANARY):.1%} at weight {weight}"

    def test_requests_follow_a_change(self, case: TrafficCase) -> None:
        """A proxy that has followed one weight follows the next, and the end of it."""
        stage = _prepared(case)
        from tidegate_testkit.plane import CANARY, traffic

        stage.weigh(0)
        with traffic(stage) as requests:
            for weight in (50, 0):
                stage.weigh(weight)
                requests.follow()
                counts = requests.send(SAMPLE)
                assert counts.failures == 0, counts.errors
                assert counts.agrees(CANARY, weight / 100), f"{counts.share(CANARY):.1%} at weight {weight}"

    def test_requests_with_the_header_reach_the_canary(self, case: TrafficCase) -> None:
        """HEADER: those with the header go to the canary at weight 0, and nobody else does."""
        requires(case, Capability.HEADER)
        stage = _prepared(case)
        from tidegate_testkit.plane import CANARY, STABLE, traffic

        stage.weigh(0)
        stage.route(header_route(case.managed_routes[0]))
        with traffic(stage) as requests:
            requests.follow()
            assert requests.send(FEW, {"X-Kit": "yes"}).versions == {CANARY: FEW}
            assert requests.send(FEW, {"X-Kit": "no"}).versions == {STABLE: FEW}
            assert requests.send(FEW).versions == {STABLE: FEW}


def _prepared(case: TrafficCase) -> Stage:
    """The stage with its hashes written. Skips where there is nothing to measure with."""
    requires_given(case, "translator")
    pytest.importorskip("tidegate_sandbox", reason="tidegate-sandbox is not installed: nothing is measured")
    stage = case.start()
    if Capability.HASH in case.router.can:
        stage.hash()
    return stage
