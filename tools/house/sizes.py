"""How long modules and functions are, and what is too long."""

import ast
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from house.sources import Finding, Module

MODULE_SOFT = 300  # style page: a module has at most 300 lines
MODULE_HARD = 400  # above it is refused; between the two it is named in the report
FUNCTION_HARD = 60  # style page: none above 60 lines without a reason
PARAMETERS_HARD = 6  # style page: more means that a type is missing

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Function:
    """One function's measures. `lines` leaves out decorators and docstring: documenting must cost nothing."""

    name: str
    path: Path
    line: int
    lines: int
    parameters: int
    reason: bool
    command: bool


@dataclass(frozen=True, slots=True)
class Sizes:
    """The measures of a set of modules."""

    modules: tuple[tuple[Path, int], ...]
    functions: tuple[Function, ...]


def measure(modules: Sequence[Module]) -> Sizes:
    """Counts lines and parameters."""
    functions = [
        _function(module, node) for module in modules for node in ast.walk(module.tree) if isinstance(node, Definition)
    ]
    return Sizes(tuple((module.path, len(module.text.splitlines())) for module in modules), tuple(functions))


def _function(module: Module, node: Definition) -> Function:
    doc = ast.get_docstring(node) or ""
    first = node.body[0]
    doc_lines = (first.end_lineno or first.lineno) - first.lineno + 1 if doc else 0
    lines = (node.end_lineno or node.lineno) - node.lineno + 1 - doc_lines
    return Function(node.name, module.path, node.lineno, lines, _parameters(node), "Size:" in doc, _command(node))


def _parameters(node: Definition) -> int:
    """Parameters a caller can give: without self and cls; a star counts as one, a flag of the terminal not at all."""
    given = node.args
    names = [argument.arg for argument in [*given.posonlyargs, *given.args, *given.kwonlyargs] if not _flag(argument)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    return len(names) + (given.vararg is not None) + (given.kwarg is not None)


def _flag(argument: ast.arg) -> bool:
    """Whether typer fills it from the command line: `Annotated[..., typer.Option(...)]`."""
    return argument.annotation is not None and "typer." in ast.unparse(argument.annotation)


def _command(node: Definition) -> bool:
    """Whether it is a command of a terminal application: its parameters are its flags, which no type could gather."""
    calls = [decorator.func for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in {"command", "callback"} for call in calls)


def oversized(sizes: Sizes) -> Iterator[Finding]:
    """What is above a hard limit."""
    for path, lines in sizes.modules:
        if lines > MODULE_HARD:
            yield Finding(
                path,
                1,
                f"{lines} lines in one module; {MODULE_SOFT} are wanted, {MODULE_HARD} are the limit: split it by noun",
            )
    for each in sizes.functions:
        if each.lines > FUNCTION_HARD and not each.reason:
            yield Finding(
                each.path,
                each.line,
                f"{each.name}: {each.lines} lines, over {FUNCTION_HARD}: split it, or say why under `Size:` in the doc",
            )
        if each.parameters > PARAMETERS_HARD and not each.command:
            yield Finding(
                each.path,
                each.line,
                f"{each.name} takes {each.parameters} parameters, limit {PARAMETERS_HARD}: a type is missing",
            )


def table(named: Sequence[tuple[str, Sizes]], root: Path) -> Iterator[str]:
    """The report: a line for each package, then what is above the wanted size."""
    modules = f"{'package':<20}{'modules':>8}{'lines':>8}{'median':>8}{'max':>6}"
    yield f"{modules} | {'functions':>9}{'median':>8}{'p90':>6}{'max':>6}{'max params':>12}"
    yield from (_row(name, sizes) for name, sizes in named if sizes.modules)
    for _, sizes in named:
        for path, lines in sizes.modules:
            if lines > MODULE_SOFT:
                yield f"  long module: {path.relative_to(root)}: {lines} lines, wanted {MODULE_SOFT}"


def _row(name: str, sizes: Sizes) -> str:
    modules = [lines for _, lines in sizes.modules]
    functions = sorted(each.lines for each in sizes.functions) or [0]
    p90 = functions[min(len(functions) - 1, len(functions) * 9 // 10)]
    widest = max((each.parameters for each in sizes.functions if not each.command), default=0)
    left = f"{name:<20}{len(modules):>8}{sum(modules):>8}{statistics.median(modules):>8.0f}{max(modules):>6}"
    return (
        f"{left} | {len(sizes.functions):>9}{statistics.median(functions):>8.0f}{p90:>6}{functions[-1]:>6}{widest:>12}"
    )
