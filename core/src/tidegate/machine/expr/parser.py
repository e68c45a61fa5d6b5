"""From text to a syntax tree. The tree is built while the text is read, bottom up, so no depth of text recurses."""

# ruff: noqa: ARG002  (a method is handed all tokens of its rule)

from __future__ import annotations

from functools import cache, lru_cache

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from tidegate.machine.expr.chains import Chain, Infix, Pipe, Prefix, checked
from tidegate.machine.expr.faults import ExpressionError, Position
from tidegate.machine.expr.grammar import GRAMMAR
from tidegate.machine.expr.limits import NODES, TEXT
from tidegate.machine.expr.literals import number, unquoted
from tidegate.machine.expr.nodes import (
    Array,
    Binary,
    Block,
    Call,
    Choice,
    Fetch,
    Let,
    Literal,
    Method,
    Name,
    Node,
    Pair,
    Path,
    Pointer,
    Record,
    Sequence,
    Slice,
)  # fmt: skip

Step = Fetch | Slice | Method


def at(token: Token) -> Position:
    """Where a token begins."""
    return Position(token.line or 1, token.column or 1)


@lru_cache(maxsize=256)  # a tree takes up to 100 KiB; a controller has fewer conditions than metrics
def parse(text: str) -> Node:
    """The tree of an expression. Raises ExpressionError with the place where reading stopped."""
    if len(text) > TEXT:
        raise ExpressionError(
            f"the expression has {len(text)} characters, at most {TEXT} are read", advice="move work into the query"
        )
    try:
        tree = _lark().parse(text)
    except UnexpectedInput as error:
        raise _unread(error, text) from None
    if not isinstance(tree, Node):
        raise ExpressionError("the expression is no expression")
    if tree.count > NODES:
        raise ExpressionError(f"the expression has {tree.count} nodes, at most {NODES} are allowed")
    return tree


@cache
def _lark() -> Lark:
    return Lark(
        GRAMMAR, parser="lalr", lexer="contextual", start="sequence", transformer=Builder(), maybe_placeholders=False
    )


def _unread(error: UnexpectedInput, text: str) -> ExpressionError:
    if isinstance(error, UnexpectedCharacters):
        found = text[error.pos_in_stream or 0]
        what = "literal not terminated" if found in "'\"`" else f"unexpected character {found!r}"
        return ExpressionError(
            what, Position(error.line, error.column), "see the language's page for what may stand here"
        )
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return ExpressionError(f"unexpected token {_shown(error.token)}", at(error.token))
    lines = text.split("\n")
    return ExpressionError(
        "unexpected token EOF", Position(len(lines), max(len(lines[-1]), 1)), "something must follow"
    )


def _shown(token: Token) -> str:
    kinds = {"NUMBER": "Number", "NAME": "Identifier", "STRING": "String", "RAW": "String"}
    kind = "Bracket" if str(token) in set("()[]{}") else kinds.get(token.type, "Operator")
    return f'{kind}("{token}")'


@v_args(inline=True)
class Builder(Transformer[Token, Node]):
    """Makes a node of each rule of the grammar; the methods bear the rules' names."""

    def sequence(self, *items: Node) -> Node:
        return items[0] if len(items) == 1 else checked(Sequence(items[0].at, items))

    def let(self, word: Token, name: Token, value: Node, body: Node) -> Node:
        return checked(Let(at(name), str(name), value, body))

    def conditional(self, word: Token, condition: Node, yes: Node, other: Token, no: Node) -> Node:
        return checked(Choice(condition.at, condition, yes, no))

    def choice(self, condition: Node, mark: Token, yes: Node, no: Node) -> Node:
        return checked(Choice(condition.at, condition, yes, no))

    def elvis(self, condition: Node, mark: Token, no: Node) -> Node:
        return checked(Binary(at(mark), "?:", condition, no))

    def chain(self, *parts: list[Node | Prefix] | Infix | Pipe) -> Node:
        items: list[Node | Prefix | Infix | Pipe] = []
        for part in parts:
            items.extend(part if isinstance(part, list) else [part])
        return Chain(items).tree()

    def infix(self, *tokens: Token) -> Infix:
        return Infix(str(tokens[-1]), at(tokens[0]), negated=len(tokens) > 1)

    def operand(self, *parts: Token | Node) -> list[Node | Prefix]:
        return [part if isinstance(part, Node) else Prefix(str(part), at(part)) for part in parts]

    def literal(self, token: Token) -> Node:
        if token.type == "NUMBER":
            return Literal(at(token), number(str(token), at(token)))
        return Literal(at(token), {"true": True, "false": False}.get(str(token)))

    def pipe(self, mark: Token, name: Token, arguments: tuple[Node, ...], *steps: Step) -> Pipe:
        return Pipe(Call(at(name), str(name), arguments), steps)

    def path(self, base: Node, *steps: Step) -> Node:
        return checked(Path(base.at, base, steps)) if steps else base

    def name(self, token: Token) -> Node:
        return Name(at(token), str(token))

    def call(self, name: Token, arguments: tuple[Node, ...]) -> Node:
        return checked(Call(at(name), str(name), arguments))

    def group(self, inner: Node) -> Node:
        return inner

    def array(self, mark: Token, *items: Node) -> Node:
        return checked(Array(at(mark), items))

    def record(self, mark: Token, *pairs: Pair) -> Node:
        return checked(Record(at(mark), pairs))

    def pair(self, key: Node, value: Node) -> Node:
        return checked(Pair(key.at, key, value))

    def key(self, key: Token | Node) -> Node:
        if isinstance(key, Node):
            return key
        quoted = key.type in {"STRING", "RAW"}
        return Literal(at(key), unquoted(str(key), at(key)) if quoted else str(key))

    def text(self, token: Token) -> Node:
        return Literal(at(token), unquoted(str(token), at(token)))

    def pointer(self, token: Token) -> Node:
        return Pointer(at(token), str(token)[1:])

    def field(self, dot: Token, name: Token) -> Node:
        return Path(at(dot), Pointer(at(dot), ""), (self._fetch(name, optional=False),))

    def arguments(self, *items: Node) -> tuple[Node, ...]:
        return items

    def block(self, mark: Token, body: Node) -> Node:
        return checked(Block(at(mark), body))

    def member(self, mark: Token, name: Token) -> Step:
        return self._fetch(name, optional=mark.type == "OPT")

    def method(self, mark: Token, name: Token, arguments: tuple[Node, ...]) -> Step:
        return checked(Method(at(name), str(name), arguments, mark.type == "OPT"))

    def index(self, *parts: Token | Node) -> Step:
        key, mark = parts[-1], parts[-2]
        if not isinstance(key, Node) or not isinstance(mark, Token):
            raise ExpressionError("an index is missing")  # the grammar has one between the brackets
        return checked(Fetch(at(mark), key, optional=len(parts) > 2))

    def slice(self, *parts: Token | Node | None) -> Step:
        start, stop = (part if isinstance(part, Node) else None for part in parts[-2:])
        mark = parts[-3]
        place = at(mark) if isinstance(mark, Token) else Position(1, 1)
        return checked(Slice(place, start, stop, optional=len(parts) > 3))

    def start(self, *bound: Node) -> Node | None:
        return bound[0] if bound else None

    def stop(self, *bound: Node) -> Node | None:
        return bound[0] if bound else None

    @staticmethod
    def _fetch(name: Token, *, optional: bool) -> Fetch:
        return Fetch(at(name), Literal(at(name), str(name)), optional)
