"""The rules of an ApisixRoute that are split. Pure: dicts in, dicts out.

Source: argo-rollouts rollout/trafficrouting/apisix/apisix.go; the definition of ApisixRoute v2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.hooks import Kind, Manifest, SpecError, Target, Weights
from tidegate_apisix.config import ApisixConfig

ROUTE = Kind("apisix.apache.org", "v2", "ApisixRoute", "apisixroutes")
ApisixTarget = Target[ApisixConfig]


@dataclass(frozen=True, slots=True)
class SplitRule:
    """One rule of `spec.http` with its two backends, to be edited in place."""

    rule: Manifest
    canary: Manifest
    stable: Manifest

    def share_out(self, weights: Weights) -> None:
        """Write both shares. A backend without a weight counts as 100, so 0 is written too."""
        self.canary["weight"], self.stable["weight"] = weights.canary, weights.stable

    def weights(self) -> Weights | None:
        """The shares; None where one is missing, is no whole number, or both are 0."""
        canary, stable = self.canary.get("weight"), self.stable.get("weight")
        if type(canary) is not int or type(stable) is not int or min(canary, stable) < 0 or canary + stable < 1:
            return None
        return Weights(canary, canary + stable)


def split_rules(manifest: Manifest, target: ApisixTarget) -> list[SplitRule]:
    """The rules that the config names, in its order.

    Raises SpecError, in the reference's words, where one is missing or lacks a backend.
    """
    http = (manifest.get("spec") or {}).get("http")
    if not http:
        said = "spec.http was not found in Apisix Route manifest; give it a rule with both Services as backends"
        raise fault(target, "name", said, target.config.route.name)
    return [_split_rule(http, target, name, field) for name, field in _named(target)]


def fault(target: ApisixTarget, field: str, said: str, value: str) -> SpecError:
    """What is wrong with a field below `route`."""
    return SpecError(f"{target.path}.route.{field}", said, value=f'"{value}"')


def _named(target: ApisixTarget) -> Iterator[tuple[str, str]]:
    """(rule, field below `route` that names it)."""
    for index, name in enumerate(target.config.route.rules):
        yield name, f"rules[{index}]" if target.config.route.listed else "name"


def _split_rule(http: list[Manifest], target: ApisixTarget, name: str, field: str) -> SplitRule:
    rule = next((each for each in http if each.get("name") == name), None)
    if rule is None:
        have = ", ".join(str(each.get("name")) for each in http)
        said = f"Apisix http route rule {name} not found; spec.http of {target.config.route.name} has {have}"
        raise fault(target, field, said, name)
    canary = _backend(rule, target, target.canary_service, field)
    return SplitRule(rule, canary, _backend(rule, target, target.stable_service, field))


def _backend(rule: Manifest, target: ApisixTarget, service: str, field: str) -> Manifest:
    """The one backend of a rule that leads to a Service."""
    found: list[Manifest] = [each for each in rule.get("backends") or [] if each.get("serviceName") == service]
    if not found:
        said = f"apisix route {service} backend was not found in rule {rule['name']}; list it there, with a weight"
        raise fault(target, field, said, rule["name"])
    if len(found) > 1:
        said = f"apisix route {service} backend stands {len(found)} times in rule {rule['name']}"
        raise fault(target, field, f"{said}; its share would be counted as often: keep one", rule["name"])
    return found[0]
