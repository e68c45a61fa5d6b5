"""What the API server knows of a kind's fields: names, list keys, what is atomic; one view for built-ins and CRDs.

The rules of the built-in kinds are data (`builtins.json`, written by tools/openapi_data.py); those of a custom resource
come from its openAPIV3Schema. Both are read through `Schema`: patches and field ownership do not know the difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from tidegate_sandbox.contracts import Manifest

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class Shape(Enum):
    """How a value is merged and owned."""

    LEAF = "leaf"  # a scalar, an atomic list or an atomic map: replaced and owned as a whole
    FIELDS = "fields"  # a struct or map, field by field
    KEYED = "keyed"  # a list of objects, item by item, told apart by `Schema.keys`
    SET = "set"  # a list of scalars, value by value


@dataclass(frozen=True, slots=True)
class Builtins:
    """The compact schemas of the built-in kinds: schema name by `<apiVersion>/<kind>`, schema by name."""

    kinds: Mapping[str, str]
    definitions: Mapping[str, Manifest]


@cache
def builtins() -> Builtins:
    """The data file, read once; about a third of a megabyte, so only when the first built-in is asked for."""
    data = json.loads(files("tidegate_sandbox.wire").joinpath("builtins.json").read_text(encoding="utf-8"))
    return Builtins(data["kinds"], data["definitions"])


@dataclass(frozen=True, slots=True)
class Schema:
    """One node of a kind's schema; a node that nothing is known of is `UNTYPED` and answers every question.

    `typed` marks the nodes of built-in kinds, which a real server holds as Go structs: their structs and required lists
    are there even when nobody wrote them, and field ownership shows it.
    """

    node: Mapping[str, Any] = field(default_factory=dict)
    typed: bool = False

    def field(self, name: str) -> Schema:
        """The schema of one field or map entry."""
        properties = self.node.get("properties")
        if isinstance(properties, dict) and name in properties:
            return self._view(properties[name])
        return self._view(self.node.get("additionalProperties"))

    def names(self, name: str) -> bool:
        """True when `name` is a declared field rather than an entry of a map or an unknown one."""
        return name in self.node.get("properties", {})

    def item(self) -> Schema:
        """The schema of a list's items."""
        return self._view(self.node.get("items"))

    def _view(self, node: object) -> Schema:
        """The node below with its reference resolved; what is said beside a reference wins over what it leads to."""
        if not isinstance(node, dict):
            return UNTYPED
        target = node.get("$ref")
        if not isinstance(target, str):
            return Schema(node, self.typed)
        return Schema({**builtins().definitions.get(target, {}), **node}, True)

    def shape(self, value: object) -> Shape:
        """How `value` is treated here. Lists are atomic unless declared otherwise, maps are not."""
        if isinstance(value, dict):
            return Shape.LEAF if self.node.get("x-kubernetes-map-type") == "atomic" else Shape.FIELDS
        if isinstance(value, list):
            return self._list_shape()
        return Shape.LEAF

    def _list_shape(self) -> Shape:
        match self.node.get("x-kubernetes-list-type"):
            case "map":
                return Shape.KEYED
            case "set":
                return Shape.SET
            case "atomic":
                return Shape.LEAF
        if "merge" not in self.patch_strategies:
            return Shape.LEAF
        # kube-openapi's schema conversion falls back to the older patch extensions the same way.
        return Shape.KEYED if self.merge_key else Shape.SET

    @property
    def keys(self) -> tuple[str, ...]:
        """The key fields of a keyed list; the patch merge key where only that is declared."""
        declared = self.node.get("x-kubernetes-list-map-keys")
        if declared:
            return tuple(declared)
        return (self.merge_key,) if self.merge_key else ()

    @property
    def merge_key(self) -> str:
        """The key of strategic merge patches, which may differ from `keys`; empty for none."""
        return str(self.node.get("x-kubernetes-patch-merge-key", ""))

    @property
    def patch_strategies(self) -> frozenset[str]:
        """Any of merge, retainKeys, replace."""
        return frozenset(filter(None, str(self.node.get("x-kubernetes-patch-strategy", "")).split(",")))

    @property
    def default(self) -> Any:
        """The declared default, None for none."""
        return self.node.get("default")

    def absent(self, name: str) -> Any:
        """What stands for the field `name` where nobody wrote it: `{}`, None for a null, or `MISSING`."""
        if not self.typed or not self.names(name):
            return MISSING
        child = self.field(name)
        if child.node.get("default") == {}:
            return {}
        return None if child.node.get("type") == "array" and name in self.node.get("required", []) else MISSING


# Tells "the field is not there" from an explicit null.
MISSING: Final = object()

UNTYPED = Schema()


def builtin_schema(api_version: str, kind: str) -> Schema | None:
    """The schema of a built-in kind such as `("apps/v1", "Deployment")`; None for any other."""
    name = builtins().kinds.get(f"{api_version}/{kind}")
    return None if name is None else Schema(builtins().definitions[name], True)


def crd_schema(openapi_v3_schema: Manifest) -> Schema:
    """The schema of a custom resource from its CRD version's openAPIV3Schema; metadata follows ObjectMeta's rules."""
    properties = {**openapi_v3_schema.get("properties", {}), "metadata": {"$ref": OBJECT_META}}
    return Schema({**openapi_v3_schema, "properties": properties})
