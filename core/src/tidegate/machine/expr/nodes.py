"""The syntax tree. Every node knows its place, its depth and how many nodes it holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tidegate.machine.expr.faults import Position
from tidegate.machine.expr.values import Value


@dataclass(frozen=True)
class Node:
    """What all nodes have."""

    at: Position

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return ()

    @cached_property
    def depth(self) -> int:
        """Levels below and with this node. Asked bottom up, so it never recurses far."""
        return 1 + max((part.depth for part in self.parts), default=0)

    @cached_property
    def count(self) -> int:
        """Nodes below and with this node."""
        return 1 + sum(part.count for part in self.parts)


@dataclass(frozen=True)
class Literal(Node):
    """A number, a text, true, false or nil."""

    value: Value


@dataclass(frozen=True)
class Name(Node):
    """A variable, or the name of a function that is called."""

    name: str


@dataclass(frozen=True)
class Pointer(Node):
    """`#` (name empty), `#acc` or `#index`."""

    name: str


@dataclass(frozen=True)
class Unary(Node):
    """`not ! - +` before an operand."""

    op: str
    operand: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True)
class Binary(Node):
    """Two operands and what stands between."""

    op: str
    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Comparison(Node):
    """`a < b <= c`: each operand is worked out once, or nested chains would double their cost at each level."""

    first: Node
    rest: tuple[tuple[str, Position, Node], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.first, *(node for _, _, node in self.rest))


@dataclass(frozen=True)
class Choice(Node):
    """`a ? b : c` and `if a {b} else {c}`."""

    condition: Node
    yes: Node
    no: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.condition, self.yes, self.no)


@dataclass(frozen=True)
class Let(Node):
    """`let name = value; body`."""

    name: str
    value: Node
    body: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value, self.body)


@dataclass(frozen=True)
class Sequence(Node):
    """`a; b`: the value of the last."""

    items: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True)
class Array(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True)
class Pair(Node):
    """One entry of a map literal."""

    key: Node
    value: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.key, self.value)


@dataclass(frozen=True)
class Record(Node):
    """`{key: value}`."""

    pairs: tuple[Pair, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.pairs


@dataclass(frozen=True)
class Block(Node):
    """`{predicate}`, which only stands as an argument."""

    body: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.body,)


@dataclass(frozen=True)
class Call(Node):
    """`name(arguments)`."""

    name: str
    arguments: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.arguments


@dataclass(frozen=True)
class Fetch(Node):
    """`.key`, `[key]`: one step of a path. `optional` ends the path with nil where there is nothing to fetch from."""

    key: Node
    optional: bool

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.key,)


@dataclass(frozen=True)
class Slice(Node):
    """`[start:stop]`: one step of a path."""

    start: Node | None
    stop: Node | None
    optional: bool

    @property
    def parts(self) -> tuple[Node, ...]:
        return tuple(part for part in (self.start, self.stop) if part is not None)


@dataclass(frozen=True)
class Method(Node):
    """`.name(arguments)`: one step of a path."""

    name: str
    arguments: tuple[Node, ...]
    optional: bool

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.arguments


@dataclass(frozen=True)
class Path(Node):
    """A value and the steps taken from it."""

    base: Node
    steps: tuple[Fetch | Slice | Method, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.base, *self.steps)
