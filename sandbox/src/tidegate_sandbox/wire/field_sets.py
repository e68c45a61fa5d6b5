"""Sets of field paths: which fields an object has, which differ between two, how they are written as fieldsV1.

A path is a tuple of fieldsV1 elements: `f:<field>`, `k:<json of the keys>`, `v:<json of the value>`. The rules are
those of Kubernetes' structured merge (sigs.k8s.io/structured-merge-diff); index paths (`i:`) are written by nobody and
are read as opaque.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.wire.schemas import MISSING, Schema, Shape

Path = tuple[str, ...]
FieldSet = frozenset[Path]
EMPTY: FieldSet = frozenset()


def to_fields_v1(paths: Iterable[Path]) -> Manifest:
    """The nested form of managedFields; a path that also has children is marked with `.`."""
    root: Manifest = {}
    members = set(paths)
    parents = {path[:size] for path in members for size in range(1, len(path))}
    for path in sorted(members):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        if path in parents:
            node["."] = {}
    return root


def from_fields_v1(fields: Manifest) -> FieldSet:
    """The paths of a nested form; an empty node or one with `.` is a member."""
    return frozenset(_members(fields, ()))


def _members(fields: Manifest, prefix: Path) -> Iterator[Path]:
    for element, children in fields.items():
        if element == ".":
            if prefix:
                yield prefix
        elif children:
            yield from _members(children, (*prefix, element))
        else:
            yield (*prefix, element)


def text_of(path: Path) -> str:
    """The path as Kubernetes prints it in a conflict: `.spec.containers[name="web"].image`."""
    return "".join(_element_text(element) for element in path)


def _element_text(element: str) -> str:
    kind, _, rest = element.partition(":")
    if kind == "k":
        keys = json.loads(rest)
        return "[" + ",".join(f"{name}={json.dumps(keys[name])}" for name in sorted(keys)) + "]"
    return f"[={rest}]" if kind == "v" else f".{rest}"


def element_of(item: object, schema: Schema) -> str:
    """The path element that tells `item` apart in a keyed list or set; `schema` is the list's."""
    if schema.shape([]) is Shape.SET:
        if isinstance(item, dict | list) or item is None:
            raise BadRequest(f"a list of type set holds {item!r}: only scalars can be told apart; apply a scalar")
        return "v:" + json.dumps(item, separators=(",", ":"), ensure_ascii=False)
    if not isinstance(item, dict):
        raise BadRequest(f"a list keyed by {', '.join(schema.keys)} holds {item!r}: every element must be an object")
    keys = {name: item.get(name, schema.item().field(name).default) for name in sorted(schema.keys)}
    present = {name: value for name, value in keys.items() if value is not None}
    if not present:
        raise BadRequest(
            f"associative list with keys has an element that omits all key fields {list(schema.keys)}"
            " (and doesn't have default values for any key fields)"
        )
    return "k:" + json.dumps(present, separators=(",", ":"), ensure_ascii=False)


def items_by_element(items: list[Any], schema: Schema) -> dict[str, Any]:
    """The items of a keyed list or set, first occurrence wins, in order."""
    found: dict[str, Any] = {}
    for item in items:
        found.setdefault(element_of(item, schema), item)
    return found


def fields_of(value: object, schema: Schema, path: Path = ()) -> FieldSet:
    """Every field that applying `value` claims: leaves, list items, map entries and empty objects."""
    return frozenset(_claimed(value, schema, path))


def _claimed(value: Any, schema: Schema, path: Path) -> Iterator[Path]:
    match schema.shape(value):
        case Shape.FIELDS:
            for name, child in value.items():
                below = (*path, f"f:{name}")
                yield from _claimed(child, schema.field(name), below)
                if child is None or child == {} or not schema.names(name):
                    yield below
        case Shape.KEYED | Shape.SET:
            for element, item in items_by_element(value, schema).items():
                yield from _claimed(item, schema.item(), (*path, element))
                yield (*path, element)
        case Shape.LEAF:
            yield path


@dataclass(slots=True)
class Difference:
    """The paths in which one object differs from another."""

    added: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)

    @property
    def written(self) -> FieldSet:
        """Added or modified: what the writer of the second object now owns."""
        return frozenset(self.added | self.modified)


def difference(before: object, after: object, schema: Schema) -> Difference:
    """How `after` differs from `before`; a list that is atomic differs as a whole."""
    found = Difference()
    _compare(before, after, schema, (), found)
    return found


def _compare(before: Any, after: Any, schema: Schema, path: Path, found: Difference) -> None:
    if _is_leaf(before, after, schema):
        _compare_leaves(before, after, path, found)
        return
    left, right = _children(before, schema), _children(after, schema)
    for element in left | right:
        was, now, child = left.get(element, MISSING), right.get(element, MISSING), schema.item()
        if element.startswith("f:"):
            absent, child = schema.absent(element[2:]), schema.field(element[2:])
            was, now = _there(was, now, absent), _there(now, was, absent)
        _compare(was, now, child, (*path, element), found)
    # Two values of different shapes, such as an object where a string was, count as a change of the whole.
    if before is MISSING:
        found.added.add(path)
    elif after is MISSING:
        found.removed.add(path)


def _there(value: Any, other: Any, absent: Any) -> Any:
    """What stands for an absent struct or list when there is one on the other side."""
    return absent if value is MISSING and isinstance(other, dict | list) else value


def _is_leaf(before: Any, after: Any, schema: Schema) -> bool:
    shapes = {schema.shape(value) for value in (before, after) if value is not MISSING and value is not None}
    empty = all(value is MISSING or value is None or value in ({}, []) for value in (before, after))
    return empty or Shape.LEAF in shapes or len(shapes) != 1


def _compare_leaves(before: Any, after: Any, path: Path, found: Difference) -> None:
    if before is MISSING:
        found.added.add(path)
    elif after is MISSING:
        found.removed.add(path)
    elif before != after or type(before) is not type(after):
        found.modified.add(path)


def _children(value: Any, schema: Schema) -> dict[str, Any]:
    if isinstance(value, dict):
        return {f"f:{name}": child for name, child in value.items()}
    return items_by_element(value, schema) if isinstance(value, list) else {}


def with_parents(paths: FieldSet, schema: Schema) -> FieldSet:
    """`paths` and every declared struct field above them: a struct is owned by whoever owns something in it."""
    return paths | {parent for path in paths for parent in _named_parents(path, schema)}


def _named_parents(path: Path, schema: Schema) -> Iterator[Path]:
    for size, element in enumerate(path[:-1], start=1):
        if element.startswith("f:"):
            name = element[2:]
            if schema.names(name):
                yield path[:size]
            schema = schema.field(name)
        else:
            schema = schema.item()


def without(value: Any, paths: FieldSet, schema: Schema, path: Path = ()) -> Any:
    """`value` with the fields and items at `paths` taken out; what is left untouched is shared, not copied."""
    match schema.shape(value):
        case Shape.FIELDS:
            return {
                name: without(child, paths, schema.field(name), (*path, f"f:{name}"))
                for name, child in value.items()
                if (*path, f"f:{name}") not in paths
            }
        case Shape.KEYED | Shape.SET:
            steps = [((*path, element_of(item, schema)), item) for item in value]
            return [without(item, paths, schema.item(), step) for step, item in steps if step not in paths]
        case Shape.LEAF:
            return value
