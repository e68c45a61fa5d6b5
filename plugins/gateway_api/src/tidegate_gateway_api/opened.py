"""One route in hand: the copy that is read or edited, and what of it belongs to whom."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tidegate.hooks import Manifest, SpecError
from tidegate_gateway_api.backends import Sides, refs, sides_of, weight_of
from tidegate_gateway_api.record import Record, fingerprint, mark, read_record, write_record
from tidegate_gateway_api.routes import GatewayTarget, Route

MIRROR = "RequestMirror"


@dataclass(slots=True)
class Opened:
    """A route's manifest with the Rollout's eyes; `close` after edits."""

    route: Route
    target: GatewayTarget
    manifest: Manifest
    sides: Sides = field(init=False)
    record: Record = field(init=False)

    def __post_init__(self) -> None:
        self.sides = sides_of(self.target, self.route)
        self.record = read_record(self.manifest, self.target)

    @property
    def rules(self) -> list[Manifest]:
        """The rules, which may be edited in place."""
        found: list[Manifest] = (self.manifest.get("spec") or {}).get("rules") or []
        return found

    def fault(self, said: str) -> SpecError:
        """An error about the field of the Rollout that names the route."""
        return SpecError(f"{self.target.path}.{self.route.field}", said, value=f'"{self.route.name}"')

    def managed_by(self, rule: Manifest) -> str:
        """The managed route that a rule belongs to, "" for one that is none of this Rollout's.

        A rule is known by its name, if it also looks like ours: a route may be shared with Rollouts and people that use
        the same names. One that has lost its name is known by its fingerprint, and so is one whose Services are unknown.
        """
        name = rule.get("name") or ""
        recorded = (route for route in self.record.rules if not name or _is_numbered(name, route))
        if self.record.rules and (mine := [r for r in recorded if fingerprint(rule) in self.record.rules[r]]):
            return name if name in mine else mine[0]
        if not name or not self._looks_ours(rule):
            return ""
        known = [route for route in (*self.target.managed_routes, *self.record.rules) if _is_numbered(name, route)]
        return name if name in known else next(iter(known), "")

    def sources(self) -> list[Manifest]:
        """The rules that the config means: with both sides in them, and of the right name where one is given.

        Raises SpecError where there is none, with the reason that a person is most likely to have overlooked.
        """
        named = [rule for rule in self.rules if self._meant(rule)]
        found = [rule for rule in named if self.sides.split(rule) and not self.managed_by(rule)]
        if not found:
            raise self.fault(self._no_sources(named))
        return found

    def one(self, rule: Manifest, service: str) -> Manifest:
        """The one reference to a Service. Raises SpecError for two of them: a share cannot be in both."""
        found = [ref for ref in refs(rule) if self.sides.is_service(ref, service)]
        if len(found) != 1:
            raise self.fault(f"{self.route.title} names Service {service} {len(found)} times in one rule; name it once")
        return found[0]

    def close(self) -> None:
        """Bring the record and the mark up to the rules as they are now."""
        write_record(self.manifest, self.target, self.record)
        split = (rule for rule in self.rules if self._meant(rule) and self.sides.split(rule))
        canaries = (ref for rule in split for ref in refs(rule) if self.sides.is_service(ref, self.sides.canary))
        loaded = any(weight_of(ref) > 0 for ref in canaries)
        mark(self.manifest, self.target, busy=loaded or bool(self.record.rules or self.record.backends))

    def mirrors(self, rule: Manifest) -> bool:
        """Whether a rule copies its requests to the canary."""
        filters = (each for each in rule.get("filters") or [] if each.get("type") == MIRROR)
        backends = ((each.get("requestMirror") or {}).get("backendRef") or {} for each in filters)
        return any(self.sides.is_service(backend, self.sides.canary) for backend in backends)

    def _meant(self, rule: Manifest) -> bool:
        """Whether the config speaks of a rule of that name."""
        return self.route.rule_name in ("", rule.get("name"))

    def _looks_ours(self, rule: Manifest) -> bool:
        """A header rule leads to the canary alone; a mirror rule has both sides and copies to the canary."""
        found = refs(rule)
        alone = len(found) == 1 and self.sides.is_service(found[0], self.sides.canary)
        return alone or (self.sides.split(rule) and self.mirrors(rule))

    def _no_sources(self, named: list[Manifest]) -> str:
        """Why no rule is split. The first words are those of the argoproj-labs plugin."""
        sides, said = self.sides, f"backendRef was not found in {self.route.kind.field}"
        if self.route.rule_name and not named:
            return f"{said}: no rule is called {self.route.rule_name}; name a rule so, or correct the rule's name"
        elsewhere = self.route.namespace != sides.namespace
        names = {ref.get("name") for rule in named for ref in refs(rule) if not ref.get("namespace")}
        if elsewhere and names & {sides.canary, sides.stable}:
            return f"{said}: its backendRefs mean Services of {self.route.namespace}; give them namespace {sides.namespace}"
        return f"{said}: no rule has both {sides.canary} and {sides.stable} as backendRefs; add the missing one"


def _is_numbered(name: str, route: str) -> bool:
    """Whether a rule of this name may belong to a managed route: `h`, or `h-1` and on."""
    return name == route or re.fullmatch(rf"{re.escape(route)}-\d+", name) is not None
