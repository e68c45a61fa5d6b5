"""How a plugin names the objects it reads and the rights it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API server serves it: group ("" for core), version, kind, plural.

    `versions` are others that will do, in order of preference: the first of `version` and these that is served is used.
    An object's own `apiVersion` tells which that was; a router that creates one leaves it out.
    """

    group: str
    version: str
    kind: str
    plural: str
    versions: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`<group>/<version>`, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`<plural>.<group>`, as Kubernetes prints it in errors; the bare plural for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def acceptable(self) -> tuple[str, ...]:
        """Every version that will do, the preferred one first."""
        return (self.version, *(each for each in self.versions if each != self.version))

    def at(self, version: str) -> Kind:
        """The same kind at one of its versions."""
        return self if version == self.version else replace(self, version=version)


@dataclass(frozen=True, slots=True)
class Ref:
    """One object that a router reads or writes, in `namespace`, "" for the Rollout's own.

    The runtime watches it and wakes the Rollout when it changes or goes. `required` objects that are missing make the
    spec invalid at field `path`; others are the router's own to create. `noun` is how texts call the kind where that is
    not `kind.resource`: clients know the singular `ingress.networking.k8s.io "web" not found`.
    With `labels` it stands for every object that carries them, and `name` is "": what `Objects.select` hands out.
    """

    kind: Kind
    name: str
    required: bool = True
    path: str = ""
    noun: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def missing_text(self) -> str:
        """What is said where the object does not exist."""
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f'{self.noun or self.kind.resource} "{self.name}" not found{where}'


@dataclass(frozen=True, slots=True)
class Rule:
    """A right that a plugin needs: API group, plural, and verbs separated by spaces. RBAC is generated from it."""

    group: str
    resource: str
    verbs: str
