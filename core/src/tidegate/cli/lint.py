"""`tidegate lint`: the controller's own checks on files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from tidegate.cli.lint_fields import unknown_fields
from tidegate.cli.manifests import Manifest, Manifests, load, observe, read_rollout
from tidegate.errors import ConfigError
from tidegate.hooks.facade import Facade
from tidegate.machine.observed import Problem
from tidegate.machine.rollout.validation.rollout import problems
from tidegate.runtime.kinds import WORKLOADS
from tidegate.runtime.plugins import facade_of

Sources = Annotated[list[str], typer.Option("--filename", "-f", help="A file, a folder, or - for standard input.")]


def lint(
    filename: Sources,
    config: Annotated[Path | None, typer.Option(help="tidegate.yaml: which plugins to check with.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """Check Rollout manifests; exit 1 where anything is wrong.

    Objects in the same sources (Services, Ingresses, ...) are checked along; a Rollout alone is checked by itself.
    """
    manifests, facade = load(filename), facade_of(config)
    found = [{"origin": f.where, "rollout": "", "path": "", "message": f.message} for f in manifests.faults]
    for manifest, origin in manifests.rollouts:
        found += [
            {"origin": origin, "rollout": manifest["metadata"]["name"], "path": path, "message": text}
            for path, text in _faults(manifest, origin, manifests, facade)
        ]
    if not manifests.rollouts and not found:
        found.append({"origin": ", ".join(filename), "rollout": "", "path": "", "message": "no Rollout is in there"})
    _report(found, len(manifests.rollouts), output)
    raise typer.Exit(1 if found else 0)


def _faults(manifest: Manifest, origin: str, manifests: Manifests, facade: Facade) -> Iterator[tuple[str, str]]:
    """(path, text) of everything that is wrong with one Rollout, what the controller would report first."""
    try:
        rollout = read_rollout(manifest, origin)
    except ConfigError as error:
        yield from _unreadable(error, origin)
        return
    try:
        seen = observe(rollout, manifests, facade)
    except ConfigError as error:
        yield "", str(error).removeprefix(f"{origin}: ")
        return
    for problem in problems(seen):
        if not _borrows_unseen(problem, manifests):
            yield problem.path, problem.text
    yield from unknown_fields(rollout)


def _unreadable(error: ConfigError, origin: str) -> Iterator[tuple[str, str]]:
    """Every field that has a wrong type."""
    if not isinstance(error.__cause__, ValidationError):
        yield "", str(error).removeprefix(f"{origin}: ")
        return
    for one in error.__cause__.errors():
        where = ".".join(str(part) for part in one["loc"])
        yield where, f"{where}: {one['msg']}, found {one.get('input')!r}"


def _borrows_unseen(problem: Problem, manifests: Manifests) -> bool:
    """Whether it is a workload that is missed, in sources without any: a Rollout alone is checked by itself."""
    return problem.missing and not problem.path and not any(manifests.of(kind) for _, kind in WORKLOADS)


def _report(found: list[dict[str, str]], count: int, output: str) -> None:
    if output == "json":
        typer.echo(json.dumps({"rollouts": count, "problems": found}, indent=2))
        return
    for problem in found:
        about = f"Rollout {problem['rollout']}: " if problem["rollout"] else ""
        typer.echo(f"{problem['origin']}: {about}{problem['message']}")
    typer.echo(f"{count} Rollouts checked, {len(found)} problems")
