"""The end: what a router has written is taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tidegate.machine.traffic import Capability
from tidegate_testkit.foreign import exact
from tidegate_testkit.stage import CLEAN_UP_PASSES, Stage, TrafficCase
from tidegate_testkit.switches import requires_routes, requires_verb, routes_of


class Leaving:
    """Clean-up."""

    def test_clean_up_leaves_the_cluster_as_it_was(self, case: TrafficCase) -> None:
        """After the last clean-up every object is as before the first weight, byte for byte, and the same object."""
        requires_verb(case, "clean_up")
        stage = case.start()
        before = _snapshot(stage)
        stage.weigh(50)
        if Capability.HASH in case.router.can:
            stage.hash()
        assert stage.clean_up() < CLEAN_UP_PASSES, "it never ends"
        assert _snapshot(stage) == before

    def test_clean_up_takes_routes_back(self, case: TrafficCase) -> None:
        """Managed routes go with the rest: nobody asks for their removal once the router has left the spec."""
        requires_verb(case, "clean_up")
        requires_routes(case)
        stage = case.start()
        before = _snapshot(stage)
        stage.weigh(0)
        for route in routes_of(case, case.managed_routes[0]):
            stage.route(route)
        assert stage.clean_up() < CLEAN_UP_PASSES, "it never ends"
        assert _snapshot(stage) == before

    def test_clean_up_of_a_rollout_that_is_gone_ends(self, case: TrafficCase) -> None:
        """The same is asked once the Rollout was deleted, when its own objects may be on their way out."""
        requires_verb(case, "clean_up")
        stage = case.start()
        stage.weigh(50)
        stage.changes = {"deleted": True}
        assert stage.clean_up() < CLEAN_UP_PASSES, "it never ends"
        assert stage.clean_up() == 0

    def test_clean_up_tolerates_that_everything_is_gone(self, case: TrafficCase) -> None:
        """The objects may have been deleted together with the config."""
        requires_verb(case, "clean_up")
        for changes in ({}, {"deleted": True}):
            stage = case.start()
            stage.changes = changes
            for ref in stage.there():
                stage.cluster.remove(ref.kind, ref.namespace, ref.name)
            assert stage.clean_up() == 0

    def test_marks_lead_back_to_the_rollout(self, case: TrafficCase) -> None:
        """`claims`: a marked object names its Rollout, with a config by which a clean-up takes the mark away."""
        requires_verb(case, "claims")
        stage = case.start()
        if not any(ref.kind in case.router.marks for ref in stage.there()):
            pytest.skip(f"nothing that the config of the case names is of a kind in `marks` of {case.router.name}")
        assert _claimed(stage) == [], "somebody is claimed before anything was asked"
        if Capability.HASH in case.router.can:
            stage.hash()
        stage.weigh(50)
        claimed = _claimed(stage)
        assert case.rollout in [rollout for rollout, _ in claimed], "no object says for whom it was marked"
        for _, config in claimed:
            left = Stage(replace(case, config=config), stage.cluster, stage.facade, {"deleted": True})
            assert left.clean_up() < CLEAN_UP_PASSES, "it never ends"
        assert _claimed(stage) == [], "the mark stays, or the config does not lead to it"


def _claimed(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    """Which Rollouts the marks name, each with a config, an entry for each marked object."""
    claimed: list[tuple[str, dict[str, Any]]] = []
    for ref in [ref for ref in stage.there() if ref.kind in stage.case.router.marks]:
        manifest = stage.cluster.find(ref.kind, ref.namespace, ref.name) or {}
        found = stage.facade.claims(stage.name, ref.kind, manifest)
        claimed += [(rollout, dict(config)) for rollout, config in found.items()]
    return claimed


def _snapshot(stage: Stage) -> str:
    """Every object as text, with its uid: one that was deleted and made again is another."""
    uids = {}
    for ref in stage.there():
        found = stage.cluster.find(ref.kind, ref.namespace, ref.name) or {}
        uids[f"{ref.kind.kind} {ref.namespace}/{ref.name}"] = found["metadata"]["uid"]
    return exact([uids, sorted(stage.cluster.contents().items())])
