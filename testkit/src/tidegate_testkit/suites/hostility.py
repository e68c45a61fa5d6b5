"""Values that nobody should have written: refused with a reason, or carried without harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tidegate.errors import PluginError
from tidegate.machine.traffic import Capability, HeaderRoute, Match
from tidegate_testkit.foreign import exact
from tidegate_testkit.junk import HOSTILE, hostile, wrong_types
from tidegate_testkit.refusals import REASONED
from tidegate_testkit.stage import Stage, TrafficCase
from tidegate_testkit.switches import requires, requires_given


class Hostility:
    """Config, header values and annotations of a stranger."""

    def test_junk_in_the_config_is_refused_with_its_field(self, case: TrafficCase) -> None:
        """A value of the wrong type is a problem that names the field, not an exception."""
        stage = case.start()
        for key, config in wrong_types(case.config):
            configured = stage.facade.configure(stage.name, config, stage.path)
            assert configured.problems, f"{key} = {config[key]!r} was accepted"
            paths = [problem.path for problem in configured.problems]
            assert any(path.startswith(f"{stage.path}.{key}") for path in paths), f"{key} is not named in {paths}"

    def test_hostile_values_are_refused_or_harmless(self, case: TrafficCase) -> None:
        """Whatever stands in a text of the config, the router answers with a reason and never breaks."""
        for what, config in hostile(case.config):
            stage = case.start()
            if stage.facade.configure(stage.name, config, stage.path).problems:
                continue
            changed = Stage(replace(case, config=config), stage.cluster, stage.facade)
            _answers_with_a_reason(what, changed, lambda stage: stage.weigh(5))

    def test_hostile_headers_are_refused_or_harmless(self, case: TrafficCase) -> None:
        """HEADER: a hostile name or value is refused before anything is written, or goes without a trace."""
        requires(case, Capability.HEADER)
        name = case.managed_routes[0]
        for what, text in HOSTILE.items():
            for route in (
                HeaderRoute(name, (("X-Kit", Match(exact=text)),)),
                HeaderRoute(name, ((text, Match(exact="yes")),)),
            ):
                stage = case.start()
                stage.weigh(25)
                stage.written()
                before = exact(sorted(stage.cluster.contents().items()))
                _answers_with_a_reason(what, stage, partial(Stage.route, route=route))
                stage.keep_routes()
                assert exact(sorted(stage.cluster.contents().items())) == before, f"{what}: the route leaves a trace"

    def test_hostile_annotations_are_refused_or_harmless(self, case: TrafficCase) -> None:
        """An option in an annotation of the Rollout is a stranger's text as well."""
        requires_given(case, "annotations")
        for what, given in hostile(dict(case.annotations)):
            stage = case.start()
            stage.changes = {"annotations": given}
            _answers_with_a_reason(what, stage, lambda stage: stage.weigh(5))


def _answers_with_a_reason(what: str, stage: Stage, ask: Callable[[Stage], object]) -> None:
    try:
        stage.problems()
        ask(stage)
    except PluginError as error:
        pytest.fail(f"{what}: {error}")
    except REASONED:
        assert stage.written() == [], f"{what}: an error after half of the writes"
