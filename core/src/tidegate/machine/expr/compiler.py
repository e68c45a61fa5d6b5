"""From a syntax tree to closures, and the checks that the kinds of the values handed in make possible."""

from __future__ import annotations

from tidegate.machine.expr.calls import call
from tidegate.machine.expr.faults import ExpressionError, Failure, Position
from tidegate.machine.expr.frames import Code, Frame, Run, Scope, placed
from tidegate.machine.expr.kinds import (
    ANY,
    BOOL,
    DURATION,
    FLOAT,
    INT,
    MAP,
    NIL,
    Kind,
    joined,
    kind_of,
    list_of,
    open_to,
)
from tidegate.machine.expr.nodes import (
    Array,
    Binary,
    Block,
    Call,
    Choice,
    Comparison,
    Let,
    Literal,
    Name,
    Node,
    Path,
    Pointer,
    Record,
    Sequence,
    Unary,
)  # fmt: skip
from tidegate.machine.expr.operators import OPERATIONS, fits, less, negated, outcome, truth
from tidegate.machine.expr.paths import Walk, walk
from tidegate.machine.expr.values import Value


def compiled(node: Node, scope: Scope) -> Code:
    """The closure of a node. Raises ExpressionError for what can never work with such values.

    Size: one line for each kind of node.
    """
    match node:
        case Literal():
            return _literal(node)
        case Name():
            return _name(node, scope)
        case Pointer():
            return _pointer(node, scope)
        case Unary():
            return _unary(node, scope)
        case Binary():
            return _binary(node, scope)
        case Comparison():
            return _comparison(node, scope)
        case Choice():
            return _choice(node, scope)
        case Let():
            return _let(node, scope)
        case Sequence():
            return _sequence(node, scope)
        case Array():
            return _array(node, scope)
        case Record():
            return _record(node, scope)
        case Path():
            return _path(node, scope)
        case Call():
            return call(node, scope, compiled)
        case Block():
            raise ExpressionError(
                'unexpected token Bracket("{")', node.at, "only all, filter and their kin take a block"
            )
        case _:
            raise ExpressionError(f"{type(node).__name__} cannot stand alone", node.at)


def _literal(node: Literal) -> Code:
    value = node.value
    return Code(kind_of(value), lambda _: value)


def _name(node: Name, scope: Scope) -> Code:
    name = node.name
    if name in scope.locals:
        return Code(scope.locals[name], lambda frame: frame.locals[name])
    if name in scope.names:
        return Code(scope.names[name], lambda frame: frame.names[name])
    if name == "$env":
        return Code(MAP, lambda frame: dict(frame.names))
    known = ", ".join(sorted({*scope.names, *scope.locals})) or "none"
    raise ExpressionError(f"unknown name {name}", node.at, f"names here: {known}; texts need quotes")


def _pointer(node: Pointer, scope: Scope) -> Code:
    if scope.item is None or (node.name == "acc" and scope.acc is None):
        raise ExpressionError(
            f'unexpected token Operator("#{node.name}")', node.at, "it stands for an element in a predicate"
        )
    match node.name:
        case "":
            return Code(scope.item, lambda frame: frame.item)
        case "index":
            return Code(INT, lambda frame: frame.index)
        case "acc":
            return Code(ANY, lambda frame: frame.acc)
        case _:
            raise ExpressionError(f"unknown pointer #{node.name}", node.at, "there are #, #index and, in reduce, #acc")


def _unary(node: Unary, scope: Scope) -> Code:
    op, inner = node.op, compiled(node.operand, scope)
    logical = op in {"not", "!"}
    if not (open_to(inner.kind, BOOL) if logical else open_to(inner.kind, INT, FLOAT, DURATION)):
        advice = "put the comparison in parentheses" if logical else ""
        raise ExpressionError(f"invalid operation: {op} (mismatched type {inner.kind.name})", node.at, advice)
    run = inner.run
    return Code(BOOL if logical else inner.kind, placed(node.at, lambda frame: negated(op, run(frame))))


def _binary(node: Binary, scope: Scope) -> Code:
    left, right = compiled(node.left, scope), compiled(node.right, scope)
    if node.op == "??":
        return _coalesced(left, right)
    _refuse_misfit(node.op, left.kind, right.kind, node.at)
    if node.op == "%" and isinstance(node.right, Literal) and node.right.value == 0:
        raise ExpressionError("integer divide by zero", node.at)
    return Code(_kind(node.op, left.kind, right.kind), placed(node.at, _binary_run(node.op, left.run, right.run)))


def _refuse_misfit(op: str, left: Kind, right: Kind, at: Position) -> None:
    if not fits(op, left, right):
        advice = "convert one side, with asFloat() or string()" if {left, right} - {NIL} else ""
        raise ExpressionError(f"invalid operation: {op} (mismatched types {left.name} and {right.name})", at, advice)


def _kind(op: str, left: Kind, right: Kind) -> Kind:
    if op in {"/", "**", "^"}:
        return FLOAT
    if op in {"+", "-", "*"}:
        return outcome(op, left, right) or ANY
    if op == "?:":
        return joined(BOOL, right)
    return {"..": list_of(INT), "%": INT}.get(op, BOOL)


def _coalesced(left: Code, right: Code) -> Code:
    first, second = left.run, right.run

    def run(frame: Frame) -> Value:
        value = first(frame)
        return second(frame) if value is None else value

    return Code(right.kind if left.kind == NIL else joined(left.kind, right.kind), run)


def _binary_run(op: str, left: Run, right: Run) -> Run:
    if op in {"and", "&&"}:
        return lambda frame: truth(left(frame)) and truth(right(frame))
    if op in {"or", "||"}:
        return lambda frame: truth(left(frame)) or truth(right(frame))
    if op == "?:":
        return lambda frame: truth(left(frame)) or right(frame)
    operate = OPERATIONS[op]
    return lambda frame: operate(left(frame), right(frame), frame.budget)


def _comparison(node: Comparison, scope: Scope) -> Code:
    first = compiled(node.first, scope)
    before, rest = first.kind, []
    for op, at, operand in node.rest:
        code = compiled(operand, scope)
        _refuse_misfit(op, before, code.kind, at)
        before = code.kind
        rest.append((op, at, code.run))
    begin = first.run
    if len(rest) == 1:
        op, at, other = rest[0]
        return Code(BOOL, placed(at, lambda frame: less(op, begin(frame), other(frame))))

    def run(frame: Frame) -> Value:
        left = begin(frame)
        for op, at, operand in rest:
            right = operand(frame)
            try:
                if not less(op, left, right):
                    return False
            except Failure as failure:
                raise ExpressionError(failure.cause, at, failure.advice) from None
            left = right
        return True

    return Code(BOOL, run)


def _choice(node: Choice, scope: Scope) -> Code:
    condition, yes, no = (compiled(part, scope) for part in node.parts)
    if not open_to(condition.kind, BOOL):
        raise ExpressionError(f"non-bool expression (type {condition.kind.name}) used as condition", node.condition.at)
    test, when, otherwise = condition.run, yes.run, no.run
    placed_test = placed(node.at, lambda frame: truth(test(frame)))
    return Code(joined(yes.kind, no.kind), lambda frame: when(frame) if placed_test(frame) else otherwise(frame))


def _let(node: Let, scope: Scope) -> Code:
    name, value = node.name, compiled(node.value, scope)
    if name in scope.names or name in scope.locals:
        raise ExpressionError(f"cannot redeclare variable {name}", node.at, "choose another name")
    body, work = compiled(node.body, scope.knowing(name, value.kind)), value.run

    def run(frame: Frame) -> Value:
        frame.locals[name] = work(frame)
        return body.run(frame)

    return Code(body.kind, run)


def _sequence(node: Sequence, scope: Scope) -> Code:
    codes = [compiled(item, scope) for item in node.items]
    runs = [code.run for code in codes]

    def run(frame: Frame) -> Value:
        value: Value = None
        for step in runs:
            value = step(frame)
        return value

    return Code(codes[-1].kind, run)


def _array(node: Array, scope: Scope) -> Code:
    codes = [compiled(item, scope) for item in node.items]
    runs, kinds = [code.run for code in codes], {code.kind for code in codes}

    def run(frame: Frame) -> Value:
        frame.budget.spend(1 + len(runs) // 8)
        return [each(frame) for each in runs]

    return Code(list_of(kinds.pop() if len(kinds) == 1 else ANY), placed(node.at, run))


def _record(node: Record, scope: Scope) -> Code:
    pairs = [(compiled(pair.key, scope).run, compiled(pair.value, scope).run, pair.key.at) for pair in node.pairs]

    def run(frame: Frame) -> Value:
        frame.budget.spend(1 + len(pairs) // 4)
        made: dict[str, Value] = {}
        for key, value, at in pairs:
            name = key(frame)
            if not isinstance(name, str):
                raise ExpressionError("a key of a map has to be a text", at, "convert it with string()")
            made[name] = value(frame)
        return made

    return Code(MAP, placed(node.at, run))


def _path(node: Path, scope: Scope) -> Code:
    base = compiled(node.base, scope)
    walks: list[Walk] = []
    kind = base.kind
    for step in node.steps:
        found = walk(step, kind, lambda part: compiled(part, scope))
        kind = found.kind
        walks.append(found)
    start = base.run
    optional = any(step.optional for step in node.steps)

    def run(frame: Frame) -> Value:
        value = start(frame)
        for each in walks:
            if value is None and each.optional:
                return None
            try:
                value = each.take(value, frame)
            except Failure as failure:
                raise ExpressionError(failure.cause, each.at, failure.advice) from None
        return value

    return Code(ANY if optional else kind, run)
