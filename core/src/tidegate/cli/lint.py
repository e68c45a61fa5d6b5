"""`tidegate lint`: the controller's own checks on files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.cli.lint_checks import check_problems
from tidegate.cli.lint_fields import unknown_fields
from tidegate.cli.lint_objects import between_documents
from tidegate.cli.manifests import CHECKS, Manifests, load, observe, read_rollout
from tidegate.errors import ConfigError
from tidegate.hooks.facade import Facade
from tidegate.machine.observed import Problem
from tidegate.machine.rollout.validation.advice import advice
from tidegate.machine.rollout.validation.rollout import problems
from tidegate.runtime.kinds import WORKLOADS
from tidegate.runtime.plugins import facade_of

Sources = Annotated[list[str], typer.Option("--filename", "-f", help="A file, a folder, or - for standard input.")]


def lint(
    filename: Sources,
    config: Annotated[Path | None, typer.Option(help="tidegate.yaml: which plugins to check with.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """Check Rollouts, analysis templates, AnalysisRuns and Experiments; exit 1 where anything is wrong.

    Objects in the same sources (Services, Ingresses, ...) are checked along; a Rollout alone is checked by itself.
    """
    manifests, facade = load(filename), facade_of(config)
    found = [Finding(fault.where, message=fault.message) for fault in manifests.faults]
    read: dict[tuple[str, str], tuple[Rollout, str]] = {}
    for manifest, origin in manifests.rollouts:
        try:
            rollout = read_rollout(manifest, origin)
        except ConfigError as error:
            name = str(manifest["metadata"]["name"])
            found += [Finding(origin, name, path, text) for path, text in _unreadable(error, origin)]
            continue
        read[rollout.key] = (rollout, origin)
        found += _findings(rollout, origin, manifests, facade)
    for key, problem in between_documents([rollout for rollout, _ in read.values()], manifests, facade):
        found.append(Finding.of(problem, read[key][1], key[1]))
    checks = [(place, manifest) for place, manifest in manifests.objects.items() if place[0] in CHECKS]
    for place, manifest in checks:
        for path, text in check_problems(manifest, manifests, facade):
            found.append(Finding(manifests.places[place], place[2], path, text, kind=place[0]))
    if not manifests.rollouts and not checks and not found:
        found.append(Finding(", ".join(filename), message="no Rollout is in there"))
    _report(found, len(manifests.rollouts), output)
    raise typer.Exit(1 if any(each.severity == "error" for each in found) else 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `code` names the rule, "" for one without; `severity` is error or warning.

    `rollout` is the name of the object, `kind` what it is.
    """

    origin: str
    rollout: str = ""
    path: str = ""
    message: str = ""
    code: str = ""
    severity: str = "error"
    kind: str = names.ROLLOUT

    @classmethod
    def of(cls, problem: Problem, origin: str, rollout: str) -> Finding:
        """What a rule has found."""
        return cls(origin, rollout, problem.path, problem.text, problem.code, "warning" if problem.warning else "error")

    @property
    def line(self) -> str:
        """`origin: kind name: warning: message (code)`, without the parts that there are not."""
        about = f"{self.kind} {self.rollout}: " if self.rollout else ""
        grade = "warning: " if self.severity == "warning" else ""
        return f"{self.origin}: {about}{grade}{self.message}" + (f" ({self.code})" if self.code else "")


def _findings(rollout: Rollout, origin: str, manifests: Manifests, facade: Facade) -> Iterator[Finding]:
    """Everything that is wrong with one Rollout, what the controller would report first, then warnings."""
    name = rollout.metadata.name
    try:
        seen = observe(rollout, manifests, facade)
    except ConfigError as error:
        yield Finding(origin, name, "", str(error).removeprefix(f"{origin}: "))
        return
    for problem in problems(seen):
        if not _borrows_unseen(problem, manifests):
            yield Finding.of(problem, origin, name)
    for path, text in unknown_fields(rollout):
        yield Finding(origin, name, path, text)
    for problem in advice(seen):
        yield Finding.of(problem, origin, name)


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


def _report(found: list[Finding], count: int, output: str) -> None:
    if output == "json":
        typer.echo(json.dumps({"rollouts": count, "problems": [asdict(each) for each in found]}, indent=2))
        return
    for each in found:
        typer.echo(each.line)
    warnings = sum(each.severity == "warning" for each in found)
    told = f", {warnings} warnings" if warnings else ""
    typer.echo(f"{count} Rollouts checked, {len(found) - warnings} problems{told}")
