"""Functions that take a predicate: `all(list, # > 1)`.

A predicate is code that is run once for each element, with the element in the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidegate.machine.expr.collections import as_list, sorted_by
from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.frames import Frame, Run
from tidegate.machine.expr.kinds import ANY, BOOL, INT, LIST, MAP, Kind
from tidegate.machine.expr.numbers import as_number, plus
from tidegate.machine.expr.operators import truth
from tidegate.machine.expr.values import List, Value

Body = Callable[[Frame, Run, Run, int], Value]

# A predicate pays a step for its element and one for each eight of its nodes: that many closures take about a
# microsecond, as long as what other functions do for an element.
NODES_A_STEP = 8


def mapped(frame: Frame, source: Run, predicate: Run, cost: int) -> Iterator[tuple[Value, Value]]:
    """Every element with what the predicate says of it. The outer predicate's element is put back at the end."""
    items = as_list(source(frame))
    yield from visited(frame, items, predicate, cost)


def visited(
    frame: Frame, items: List, predicate: Run, cost: int, *, backwards: bool = False
) -> Iterator[tuple[Value, Value]]:
    """The elements, with what the predicate says of each, from either end."""
    outer = frame.item, frame.index
    indexes = range(len(items) - 1, -1, -1) if backwards else range(len(items))
    try:
        for index in indexes:
            frame.budget.spend(cost)
            frame.item, frame.index = items[index], index
            yield items[index], predicate(frame)
    finally:
        frame.item, frame.index = outer


def _all(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    return all(truth(said) for _, said in mapped(frame, source, predicate, cost))


def _any(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    return any(truth(said) for _, said in mapped(frame, source, predicate, cost))


def _none(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    return not any(truth(said) for _, said in mapped(frame, source, predicate, cost))


def _count(frame: Frame, source: Run, predicate: Run, cost: int) -> int:
    return sum(truth(said) for _, said in mapped(frame, source, predicate, cost))


def _one(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    return _count(frame, source, predicate, cost) == 1


def _filter(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    return [item for item, said in mapped(frame, source, predicate, cost) if truth(said)]


def _map(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    return [said for _, said in mapped(frame, source, predicate, cost)]


def _sum(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    total: int | float = 0
    for _, said in mapped(frame, source, predicate, cost):
        total = plus(total, as_number(said))
    return total


def _found(*, backwards: bool, index: bool) -> Body:
    def body(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
        items = as_list(source(frame))
        for number, (item, said) in enumerate(visited(frame, items, predicate, cost, backwards=backwards)):
            if truth(said):
                place = len(items) - 1 - number if backwards else number
                return place if index else item
        return -1 if index else None

    return body


def _group_by(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    groups: dict[str, list[Value]] = {}
    for item, said in mapped(frame, source, predicate, cost):
        if not isinstance(said, str):
            # differs: the reference groups by any value; a map of ours has texts for keys.
            raise Failure("groupBy groups by texts", "convert the key: groupBy(list, string(.code))")
        groups.setdefault(said, []).append(item)
    return groups


def _sort_by(frame: Frame, source: Run, predicate: Run, cost: int) -> Value:
    pairs = list(mapped(frame, source, predicate, cost))
    return sorted_by([item for item, _ in pairs], [said for _, said in pairs], descending=False)


# Name: whether the predicate has to say yes or no, what comes out, the work.
PREDICATES: dict[str, tuple[bool, Kind, Body]] = {
    "all": (True, BOOL, _all),
    "any": (True, BOOL, _any),
    "none": (True, BOOL, _none),
    "one": (True, BOOL, _one),
    "filter": (True, LIST, _filter),
    "count": (True, INT, _count),
    "find": (True, ANY, _found(backwards=False, index=False)),
    "findLast": (True, ANY, _found(backwards=True, index=False)),
    "findIndex": (True, INT, _found(backwards=False, index=True)),
    "findLastIndex": (True, INT, _found(backwards=True, index=True)),
    "map": (False, LIST, _map),
    "sum": (False, ANY, _sum),
    "groupBy": (False, MAP, _group_by),
    "sortBy": (False, LIST, _sort_by),
}


def reduced(frame: Frame, source: Run, predicate: Run, start: Run | None, cost: int) -> Value:
    """`reduce(list, #acc + #, start)`; without a start the first element is it, and an empty list an error."""
    items, outer = as_list(source(frame)), (frame.item, frame.index, frame.acc)
    if start is None and not items:
        raise Failure("reduce of empty array with no initial value", "give it a third argument to begin with")
    acc = items[0] if start is None else start(frame)
    try:
        for index in range(start is None, len(items)):
            frame.budget.spend(cost)
            frame.item, frame.index, frame.acc = items[index], index, acc
            acc = predicate(frame)
    finally:
        frame.item, frame.index, frame.acc = outer
    return acc
