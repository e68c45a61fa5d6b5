"""What every traffic router holds to. Subclass, give one fixture, run pytest.

    class TestMyRouter(TrafficConformance):
        @pytest.fixture
        def case(self) -> TrafficCase:
            return TrafficCase(router=MyRouter, config={...}, manifests=[...], observe=share)

Checks of what a router does not declare are skipped, never failed. A single check may be overridden with a reason.
"""

from __future__ import annotations

import json

import pytest

from tidegate.errors import ApiError, OwnershipError, Pending, PluginError, Retry, SpecError
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import Status
from tidegate.machine.traffic import Capability, HeaderRoute, Match, MirrorMatch, MirrorRoute, Verdict, Weights
from tidegate_testkit.junk import hostile, leaves, wrong_types
from tidegate_testkit.memory import MemoryCluster
from tidegate_testkit.stage import CLEAN_UP_PASSES, PLUGIN, Stage, TrafficCase, facade_for

GRID = (0, 1, 5, 50, 99, 100)
THEIRS = "kit.example.com/theirs"
REASONED = (SpecError, ApiError, OwnershipError, Pending, Retry)


class TrafficConformance:
    """The suite. Every check starts from a fresh cluster."""

    @pytest.fixture
    def case(self) -> TrafficCase:
        """The router under test; every subclass gives its own."""
        raise pytest.UsageError(f"{type(self).__name__} needs a fixture `case` that returns a TrafficCase")

    def test_the_loader_accepts_it(self, case: TrafficCase) -> None:
        """Name, config model, capabilities, rights and signatures are as the contract says."""
        (record,) = load_objects({PLUGIN: case.router}).plugins
        assert record.status is Status.LOADED, record.error
        assert record.needs or not case.manifests, "it works on objects but declares no rights in `needs`"

    def test_its_example_has_no_problems(self, case: TrafficCase) -> None:
        """The config and the manifests of the case are sound in the router's own eyes."""
        assert [problem.text for problem in case.start().problems()] == []

    def test_junk_in_the_config_is_refused_with_its_field(self, case: TrafficCase) -> None:
        """A value of the wrong type is a problem that names the field, not an exception."""
        stage = case.start()
        for key, config in wrong_types(case.config):
            configured = stage.facade.configure(stage.name, config, stage.path)
            assert configured.problems, f"{key} = {config[key]!r} was accepted"
            paths = [problem.path for problem in configured.problems]
            assert any(path.startswith(f"{stage.path}.{key}") for path in paths), f"{key} is not named in {paths}"

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

    def test_asking_twice_writes_once(self, case: TrafficCase) -> None:
        """The second identical call writes nothing, by the same instance and by a new one after a restart."""
        stage = case.start()
        stage.weigh(25)
        assert stage.written(), "the first call wrote nothing"
        stage.weigh(25)
        assert stage.written() == []
        stage.facade = facade_for(case.router)
        stage.weigh(25)
        assert stage.written() == [], "a new instance writes what is there already: the router keeps state"

    def test_what_others_wrote_is_kept(self, case: TrafficCase) -> None:
        """Annotations and labels of others survive every weight."""
        stage = case.start()
        stage.weigh(5)
        stage.touch(THEIRS)
        for weight in (50, 0):
            stage.weigh(weight)
            for place, manifest in stage.cluster.contents().items():
                metadata = manifest["metadata"]
                assert metadata.get("annotations", {}).get(THEIRS) == "theirs", f"annotation lost on {place}"
                assert metadata.get("labels", {}).get(THEIRS) == "theirs", f"label lost on {place}"

    def test_a_conflict_is_overcome(self, case: TrafficCase) -> None:
        """Somebody writes between the cached read and our write: both changes are in afterwards."""
        stage = case.start()
        stage.weigh(5)
        stage.cluster.freeze()
        stage.touch(THEIRS)
        stage.weigh(50)
        stage.cluster.thaw()
        assert stage.observed() == 50
        for place, manifest in stage.cluster.contents().items():
            assert manifest["metadata"].get("annotations", {}).get(THEIRS) == "theirs", f"lost on {place}"

    def test_a_missing_object_is_told_with_its_field(self, case: TrafficCase) -> None:
        """A required object that is not there is a problem with its name, and an error with a reason."""
        for ref in [ref for ref in case.start().refs() if ref.required]:
            stage = case.start()
            stage.cluster.remove(ref.kind, case.namespace, ref.name)
            told = [problem for problem in stage.problems() if problem.missing and ref.name in problem.detail]
            assert told, f"nobody is told that {ref.kind.resource} {ref.name} is missing"
            assert told[0].path.startswith(stage.path), f"{told[0].path} is no field of the router's config"
            with pytest.raises(REASONED, match=ref.name):
                stage.weigh(50)

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
        for ref in [ref for ref in stage.refs() if not ref.required]:
            if stage.cluster.find(ref.kind, case.namespace, ref.name) is not None:
                stage.cluster.remove(ref.kind, case.namespace, ref.name)
        stage.weigh(50)
        assert stage.observed() == 50

    def test_it_touches_only_what_it_reads(self, case: TrafficCase) -> None:
        """`reads` names every object that is looked at or written; only those are watched."""
        stage = case.start()
        stage.problems()
        stage.weigh(50)
        declared = {(ref.kind.kind, ref.name) for ref in stage.refs()}
        written = {(each.kind, each.name) for each in stage.written()}
        asked = {(kind, name) for _, kind, _, name in stage.cluster.asked}
        assert (asked | written) <= declared, f"not in `reads`: {sorted((asked | written) - declared)}"

    def test_what_it_creates_goes_with_the_rollout(self, case: TrafficCase) -> None:
        """Created objects have the Rollout as their controller, so that they are collected with it."""
        stage = case.start()
        stage.weigh(50)
        for written in stage.written():
            if written.verb == "create":
                assert stage.target.owner in written.body["metadata"].get("ownerReferences", []), written.name

    def test_it_writes_plain_json(self, case: TrafficCase) -> None:
        """Whole numbers are integers: many schemas refuse 25.0."""
        stage = case.start()
        for weight in (0, 33, 100):
            stage.weigh(weight)
        for written in stage.written():
            json.dumps(written.body)
            floats = [value for value in leaves(written.body) if isinstance(value, float) and value.is_integer()]
            assert not floats, f"{written.name} was written with {floats}"

    def test_its_rights_are_enough(self, case: TrafficCase) -> None:
        """A whole life with no other rights than `needs`, which names no wildcard."""
        stage = case.start()
        stage.cluster.rules = stage.facade.rules()
        assert not [rule for rule in stage.facade.rules() if "*" in rule.group + rule.resource + rule.verbs]
        stage.problems()
        for weight in (0, 50, 100):
            stage.weigh(weight)
        stage.cluster.freeze()
        stage.touch(THEIRS)
        stage.weigh(25)
        stage.cluster.thaw()
        stage.clean_up()

    def test_hostile_values_are_refused_or_harmless(self, case: TrafficCase) -> None:
        """Whatever stands in a text of the config, the router answers with a reason and never breaks."""
        for what, config in hostile(case.config):
            stage = case.start()
            configured = stage.facade.configure(stage.name, config, stage.path)
            if configured.problems:
                continue
            target = stage.target_with(config)
            try:
                stage.facade.problems(stage.name, target, stage.cluster)
                stage.facade.set_weights(stage.name, target, Weights(5), stage.cluster)
            except PluginError as error:
                pytest.fail(f"{what}: {error}")
            except REASONED:
                assert stage.written() == [], f"{what}: an error after half of the writes"

    def test_it_reads_its_weights_back(self, case: TrafficCase) -> None:
        """`get_weights` says what was written, and nothing before anything was."""
        requires_verb(case, "get_weights")
        stage = case.start()
        for weight in (5, 100):
            stage.weigh(weight)
            found = stage.facade.get_weights(stage.name, stage.target, stage.cluster)
            assert found, "nothing is read back"
            assert {weights.canary for weights in found.values()} == {weight}

    def test_verifying_never_writes(self, case: TrafficCase) -> None:
        """VERIFY: an answer, and no write."""
        requires(case, Capability.VERIFY)
        stage = case.start()
        stage.weigh(50)
        stage.written()
        verdict = stage.facade.verify_weights(stage.name, stage.target, Weights(50), stage.cluster).value
        assert isinstance(verdict, Verdict)
        assert stage.written() == []

    def test_a_header_route_comes_and_goes(self, case: TrafficCase) -> None:
        """HEADER: written once, kept while it is wanted, removed without a trace."""
        requires(case, Capability.HEADER)
        route = HeaderRoute(case.managed_routes[0], (("X-Kit", Match(exact="yes")),))
        self._comes_and_goes(case.start(), "set_header_route", route)

    def test_a_mirror_route_comes_and_goes(self, case: TrafficCase) -> None:
        """MIRROR: written once, kept while it is wanted, removed without a trace."""
        requires(case, Capability.MIRROR)
        route = MirrorRoute(case.managed_routes[0], (MirrorMatch(path=Match(prefix="/")),), percentage=20)
        self._comes_and_goes(case.start(), "set_mirror_route", route)

    def test_clean_up_leaves_the_cluster_as_it_was(self, case: TrafficCase) -> None:
        """After the last clean-up every object is as before the first weight, and a further one writes nothing."""
        requires_verb(case, "clean_up")
        stage = case.start()
        before = stage.cluster.contents()
        stage.weigh(50)
        assert stage.clean_up() < CLEAN_UP_PASSES, "it never ends"
        assert stage.cluster.contents() == before

    def test_clean_up_tolerates_that_everything_is_gone(self, case: TrafficCase) -> None:
        """The objects may have been deleted together with the config."""
        requires_verb(case, "clean_up")
        stage = case.start()
        for ref in stage.refs():
            if stage.cluster.find(ref.kind, case.namespace, ref.name) is not None:
                stage.cluster.remove(ref.kind, case.namespace, ref.name)
        assert stage.clean_up() == 0

    def _comes_and_goes(self, stage: Stage, verb: str, route: HeaderRoute | MirrorRoute) -> None:
        stage.weigh(25)
        before = stage.cluster.contents()
        set_route = getattr(stage.facade, verb)
        assert set_route(stage.name, stage.target, route, stage.cluster).wrote
        assert not set_route(stage.name, stage.target, route, stage.cluster).wrote, "a second call writes"
        keep = frozenset({route.name})
        remove = stage.facade.remove_managed_routes
        assert not remove(stage.name, stage.target, keep, stage.cluster).wrote, "a wanted route is removed"
        remove(stage.name, stage.target, frozenset(), stage.cluster)
        assert stage.cluster.contents() == before, "the route leaves a trace"


def requires(case: TrafficCase, capability: Capability) -> None:
    """Skip the check for a router that does not declare the capability."""
    if capability not in case.router.can:
        pytest.skip(f"{case.router.name} does not declare {capability}")


def requires_verb(case: TrafficCase, verb: str) -> None:
    """Skip the check for a router that does not override the verb."""
    if not case.start().has(verb):
        pytest.skip(f"{case.router.name} has no {verb}")


__all__ = ["MemoryCluster", "TrafficCase", "TrafficConformance"]
