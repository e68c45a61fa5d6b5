"""What the machine must not touch, and what no module may contain."""

import ast
from collections.abc import Iterator, Sequence

from house.sources import Finding, Module, imports

# Clock, chance, log, network, threads, process: with one of them a decision could not be replayed.
IMPURE = frozenset({
    "asyncio", "concurrent", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select",
    "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
    "kubernetes", "pluggy", "prometheus_client", "requests", "urllib3",
})  # fmt: skip
CLOCKS = frozenset({"now", "utcnow", "today"})
BUILTINS = frozenset({"open", "print", "input", "breakpoint"})


def impurities(modules: Sequence[Module]) -> Iterator[Finding]:
    """Imports, clocks and built-in I/O in modules that have to be pure."""
    for module in modules:
        for found in imports(module):
            if found.module.partition(".")[0] in IMPURE:
                yield Finding(
                    module.path,
                    found.line,
                    f"the machine is pure and must not import {found.module}; `now` is a field of what was observed",
                )
        yield from _clocks(module)
        yield from _calls(module)


def _clocks(module: Module) -> Iterator[Finding]:
    """Any mention of `datetime.now` and its kin, called or handed on, under whatever name datetime was imported."""
    aliases = {"datetime", "date"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            aliases |= {alias.asname for alias in node.names if alias.asname and alias.name in {"datetime", "date"}}
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(attr=clock, value=ast.Name(id=owner) | ast.Attribute(attr=owner)) if (
                clock in CLOCKS and owner in aliases
            ):
                yield Finding(module.path, node.lineno, f"the machine has no clock: {owner}.{clock}")
            case _:
                pass


def _calls(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in BUILTINS:
                yield Finding(module.path, node.lineno, f"the machine does no I/O: {name}()")
            case _:
                pass


def type_checking(modules: Sequence[Module]) -> Iterator[Finding]:
    """Mentions of TYPE_CHECKING, which hides an import cycle instead of removing it."""
    for module in modules:
        for node in ast.walk(module.tree):
            match node:
                case (
                    ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING") | ast.alias(name="TYPE_CHECKING")
                ):
                    yield Finding(
                        module.path,
                        node.lineno,
                        "no TYPE_CHECKING: if two modules need each other's types, a lower module is missing",
                    )
                case _:
                    pass
