"""Puts a flat chain of operands and operators in order, by precedence.

Source: expr-lang parser/operator and parser/parser.go, version 1.17.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from tidegate.machine.expr.faults import ExpressionError, Position
from tidegate.machine.expr.limits import DEPTH
from tidegate.machine.expr.nodes import Binary, Call, Comparison, Fetch, Method, Node, Path, Slice, Unary

N = TypeVar("N", bound=Node)
PRECEDENCE = (
    {"or": 10, "||": 10, "and": 15, "&&": 15, "..": 25, "+": 30, "-": 30, "*": 60, "/": 60, "%": 60}
    | dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "matches", "contains", "startsWith", "endsWith"), 20)
    | {"**": 100, "^": 100, "??": 500}
)
PREFIX = {"not": 50, "!": 50, "-": 90, "+": 90}
ORDER = frozenset({"<", "<=", ">", ">="})
POWER = frozenset({"**", "^"})


@dataclass(frozen=True, slots=True)
class Prefix:
    """An operator before an operand."""

    op: str
    at: Position


@dataclass(frozen=True, slots=True)
class Infix:
    """An operator between operands; `negated` where `not` stands before it."""

    op: str
    at: Position
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Pipe:
    """`| name(arguments)` and the steps after it; takes the operand before it as first argument."""

    call: Call
    steps: tuple[Fetch | Slice | Method, ...]

    def fed(self, operand: Node) -> Node:
        """The call with `operand` in front."""
        call = Call(self.call.at, self.call.name, (operand, *self.call.arguments))
        return checked(Path(call.at, checked(call), self.steps)) if self.steps else checked(call)


def checked(node: N) -> N:
    """The node itself, unless it is too deep."""
    if node.depth > DEPTH:
        raise ExpressionError(
            f"the expression is nested deeper than {DEPTH} levels", node.at, "name parts of it with let, or split it"
        )
    return node


class Chain:
    """A cursor over the items of one chain."""

    def __init__(self, items: list[Node | Prefix | Infix | Pipe]) -> None:
        self._items, self._next, self._level = items, 0, 0

    def tree(self) -> Node:
        """The whole chain as one node."""
        return self._climb(0)

    def _peek(self) -> Node | Prefix | Infix | Pipe | None:
        return self._items[self._next] if self._next < len(self._items) else None

    def _climb(self, lowest: int) -> Node:
        self._level += 1
        left, before = self._operand(), ""
        while (item := self._peek()) is not None:
            if isinstance(item, Pipe):
                if lowest > 0:
                    break
                self._next += 1
                left, before = item.fed(left), "|"
                continue
            if not isinstance(item, Infix) or PRECEDENCE[item.op] < lowest:
                break
            if before == "??" and item.op != "??":
                raise ExpressionError(
                    f"Operator ({item.op}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses.",
                    item.at,
                )
            left, before = self._joined(left, item), item.op
        self._level -= 1
        return left

    def _joined(self, left: Node, infix: Infix) -> Node:
        if infix.op in ORDER:
            return self._comparison(left)
        self._next += 1
        right = self._climb(PRECEDENCE[infix.op] + (infix.op not in POWER))
        node = checked(Binary(infix.at, infix.op, left, right))
        return checked(Unary(infix.at, "not", node)) if infix.negated else node

    def _comparison(self, first: Node) -> Node:
        rest: list[tuple[str, Position, Node]] = []
        while isinstance(item := self._peek(), Infix) and item.op in ORDER:
            self._next += 1
            rest.append((item.op, item.at, self._climb(PRECEDENCE[item.op] + 1)))
        return checked(Comparison(rest[0][1], first, tuple(rest)))

    def _operand(self) -> Node:
        item = self._peek()
        self._next += 1
        if isinstance(item, Prefix):
            if self._level > DEPTH:
                raise ExpressionError(f"more than {DEPTH} operators wait for one operand", item.at, "use parentheses")
            return checked(Unary(item.at, item.op, self._climb(PREFIX[item.op])))
        if not isinstance(item, Node):
            raise ExpressionError("an operand is missing")  # the grammar has one behind each operator
        if self._level > DEPTH:
            raise ExpressionError(f"more than {DEPTH} operators wait for one operand", item.at, "use parentheses")
        return item
