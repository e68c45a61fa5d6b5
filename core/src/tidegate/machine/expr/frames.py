"""What a compiled expression works on: the names and the budget of one evaluation, and what `#` stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tidegate.machine.expr.faults import ExpressionError, Failure, Position
from tidegate.machine.expr.kinds import Kind
from tidegate.machine.expr.limits import Budget
from tidegate.machine.expr.values import Value


class Frame:
    """One evaluation. `item`, `index` and `acc` are those of the innermost predicate."""

    __slots__ = ("acc", "budget", "index", "item", "locals", "names", "now")

    def __init__(self, names: Mapping[str, Value], now: datetime | None) -> None:
        self.names, self.now, self.budget = names, now, Budget()
        self.locals: dict[str, Value] = {}
        self.item: Value = None
        self.index: Value = None
        self.acc: Value = None


Run = Callable[[Frame], Value]


@dataclass(frozen=True, slots=True)
class Code:
    """What a node was compiled to, and what is known of its value."""

    kind: Kind
    run: Run


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be named at a place. `item` is None outside of a predicate, `acc` outside of a reduce."""

    names: Mapping[str, Kind]
    locals: Mapping[str, Kind] = field(default_factory=dict)
    item: Kind | None = None
    acc: Kind | None = None

    def inside(self, item: Kind, acc: Kind | None = None) -> Scope:
        """The scope of a predicate over such items."""
        return replace(self, item=item, acc=acc)

    def knowing(self, name: str, kind: Kind) -> Scope:
        """The scope after a `let`."""
        return replace(self, locals={**self.locals, name: kind})


def placed(at: Position, run: Run) -> Run:
    """`run` with the place of its node added to what it cannot do."""

    def body(frame: Frame) -> Value:
        try:
            return run(frame)
        except Failure as failure:
            raise ExpressionError(failure.cause, at, failure.advice) from None

    return body
