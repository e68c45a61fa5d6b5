"""`tidegate plan`: what the next pass would do, and why; a dump of the objects is enough."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.manifests import load, observe, read_rollout
from tidegate.errors import ConfigError
from tidegate.machine.actions import Action
from tidegate.machine.merge import merge_patch
from tidegate.machine.observed import Observed
from tidegate.machine.plan import Plan
from tidegate.machine.rollout.decide import decide
from tidegate.machine.rollout.situation import Situation
from tidegate.machine.rollout.status import status_patch, stored
from tidegate.runtime.plugins import facade_of


def plan(
    filename: Annotated[list[str], typer.Option("--filename", "-f", help="A file, a folder, or - for standard input.")],
    rollout: Annotated[str, typer.Argument(help="The Rollout's name; all of them if left out.")] = "",
    config: Annotated[Path | None, typer.Option(help="tidegate.yaml: which plugins to plan with.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """Tell what would happen next; exit 1 where a Rollout is invalid.

    Feed it: kubectl get rollouts,replicasets,services,ingresses -o yaml | tidegate plan -f -
    """
    manifests, facade = load(filename), facade_of(config)
    if manifests.faults:
        raise ConfigError(manifests.faults[0].where, manifests.faults[0].message)
    wanted = [(m, origin) for m, origin in manifests.rollouts if rollout in ("", m["metadata"]["name"])]
    if not wanted:
        have = ", ".join(str(m["metadata"]["name"]) for m, _ in manifests.rollouts) or "none"
        typer.echo(f"no Rollout {rollout} in {', '.join(filename)}; have {have}", err=True)
        raise typer.Exit(1)
    invalid = False
    for manifest, origin in wanted:
        seen = observe(read_rollout(manifest, origin), manifests, facade)
        decided = decide(seen)
        typer.echo(json.dumps(_as_json(seen, decided), indent=2) if output == "json" else _as_text(seen, decided))
        invalid = invalid or decided.situation == Situation.INVALID
    raise typer.Exit(1 if invalid else 0)


def _as_text(seen: Observed, decided: Plan) -> str:
    lines = [f"{'/'.join(seen.rollout.key)}: {decided.situation}"]
    lines += [f"  {number}. {_describe(action)}" for number, action in enumerate(decided.actions, 1)]
    if not decided.actions:
        lines.append("  nothing is to be done")
    lines += [f"  note: {note}" for note in decided.notes]
    patch = status_patch(seen.rollout.status, decided.expected)
    if patch:
        lines.append(f"  then the status changes: {', '.join(sorted(patch))}")
    if decided.expected.status is not None:
        phase, message = decided.expected.status.get("phase", ""), decided.expected.status.get("message", "")
        lines.append(f"  phase: {phase}" + (f" ({message})" if message else ""))
    if decided.expected.wake_at is not None:
        lines.append(f"  looked at again at {decided.expected.wake_at.isoformat()} if nothing changes before")
    return "\n".join(lines)


def _describe(action: Action) -> str:
    shown = {
        k: v for k, v in asdict(action).items() if k not in ("why", "events", "manifest", "uid", "resource_version")
    }
    details = ", ".join(f"{key}={value}" for key, value in shown.items() if value not in (None, {}, "", False))
    return f"{type(action).__name__}({details}) because {action.why}"


def _as_json(seen: Observed, decided: Plan) -> dict[str, object]:
    after = decided.expected.status
    return {
        "rollout": "/".join(seen.rollout.key),
        "situation": decided.situation,
        "actions": [_describe(action) for action in decided.actions],
        "notes": list(decided.notes),
        "status": merge_patch(stored(seen.rollout.status), after) if after is not None else {},
        "wakeAt": decided.expected.wake_at.isoformat() if decided.expected.wake_at else None,
    }
