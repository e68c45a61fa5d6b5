"""How a plugin names the objects it reads and the rights it needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API server serves it: group ("" for core), version, kind, plural."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """`<group>/<version>`, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`<plural>.<group>`, as Kubernetes prints it in errors; the bare plural for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True, slots=True)
class Ref:
    """One object in the Rollout's namespace that a router reads or writes.

    The runtime watches it and wakes the Rollout when it changes or goes. `required` objects that are missing make the
    spec invalid at field `path`; others are the router's own to create. `noun` is how texts call the kind where that is
    not `kind.resource`: clients know the singular `ingress.networking.k8s.io "web" not found`.
    """

    kind: Kind
    name: str
    required: bool = True
    path: str = ""
    noun: str = ""

    @property
    def missing_text(self) -> str:
        """What is said where the object does not exist."""
        return f'{self.noun or self.kind.resource} "{self.name}" not found'


@dataclass(frozen=True, slots=True)
class Rule:
    """A right that a plugin needs: API group, plural, and verbs separated by spaces. RBAC is generated from it."""

    group: str
    resource: str
    verbs: str
