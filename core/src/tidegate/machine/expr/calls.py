"""Calls of functions: how many arguments, of which kind, and what `result` has to do with two of them."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.machine.expr.faults import ExpressionError, Failure
from tidegate.machine.expr.frames import Code, Frame, Scope, placed
from tidegate.machine.expr.functions import FUNCTIONS, Function
from tidegate.machine.expr.kinds import ANY, BOOL, TIME, Kind, list_of, open_to
from tidegate.machine.expr.nodes import Block, Call, Node
from tidegate.machine.expr.predicates import NODES_A_STEP, PREDICATES, reduced
from tidegate.machine.expr.values import Value

Compile = Callable[[Node, Scope], Code]
# They look at `result`, so they are known only where there is one, as in a metric's conditions.
_OF_RESULT = {"isNil": 1, "default": 2}
_CONVERSIONS = frozenset({"asInt", "asFloat"})


def call(node: Call, scope: Scope, compiled: Compile) -> Code:
    """The closure of a call. Raises ExpressionError for an unknown function or arguments that do not fit."""
    name = node.name
    if name in PREDICATES and len(node.arguments) == 2:
        return _predicate(node, scope, compiled)
    if name == "reduce":
        return _reduce(node, scope, compiled)
    if name == "now":
        return _now(node)
    if name in _OF_RESULT and "result" in scope.names:
        return _of_result(node, scope, compiled)
    if name in ("sum", "count") and len(node.arguments) == 1:
        return _without_predicate(node, scope, compiled)
    function = FUNCTIONS.get(name)
    if function is not None and (name not in _CONVERSIONS or "result" in scope.names):
        return _function(node, function, scope, compiled)
    if name in PREDICATES:
        raise ExpressionError(f"{name} takes a list and a predicate", node.at, f"write {name}(list, # > 1)")
    raise ExpressionError(f"unknown name {name}", node.at, "there is no such function")


def _function(node: Call, function: Function, scope: Scope, compiled: Compile) -> Code:
    name, count = node.name, len(node.arguments)
    if count < function.least or (count > len(function.takes) and not function.many):
        raise ExpressionError(
            f"invalid number of arguments to call {name} (expected {function.least}, got {count})", node.at
        )
    codes = [compiled(part, scope) for part in node.arguments]
    for index, code in enumerate(codes):
        if not function.accepts(index, code.kind):
            raise ExpressionError(
                f"cannot use {code.kind.name} as argument (type {function.wanted(index)}) to call {name}",
                node.arguments[index].at,
            )
    runs, body = [code.run for code in codes], function.body
    return Code(function.gives, placed(node.at, lambda frame: body([run(frame) for run in runs], frame.budget)))


def _list(node: Call, scope: Scope, compiled: Compile) -> tuple[Code, Kind]:
    source = compiled(node.arguments[0], scope)
    if source.kind != ANY and source.kind.element is None:
        raise ExpressionError(
            f"builtin {node.name} takes only array (got {source.kind.name})",
            node.arguments[0].at,
            "compare it directly",
        )
    return source, source.kind.element or ANY


def _body(node: Node) -> Node:
    return node.body if isinstance(node, Block) else node


def _cost(body: Node) -> int:
    return 1 + body.count // NODES_A_STEP


def _predicate(node: Call, scope: Scope, compiled: Compile) -> Code:
    yes_or_no, gives, work = PREDICATES[node.name]
    source, item = _list(node, scope, compiled)
    body = _body(node.arguments[1])
    predicate = compiled(body, scope.inside(item, scope.acc))
    if yes_or_no and not open_to(predicate.kind, BOOL):
        raise ExpressionError(f"predicate should return boolean (got {predicate.kind.name})", body.at, "compare it")
    kind = {"map": list_of(predicate.kind), "filter": list_of(item), "sortBy": list_of(item)}.get(node.name, gives)
    cost = _cost(body)
    return Code(kind, placed(node.at, lambda frame: work(frame, source.run, predicate.run, cost)))


def _without_predicate(node: Call, scope: Scope, compiled: Compile) -> Code:
    source, _ = _list(node, scope, compiled)
    _, gives, work = PREDICATES[node.name]
    return Code(gives, placed(node.at, lambda frame: work(frame, source.run, _element, 1)))


def _element(frame: Frame) -> Value:
    return frame.item


def _reduce(node: Call, scope: Scope, compiled: Compile) -> Code:
    if len(node.arguments) not in (2, 3):
        raise ExpressionError(f"reduce takes a list, a predicate and a start (got {len(node.arguments)})", node.at)
    source, item = _list(node, scope, compiled)
    body = _body(node.arguments[1])
    predicate = compiled(body, scope.inside(item, ANY))
    start = compiled(node.arguments[2], scope).run if len(node.arguments) == 3 else None
    cost = _cost(body)
    return Code(ANY, placed(node.at, lambda frame: reduced(frame, source.run, predicate.run, start, cost)))


def _now(node: Call) -> Code:
    if node.arguments:
        raise ExpressionError("invalid number of arguments to call now (expected 0)", node.at)
    return Code(TIME, placed(node.at, _moment))


def _moment(frame: Frame) -> Value:
    if frame.now is None:
        raise Failure("now() is not known here")
    return frame.now


def _of_result(node: Call, scope: Scope, compiled: Compile) -> Code:
    """`isNil(x)` and `default(x, d)` ignore x and look at the whole result, as the reference does."""
    wanted = _OF_RESULT[node.name]
    if len(node.arguments) != wanted:
        raise ExpressionError(f"invalid number of arguments to call {node.name} (expected {wanted})", node.at)
    codes = [compiled(part, scope) for part in node.arguments]
    if node.name == "isNil":
        return Code(BOOL, lambda frame: frame.names["result"] is None)
    fallback = codes[1].run

    def run(frame: Frame) -> Value:
        found = frame.names["result"]
        return fallback(frame) if found is None else found

    return Code(ANY, run)
