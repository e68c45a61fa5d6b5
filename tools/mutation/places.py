"""Places in the machine's source that can be changed, and the code that comes of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parent.parent.parent
MACHINE = ROOT / "core" / "src" / "tidegate" / "machine"

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
EXTREMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed place: `id` is module, function, kind and number; `what` shows the change."""

    id: str
    path: Path
    function: str
    tree: ast.Module
    place: ast.expr
    changed: ast.expr

    @property
    def line(self) -> int:
        return self.place.lineno

    @property
    def what(self) -> str:
        """The change, for people."""
        return f"{ast.unparse(self.place)}  ->  {ast.unparse(self.changed)}"

    def code(self) -> CodeType:
        """The changed module. To be called once, in a fork: the tree is shared by all mutants of the module."""
        place, changed = self.place, ast.copy_location(self.changed, self.place)

        class Swap(ast.NodeTransformer):
            def visit(self, node: ast.AST) -> ast.AST:
                return changed if node is place else self.generic_visit(node)

        Swap().visit(self.tree)
        code = compile(ast.fix_missing_locations(self.tree), str(self.path), "exec")
        assert isinstance(code, CodeType)
        return code


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of one module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = ".".join(path.relative_to(MACHINE).with_suffix("").parts)
    counts: dict[tuple[str, str], int] = {}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for place in [node for statement in function.body for node in ast.walk(statement)]:
            for kind, changed in _changes(place):
                number = counts[function.name, kind] = counts.get((function.name, kind), 0) + 1
                name = f"{module}.{function.name}:{kind}{number}"
                assert isinstance(place, ast.expr)
                yield Mutant(name, path, function.name, tree, place, changed)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Compare(left, [op], rest) if type(op) in COMPARISONS:
            yield "compare", ast.Compare(left, [COMPARISONS[type(op)]()], rest)
        case ast.BoolOp(op, values):
            yield "logic", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield "not", operand
        case ast.IfExp(test, body, orelse):
            yield "choice", ast.IfExp(test, orelse, body)
        case ast.Constant(bool() as value):
            yield "flag", ast.Constant(not value)
        case ast.Constant(int() as value):
            yield "number", ast.Constant(value + 1)
        case ast.BinOp(left, (ast.Add() | ast.Sub()) as op, right) if not _is_text(left) and not _is_text(right):
            yield "sum", ast.BinOp(left, ast.Sub() if isinstance(op, ast.Add) else ast.Add(), right)
        case ast.Call(ast.Name(name), arguments, keywords) if name in EXTREMES:
            yield "extreme", ast.Call(ast.Name(EXTREMES[name], ast.Load()), arguments, keywords)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def every() -> list[Mutant]:
    """All mutants of the machine, in the order of the files."""
    return [mutant for path in sorted(MACHINE.rglob("*.py")) for mutant in mutants(path)]
