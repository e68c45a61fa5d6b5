"""The world between two calls: repeats, restarts, other writers, drift, objects that are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tidegate.hooks.references import Ref
from tidegate_testkit.foreign import exact, found, planted, stripped
from tidegate_testkit.life import THEIRS
from tidegate_testkit.memory import place_of
from tidegate_testkit.refusals import REASONED
from tidegate_testkit.stage import Stage, TrafficCase, facade_for
from tidegate_testkit.switches import routes_of


class Upkeep:
    """Nothing is written twice, and nothing of others is lost."""

    def test_asking_twice_writes_once(self, case: TrafficCase) -> None:
        """The second identical call writes nothing, by the same instance and by a new one after a restart."""
        stage = case.start()
        stage.weigh(25)
        assert stage.written(), "the first call wrote nothing"
        stage.weigh(25)
        assert stage.written() == []
        stage.facade = facade_for(case.router, case.settings)
        stage.weigh(25)
        assert stage.written() == [], "a new instance writes what is there already: the router keeps state"

    def test_what_others_wrote_is_kept(self, case: TrafficCase) -> None:
        """Annotations and labels of others survive every weight."""
        stage = case.start()
        stage.weigh(5)
        touched = stage.touch(THEIRS)
        if not touched:
            pytest.skip(f"{case.router.name} names no object that somebody else could write to")
        for weight in (50, 0):
            stage.weigh(weight)
            _assert_theirs(stage, touched)

    def test_unknown_fields_are_kept_byte_for_byte(self, case: TrafficCase) -> None:
        """Fields that the router does not know, in every map of every object, make no difference and stay."""
        given = {place_of(manifest): planted(manifest, case.closed) for manifest in case.given()}
        plain, grown = case.start(), replace(case, manifests=list(given.values())).start()
        for act in (lambda stage: stage.weigh(5), _route, lambda stage: stage.weigh(100), lambda stage: stage.weigh(0)):
            act(plain)
            act(grown)
            expected = plain.cluster.contents()
            assert expected.keys() == grown.cluster.contents().keys()
            for place, manifest in grown.cluster.contents().items():
                lost = found(given.get(place, {})) - found(manifest)
                assert not lost, f"lost on {place}: {sorted(lost)}"
                assert exact(_bare(stripped(manifest))) == exact(_bare(expected[place])), f"changed on {place}"

    def test_a_conflict_is_overcome(self, case: TrafficCase) -> None:
        """Somebody writes between the cached read and our write: both changes are in afterwards."""
        stage = case.start()
        stage.weigh(5)
        touched = stage.overtake(50, THEIRS)
        assert stage.observed() == 50
        _assert_theirs(stage, touched)

    def test_a_missing_object_is_told_with_its_field(self, case: TrafficCase) -> None:
        """A required object that is not there is a problem with its name, and an error with a reason."""
        required = [ref for ref in case.start().refs() if ref.required]
        if not required:
            pytest.skip(f"{case.router.name} names no object that has to exist")
        for ref in required:
            stage = case.start()
            stage.cluster.remove(ref.kind, ref.namespace, ref.name)
            told = [problem for problem in stage.problems() if problem.missing and ref.name in problem.detail]
            assert told, f"nobody is told that {ref.kind.resource} {ref.name} is missing"
            assert told[0].path.startswith(stage.path), f"{told[0].path} is no field of the router's config"
            with pytest.raises(REASONED, match=ref.name):
                _ask_everything(stage)

    def test_drift_is_repaired(self, case: TrafficCase) -> None:
        """Somebody puts an older state back, or deletes what the router made: the weight is in force again."""
        stage = case.start()
        stage.weigh(5)
        older = stage.cluster.contents()
        stage.weigh(50)
        for manifest in older.values():
            stage.cluster.apply(manifest)
        stage.weigh(50)
        assert stage.observed() == 50
        for ref in [ref for ref in stage.there() if not ref.required]:
            stage.cluster.remove(ref.kind, ref.namespace, ref.name)
        stage.weigh(50)
        assert stage.observed() == 50


def _assert_theirs(stage: Stage, touched: Sequence[Ref]) -> None:
    """What somebody else wrote is still on the objects that it was written to; one that is gone has lost nothing."""
    for ref in touched:
        manifest = stage.cluster.find(ref.kind, ref.namespace, ref.name)
        if manifest is not None:
            metadata, place = manifest["metadata"], f"{ref.kind.kind} {ref.namespace}/{ref.name}"
            assert metadata.get("annotations", {}).get(THEIRS) == "theirs", f"annotation lost on {place}"
            assert metadata.get("labels", {}).get(THEIRS) == "theirs", f"label lost on {place}"


def _route(stage: Stage) -> None:
    for route in routes_of(stage.case, stage.case.managed_routes[0]):
        stage.route(route)
        stage.keep_routes()


def _ask_everything(stage: Stage) -> None:
    """Weights, and hashes for a router that writes them: each of its objects is in the way of one of the two."""
    stage.weigh(50)
    stage.hash()


def _bare(manifest: dict[str, object]) -> dict[str, object]:
    """The manifest without metadata that holds nothing: planting opens maps that were not there."""
    metadata = manifest["metadata"]
    kept = {key: value for key, value in metadata.items() if value != {}} if isinstance(metadata, dict) else metadata
    return {**manifest, "metadata": kept}
