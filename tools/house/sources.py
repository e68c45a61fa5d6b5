"""Modules as syntax trees, what they import, and what a rule says about them."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of a rule: where, and what to do about it."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """One source file under its dotted import name."""

    name: str
    path: Path
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def package(self) -> bool:
        """Whether it is the `__init__` of a package."""
        return self.path.name == "__init__.py"


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's target: `module`, and for the `from` form the `names` taken out of it."""

    module: str
    names: tuple[str, ...]
    line: int

    def under(self, prefix: str) -> bool:
        """Whether the target is `prefix` or lies inside it."""
        return self.module == prefix or self.module.startswith(prefix + ".")


def read(root: Path) -> list[Module]:
    """Every module below `root`, a folder on the import path, sorted by name. One that does not parse: SyntaxError."""
    return sorted((_module(root, path) for path in root.rglob("*.py")), key=lambda module: module.name)


def _module(root: Path, path: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Module(name, path, text, ast.parse(text, filename=str(path)))


def imports(module: Module) -> Iterator[Import]:
    """Everything it imports, also inside functions, by relative form or by a literal name given to `import_module`."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                yield from (Import(alias.name, (), node.lineno) for alias in names)
            case ast.ImportFrom(names=names):
                yield Import(_absolute(module, node), tuple(alias.name for alias in names), node.lineno)
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if _called(node) in {"import_module", "__import__"}:
                yield Import(name, (), node.lineno)
            case _:
                pass


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    base = parts[: len(parts) - node.level + (1 if module.package else 0)]
    return ".".join([*base, *([node.module] if node.module else [])])


def targets(found: Import, known: Iterable[str]) -> set[str]:
    """Modules among `known` that an import leads to: `p.m` for `from p import m` if that is a module, else `p`."""
    names = set(known)
    inside = {f"{found.module}.{name}" for name in found.names}
    modules = inside & names
    if not found.names or inside - names:
        modules |= {found.module} & names
    return modules


def exported(module: Module) -> frozenset[str] | None:
    """The names in its `__all__`, or None where it has none that can be read without running it."""
    for node in module.tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                return frozenset(ast.literal_eval(value))
            case _:
                pass
    return None


def listing(findings: Iterable[Finding]) -> str:
    """The findings one a line, sorted, to show in an assertion."""
    return "\n".join(sorted(f"{finding}" for finding in findings))
