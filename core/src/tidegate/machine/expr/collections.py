"""Functions on lists and maps."""

# ruff: noqa: ARG001  (every operation is handed the budget, whether it needs it or not)

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.limits import Budget
from tidegate.machine.expr.operators import same
from tidegate.machine.expr.values import LISTS, NUMBERS, Floats, List, Value, go_type


def as_list(value: Value) -> List:
    """The value itself where it is a list. Raises Failure."""
    if isinstance(value, LISTS):
        return value
    raise Failure(f"cannot use {go_type(value)} as an array")


def as_map(value: Value) -> dict[str, Value]:
    """The value itself where it is a map. Raises Failure."""
    if isinstance(value, dict):
        return value
    raise Failure(f"cannot use {go_type(value)} as a map")


def as_count(value: Value) -> int:
    """The value itself where it is an int. Raises Failure."""
    if type(value) is int:
        return value
    raise Failure(f"cannot use {go_type(value)} as an integer", "convert it with int()")


def length(given: Sequence[Value], budget: Budget) -> Value:
    """Elements of a list or map, code points of a text."""
    if isinstance(given[0], str | dict | list | tuple | range):
        return len(given[0])
    raise Failure(f"invalid argument for len (type {go_type(given[0])})")


def first(given: Sequence[Value], budget: Budget) -> Value:
    """The first element, nil where there is none."""
    items = as_list(given[0])
    return items[0] if items else None


def last(given: Sequence[Value], budget: Budget) -> Value:
    """The last element, nil where there is none."""
    items = as_list(given[0])
    return items[-1] if items else None


def take(given: Sequence[Value], budget: Budget) -> Value:
    """The first elements, as many as there are."""
    items, count = as_list(given[0]), as_count(given[1])
    if count < 0:
        raise Failure(f"cannot take {count} elements")
    budget.spend(min(count, len(items)))
    return cut(items, 0, count)


def cut(items: List, start: int, stop: int) -> List:
    """A part of a list, which stays typed where the list is."""
    if isinstance(items, Floats):
        typed: Value = Floats(items[start:stop])
        return as_list(typed)
    return items[start:stop]


def get(given: Sequence[Value], budget: Budget) -> Value:
    """The element at an index or under a key; nil where there is none, and from nil."""
    owner, key = given
    if owner is None:
        return None
    if isinstance(owner, dict):
        return owner.get(key) if isinstance(key, str) else None
    items, index = as_list(owner), as_count(key)
    return items[index] if -len(items) <= index < len(items) else None


def keys(given: Sequence[Value], budget: Budget) -> Value:
    """The keys of a map, in its own order."""
    found = as_map(given[0])
    budget.spend(len(found))
    return list(found)


def values(given: Sequence[Value], budget: Budget) -> Value:
    """The values of a map, in its own order."""
    found = as_map(given[0])
    budget.spend(len(found))
    return list(found.values())


def to_pairs(given: Sequence[Value], budget: Budget) -> Value:
    """A list of [key, value]."""
    found = as_map(given[0])
    budget.spend(2 * len(found))
    return [[key, value] for key, value in found.items()]


def from_pairs(given: Sequence[Value], budget: Budget) -> Value:
    """A map from a list of [key, value]; keys are texts."""
    made: dict[str, Value] = {}
    for item in as_list(given[0]):
        budget.spend(1)
        pair = as_list(item)
        if len(pair) != 2 or not isinstance(pair[0], str):
            raise Failure("fromPairs takes pairs of a text and a value")
        made[pair[0]] = pair[1]
    return made


def backwards(given: Sequence[Value], budget: Budget) -> Value:
    """The elements from the last to the first."""
    items = as_list(given[0])
    budget.spend(len(items))
    return list(reversed(items))


def ordered(given: Sequence[Value], budget: Budget) -> Value:
    """The elements sorted, `desc` as second argument turns them round."""
    items = as_list(given[0])
    budget.spend(len(items))
    return sorted_by(list(items), list(items), descending=descending(given[1] if len(given) > 1 else "asc"))


def descending(word: Value) -> bool:
    """Whether `desc` was asked for. Raises Failure for anything but `asc` and `desc`."""
    if word not in ("asc", "desc"):
        raise Failure("the order of a sort is 'asc' or 'desc'")
    return word == "desc"


def sorted_by(items: list[Value], by: list[Value], *, descending: bool) -> list[Value]:
    """`items` in the order of `by`, which holds numbers or texts and no mixture. Raises Failure."""
    if not (all(type(key) in NUMBERS for key in by) or all(isinstance(key, str) for key in by)):
        raise Failure("only numbers, or only texts, can be sorted", "convert them first: map(list, float(#))")
    order = sorted(range(len(items)), key=lambda index: by[index], reverse=descending)  # type: ignore[arg-type,return-value]
    return [items[index] for index in order]


def unique(given: Sequence[Value], budget: Budget) -> Value:
    """The elements without repetitions, the first of each kept."""
    kept: list[Value] = []
    for item in as_list(given[0]):
        budget.spend(1 + len(kept) // 4)
        if not any(same(item, other, budget) for other in kept):
            kept.append(item)
    return kept


def concatenated(given: Sequence[Value], budget: Budget) -> Value:
    """All lists as one."""
    lists = [as_list(item) for item in given]
    budget.spend(sum(map(len, lists)))
    return list(chain.from_iterable(lists))


def flat(given: Sequence[Value], budget: Budget) -> Value:
    """A list without lists in it. Lists deeper than the bound are refused."""
    made: list[Value] = []
    open_lists = [iter(as_list(given[0]))]
    while open_lists:
        budget.deeper(len(open_lists) - 1)
        for item in open_lists[-1]:
            budget.spend(1)
            if isinstance(item, LISTS):
                open_lists.append(iter(item))
                break
            made.append(item)
        else:
            open_lists.pop()
    return made
