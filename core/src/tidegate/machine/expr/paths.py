"""One step of a path: a key, an index, a slice, a method.

Nothing here reads an attribute: only keys of maps, places in lists, and the named methods of times and durations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.machine.expr.collections import as_count, cut
from tidegate.machine.expr.faults import ExpressionError, Failure, Position
from tidegate.machine.expr.frames import Code, Frame, Run
from tidegate.machine.expr.kinds import ANY, DURATION, INT, MAP, NIL, STRING, TIME, Kind, open_to
from tidegate.machine.expr.moments import method
from tidegate.machine.expr.nodes import Fetch, Method, Node, Slice
from tidegate.machine.expr.values import LISTS, Struct, Value, go_type

Compile = Callable[[Node], Code]


@dataclass(frozen=True, slots=True)
class Walk:
    """A step, compiled: `take` goes from a value to the next. An optional one ends the path at nil."""

    kind: Kind
    at: Position
    optional: bool
    take: Callable[[Value, Frame], Value]


def walk(step: Fetch | Slice | Method, owner: Kind, compiled: Compile) -> Walk:
    """The step from a value of kind `owner`. Raises ExpressionError where there can be none."""
    match step:
        case Fetch():
            return _fetch(step, owner, compiled(step.key))
        case Slice():
            return _slice(step, owner, compiled)
        case Method():
            return _method(step, owner, compiled)


def _fetch(step: Fetch, owner: Kind, key: Code) -> Walk:
    run, at = key.run, step.at
    if owner.element is not None and not open_to(key.kind, INT):
        raise ExpressionError(
            f"array elements can only be selected using an integer (got {key.kind.name})", at, "write list[0]"
        )
    if owner == MAP and not open_to(key.kind, STRING):
        raise ExpressionError(f"cannot use {key.kind.name} to get an element from {owner.name}", at)
    if owner not in (ANY, NIL, MAP) and owner.element is None:
        raise ExpressionError(
            f"type {owner.name}[{key.kind.name}] is undefined", at, "only maps and lists have elements"
        )
    return Walk(owner.element or ANY, at, step.optional, lambda value, frame: fetched(value, run(frame)))


def fetched(owner: Value, key: Value) -> Value:
    """The element of a list or map. A key that a map has not is nil; an index that a list has not is a Failure."""
    if isinstance(owner, dict):
        if not isinstance(key, str):
            raise Failure(f"cannot use {go_type(key)} to get an element from {go_type(owner)}")
        if isinstance(owner, Struct) and key not in owner:
            raise Failure(f"cannot fetch {key}: no such field", f"fields: {', '.join(owner)}")
        return owner.get(key)
    if not isinstance(owner, LISTS):
        advice = "write ?. where it may be missing" if owner is None else ""
        raise Failure(
            f"cannot fetch {str(key)[:40] if isinstance(key, str | int) else go_type(key)} from {go_type(owner)}",
            advice,
        )
    if type(key) is not int:
        raise Failure(
            f"array elements can only be selected using an integer (got {go_type(key)})", "convert it with int()"
        )
    if not -len(owner) <= key < len(owner):
        raise Failure(f"index out of range: {key} (array length is {len(owner)})", "test len() first")
    return owner[key]


def _slice(step: Slice, owner: Kind, compiled: Compile) -> Walk:
    if owner not in (ANY, STRING) and not owner.is_list:
        raise ExpressionError(f"cannot slice {owner.name}", step.at, "only lists and texts have slices")
    bounds: list[Run | None] = []
    for part in (step.start, step.stop):
        code = None if part is None else compiled(part)
        if code is not None and part is not None and not open_to(code.kind, INT):
            raise ExpressionError(f"non-integer slice index {code.kind.name}", part.at)
        bounds.append(None if code is None else code.run)
    start, stop = bounds

    def take(value: Value, frame: Frame) -> Value:
        begin = 0 if start is None else as_count(start(frame))
        end = None if stop is None else as_count(stop(frame))
        return _sliced(value, begin, end, frame)

    return Walk(owner, step.at, step.optional, take)


def _sliced(value: Value, begin: int, end: int | None, frame: Frame) -> Value:
    """A part of a list or text; bounds beyond an end are that end, negative ones count from the end."""
    if not isinstance(value, str | list | tuple | range):
        raise Failure(f"cannot slice {go_type(value)}")
    start, stop, _ = slice(begin, end).indices(len(value))
    if isinstance(value, str):
        frame.budget.write(max(stop - start, 0))
        return value[start:stop]
    frame.budget.spend(max(stop - start, 0))
    return cut(value, start, stop)


def _method(step: Method, owner: Kind, compiled: Compile) -> Walk:
    name, runs = step.name, [compiled(part).run for part in step.arguments]
    if owner not in (ANY, TIME, DURATION):
        raise ExpressionError(f"type {owner.name} has no method {name}", step.at, f"write {name}(value)")
    return Walk(ANY, step.at, step.optional, lambda value, frame: method(value, name, [run(frame) for run in runs]))
