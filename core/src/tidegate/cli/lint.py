"""`tidegate lint`: the controller's own checks on files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.manifests import load, observe, read_rollout
from tidegate.errors import ConfigError
from tidegate.machine.rollout.validate import problems
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
        try:
            seen = observe(read_rollout(manifest, origin), manifests, facade)
            texts = [(problem.path, problem.text) for problem in problems(seen)]
        except ConfigError as error:
            texts = [("", str(error).removeprefix(f"{origin}: "))]
        found += [
            {"origin": origin, "rollout": manifest["metadata"]["name"], "path": path, "message": text}
            for path, text in texts
        ]
    if not manifests.rollouts and not found:
        found.append({"origin": ", ".join(filename), "rollout": "", "path": "", "message": "no Rollout is in there"})
    _report(found, len(manifests.rollouts), output)
    raise typer.Exit(1 if found else 0)


def _report(found: list[dict[str, str]], count: int, output: str) -> None:
    if output == "json":
        typer.echo(json.dumps({"rollouts": count, "problems": found}, indent=2))
        return
    for problem in found:
        about = f"Rollout {problem['rollout']}: " if problem["rollout"] else ""
        typer.echo(f"{problem['origin']}: {about}{problem['message']}")
    typer.echo(f"{count} Rollouts checked, {len(found)} problems")
