"""What a router may touch: the objects it names, the rights it declares, and no more."""

from __future__ import annotations

from tidegate.errors import TidegateError
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection, Status, merged
from tidegate.hooks.references import Rule
from tidegate_testkit.life import live
from tidegate_testkit.stage import PLUGIN, TrafficCase


class Belonging:
    """Declarations and deeds agree."""

    def test_the_loader_accepts_it(self, case: TrafficCase) -> None:
        """Name, config model, capabilities, rights and signatures are as the contract says."""
        selection = PluginSelection(settings={PLUGIN: case.settings} if case.settings else {})
        (record,) = load_objects({PLUGIN: case.router}, selection).plugins
        assert record.status is Status.LOADED, record.error
        assert record.needs or not case.manifests, "it works on objects but declares no rights in `needs`"

    def test_its_example_has_no_problems(self, case: TrafficCase) -> None:
        """The config and the manifests of the case are sound in the router's own eyes."""
        assert [problem.text for problem in case.start().problems()] == []

    def test_it_touches_only_what_it_reads(self, case: TrafficCase) -> None:
        """`reads` names every object that is looked at or written; only those are watched."""
        stage = case.start()
        stage.problems()
        stage.weigh(50)
        declared = {(ref.kind.kind, ref.namespace, ref.name) for ref in stage.refs()}
        written = {(each.kind, each.namespace, each.name) for each in stage.written()}
        asked = {(kind, namespace, name) for _, kind, namespace, name in stage.cluster.asked}
        assert (asked | written) <= declared, f"not in `reads`: {sorted((asked | written) - declared)}"
        refs = stage.facade.reads(stage.name, stage.target)
        selections = [(ref.kind, ref.namespace or case.namespace, dict(ref.labels)) for ref in refs if ref.labels]
        strange = [selected for selected in stage.cluster.selected if selected not in selections]
        assert not strange, f"selected by label and not in `reads`: {strange}"

    def test_what_it_creates_goes_with_the_rollout(self, case: TrafficCase) -> None:
        """Created objects have the Rollout as their controller, so that they are collected with it."""
        stage = case.start()
        stage.weigh(50)
        for written in stage.written():
            if written.verb == "create":
                assert stage.target.owner in written.body["metadata"].get("ownerReferences", []), written.name

    def test_its_rights_are_enough(self, case: TrafficCase) -> None:
        """A whole life with no other rights than `needs`, which names no wildcard."""
        stage = case.start()
        rules = stage.facade.rules()
        assert not [rule for rule in rules if "*" in rule.group + rule.resource + rule.verbs]
        stage.cluster.rules = rules
        live(stage)

    def test_none_of_its_rights_is_too_much(self, case: TrafficCase) -> None:
        """Without any one of the declared rights the same life fails: what it can do without it must not have."""
        rules = case.start().facade.rules()
        unused = [
            f"{verb} {rule.resource}.{rule.group}".rstrip(".")
            for rule in rules
            if f"{rule.resource}.{rule.group}".rstrip(".") not in case.elsewhere
            for verb in rule.verbs.split()
            if _lives_without(case, rules, rule, verb)
        ]
        assert not unused, f"declared in `needs` and not needed: {', '.join(unused)}"


def _lives_without(case: TrafficCase, rules: tuple[Rule, ...], rule: Rule, verb: str) -> bool:
    """Whether the router gets through a whole life although one right is missing."""
    kept = " ".join(each for each in rule.verbs.split() if each != verb)
    rest = [each for each in rules if each != rule]
    stage = case.start()
    stage.cluster.rules = merged([*rest, Rule(rule.group, rule.resource, kept)])
    try:
        live(stage)
    except TidegateError:
        return False
    return True
