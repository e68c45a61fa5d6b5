"""`tidegate plugins`: what is installed, what it can do, and which rights it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from tidegate.hooks.records import PluginRecord, Status
from tidegate.runtime.plugins import facade_of

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Show installed plugins.")

Config = Annotated[Path | None, typer.Option(help="tidegate.yaml: which plugins are selected.")]


@app.command("list")
def list_(config: Config = None) -> None:
    """One line a plugin: name, where it is from, whether it is loaded, the router key it answers to."""
    facade = facade_of(config)
    rows = [(p.name, p.origin, p.status.value, p.router or "-", p.error) for p in facade.plugins]
    rows.insert(0, ("NAME", "FROM", "STATUS", "ROUTER", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)).rstrip())
    if any(p.status is Status.FAILED for p in facade.plugins):
        raise typer.Exit(1)


@app.command()
def show(name: str, config: Config = None) -> None:
    """Everything about one plugin: capabilities, verbs, rights, and why it failed if it did."""
    facade = facade_of(config)
    record = next((p for p in facade.plugins if p.name == name), None)
    if record is None:
        typer.echo(f"no plugin {name!r}; installed: {', '.join(p.name for p in facade.plugins) or 'none'}", err=True)
        raise typer.Exit(1)
    typer.echo(yaml.safe_dump(_shown(record), sort_keys=False).rstrip())


def _shown(record: PluginRecord) -> dict[str, Any]:
    shown = {
        "name": record.name,
        "from": record.origin,
        "status": record.status.value,
        "router": record.router,
        "capabilities": sorted(c.value for c in record.can),
        "verbs": sorted(record.verbs),
        "needs": [f"{rule.resource}.{rule.group}: {rule.verbs}" for rule in record.needs],
        "error": record.error,
        "traceback": record.traceback,
    }
    return {key: value for key, value in shown.items() if value}


@app.command()
def rbac(config: Config = None, name: str = typer.Option("tidegate-plugins", help="The ClusterRole's name.")) -> None:
    """The ClusterRole that grants what the enabled plugins need, and nothing else."""
    rules = [
        {"apiGroups": [rule.group], "resources": [rule.resource], "verbs": rule.verbs.split()}
        for rule in facade_of(config).rules()
    ]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }
    typer.echo(yaml.safe_dump(role, sort_keys=False).rstrip())
