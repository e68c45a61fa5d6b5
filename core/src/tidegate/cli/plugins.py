"""`tidegate plugins`: what is installed, what it can do, and which rights it needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from tidegate.cli import plugins_doctor, plugins_new
from tidegate.errors import ConfigError
from tidegate.hooks.records import PluginRecord, Status, merged
from tidegate.hooks.references import Rule
from tidegate.runtime.plugins import facade_of

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Show installed plugins.")

app.command("new")(plugins_new.new)
app.command("doctor")(plugins_doctor.doctor)

Config = Annotated[Path | None, typer.Option(help="tidegate.yaml: which plugins are selected.")]


Output = Annotated[str, typer.Option("--output", "-o", help="text or json.")]
NAMESPACE = "argo-rollouts"  # where the reference controller's manifests, and ours, install


@app.command("list")
def list_(config: Config = None, output: Output = "text") -> None:
    """One line a plugin: name, where it is from, whether it is loaded, the key of a router or a metric that it answers to."""
    facade = facade_of(config)
    if _is_json(output):
        typer.echo(json.dumps({"plugins": [_shown(each) for each in facade.plugins]}, indent=2))
    else:
        rows = [(p.name, p.origin, p.status.value, _answers_to(p), p.error) for p in facade.plugins]
        rows.insert(0, ("NAME", "FROM", "STATUS", "ANSWERS TO", ""))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            typer.echo("  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)).rstrip())
    if any(p.status is Status.FAILED for p in facade.plugins):
        raise typer.Exit(1)


@app.command()
def show(name: str, config: Config = None, output: Output = "text") -> None:
    """Everything about one plugin: capabilities, verbs, rights, and why it failed if it did."""
    facade = facade_of(config)
    record = next((p for p in facade.plugins if p.name == name), None)
    if record is None:
        typer.echo(f"no plugin {name!r}; installed: {', '.join(p.name for p in facade.plugins) or 'none'}", err=True)
        raise typer.Exit(1)
    shown = _shown(record)
    typer.echo(json.dumps(shown, indent=2) if _is_json(output) else yaml.safe_dump(shown, sort_keys=False).rstrip())


def _answers_to(record: PluginRecord) -> str:
    """`router <key>`, `metric <key>`, or a dash for a wrapper and for one that is not loaded."""
    if record.router:
        return f"router {record.router}"
    return f"metric {record.meter}" if record.meter else "-"


def _shown(record: PluginRecord) -> dict[str, Any]:
    shown = {
        "name": record.name,
        "from": record.origin,
        "status": record.status.value,
        "router": record.router,
        "metric": record.meter,
        "capabilities": sorted(c.value for c in record.can),
        "verbs": sorted(record.verbs),
        "needs": [f"{rule.resource}.{rule.group}: {rule.verbs}" for rule in record.needs],
        "remote": record.remote,
        "error": record.error,
        "traceback": record.traceback,
    }
    return {key: value for key, value in shown.items() if value}


@app.command()
def rbac(
    config: Config = None,
    name: Annotated[str, typer.Option(help="The roles' name.")] = "tidegate-plugins",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="The controller's namespace.")] = NAMESPACE,
    output: Annotated[str, typer.Option("--output", "-o", help="yaml or json.")] = "yaml",
) -> None:
    """The ClusterRole that grants what the enabled plugins need, and nothing else.

    A Role in the controller's namespace goes with it where a plugin reads Secrets there: its credentials, or the way to the
    cluster that a router's objects are in. No right on Secrets holds for the whole cluster.
    """
    facade = facade_of(config)
    rules = facade.rules()
    roles = [_role("ClusterRole", {"name": name}, [_granted(rule) for rule in rules if not _on_secrets(rule)])]
    secrets = [rule for rule in rules if _on_secrets(rule)]
    if any(record.remote for record in facade.plugins if record.status is Status.LOADED):
        secrets.append(Rule("", "secrets", "get list watch"))
    if secrets:
        granted = [_granted(rule) for rule in merged(secrets)]
        roles.append(_role("Role", {"name": name, "namespace": namespace}, granted))
    if output == "json":
        typer.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": roles}, indent=2))
    elif output == "yaml":
        typer.echo(yaml.safe_dump_all(roles, sort_keys=False).rstrip())
    else:
        raise ConfigError("--output", f"{output!r} is unknown; use yaml or json")


def _granted(rule: Rule) -> dict[str, Any]:
    return {"apiGroups": [rule.group], "resources": [rule.resource], "verbs": rule.verbs.split()}


def _on_secrets(rule: Rule) -> bool:
    return (rule.group, rule.resource) == ("", "secrets")


def _role(kind: str, metadata: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": rules}


def _is_json(output: str) -> bool:
    if output not in ("text", "json"):
        raise ConfigError("--output", f"{output!r} is unknown; use text or json")
    return output == "json"
