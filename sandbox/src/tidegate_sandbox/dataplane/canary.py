"""The canary annotations of one Ingress and the conditions they put on a request, as ingress-nginx reads them.

Sources: ingress-nginx `internal/ingress/annotations/canary/main.go` and `rootfs/etc/nginx/lua/balancer.lua`
(`route_to_alternative_balancer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate_sandbox.dataplane.patterns import NO_MATCH, pattern_fault
from tidegate_sandbox.dataplane.routes import Condition, CookieMatch, HeaderMatch, ValueKind

DEFAULT_TOTAL = 100
TRUE_WORDS = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # what Go's strconv.ParseBool takes for true


@dataclass(frozen=True, slots=True)
class Policy:
    """How much of whose traffic a canary takes. `weight` of `total` of the requests that no condition settles."""

    weight: int = 0
    total: int = DEFAULT_TOTAL
    header: str = ""
    header_value: str = ""
    header_pattern: str = ""
    cookie: str = ""

    @property
    def canary_weight(self) -> int:
        """The weight kept between 0 and the total: the draw is from 1 to the total, a higher weight always wins."""
        return max(0, min(self.weight, self.total))

    def conditions(self) -> tuple[tuple[Condition, bool], ...]:
        """Conditions in the order they are looked at, each with whether it sends to the canary or away from it."""
        return (*self._header_conditions(), *self._cookie_conditions())

    def _header_conditions(self) -> tuple[tuple[Condition, bool], ...]:
        if not self.header:
            return ()
        if self.header_value:
            return ((HeaderMatch(self.header, self.header_value), True),)
        if self.header_pattern:
            return ((HeaderMatch(self.header, self.header_pattern, ValueKind.SEARCH), True),)
        return (HeaderMatch(self.header, "always"), True), (HeaderMatch(self.header, "never"), False)

    def _cookie_conditions(self) -> tuple[tuple[Condition, bool], ...]:
        if not self.cookie:
            return ()
        return (CookieMatch(self.cookie, "always"), True), (CookieMatch(self.cookie, "never"), False)


@dataclass(frozen=True, slots=True)
class CanaryAnnotations:
    """The canary annotations of one Ingress; `notes` names those that were not understood."""

    enabled: bool
    policy: Policy
    notes: tuple[str, ...] = ()


def read_canary(annotations: Mapping[str, str], prefix: str) -> CanaryAnnotations:
    """Read the annotations below `prefix`; those of another prefix do not exist.

    A weight that is no number counts as 0 and a total as 100. A total of 100 or less is read and then not used:
    the balancer takes the total only above 100.
    """
    notes: list[str] = []
    own = {key.removeprefix(f"{prefix}/"): value for key, value in annotations.items() if key.startswith(f"{prefix}/")}
    total = _number(own, "canary-weight-total", DEFAULT_TOTAL, notes)
    policy = Policy(
        weight=_number(own, "canary-weight", 0, notes),
        total=total if total > DEFAULT_TOTAL else DEFAULT_TOTAL,
        header=own.get("canary-by-header", "").strip(),
        header_value=own.get("canary-by-header-value", "").strip(),
        header_pattern=_pattern(own.get("canary-by-header-pattern", "").strip(), notes),
        cookie=own.get("canary-by-cookie", "").strip(),
    )
    enabled = own.get("canary", "") in TRUE_WORDS
    if not enabled and policy != Policy():
        notes.append("canary annotations are set but canary is not true; they are ignored")
    return CanaryAnnotations(enabled, policy, tuple(notes))


def _number(own: Mapping[str, str], key: str, default: int, notes: list[str]) -> int:
    text = own.get(key, "").strip()
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        notes.append(f"{key} {text!r} is no whole number; taken for {default}")
        return default


def _pattern(text: str, notes: list[str]) -> str:
    """The pattern, or one that never matches where it is broken or beyond RE2; never empty if `text` is not."""
    if not text:
        return ""
    if fault := pattern_fault(text):
        notes.append(f"canary-by-header-pattern {fault}; it matches nothing")
        return NO_MATCH
    return text
