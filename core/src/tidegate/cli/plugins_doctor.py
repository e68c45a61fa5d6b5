"""`tidegate plugins doctor`: what keeps each plugin from working, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.plugins_findings import Finding, Grade, loading_findings
from tidegate.errors import ConfigError, ConnectionFailed, PluginLoadError
from tidegate.hooks.records import PluginRecord, Status
from tidegate.runtime.plugins import facade_of


def doctor(
    config: Annotated[Path | None, typer.Option(help="tidegate.yaml: which plugins are selected.")] = None,
    kubeconfig: Annotated[str, typer.Option(help="Default: $KUBECONFIG or ~/.kube/config.")] = "",
    context: Annotated[str, typer.Option(help="Context of the kubeconfig; default: its current one.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="The controller's namespace.")] = "argo-rollouts",
    service_account: Annotated[
        str, typer.Option(help="namespace/name of the controller's account; default: ask about yourself.")
    ] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Ask no cluster.")] = False,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """Tell what keeps each plugin from working: failed imports, missing rights, kinds that are not served. Exit 1 on errors."""
    if output not in ("text", "json"):
        raise ConfigError("--output", f"{output!r} is unknown; use text or json")
    if service_account and service_account.count("/") != 1:
        raise ConfigError("--service-account", f"{service_account!r} is not namespace/name")
    try:
        facade = facade_of(config)
    except PluginLoadError as error:
        remedy = "uninstall one of the two, or do not require it"
        _report([Finding(error.plugin, Grade.ERROR, str(error), remedy)], output)
        raise typer.Exit(1) from error
    found = [*loading_findings(facade)]
    if not offline:
        found += _live(facade.plugins, (kubeconfig, context), namespace, service_account)
    _report(found, output)
    raise typer.Exit(1 if any(each.grade is Grade.ERROR for each in found) else 0)


def _live(records: Sequence[PluginRecord], access: tuple[str, str], home: str, account: str) -> list[Finding]:
    """What the cluster behind the kubeconfig says; a note where there is none."""
    loaded = [record for record in records if record.status is Status.LOADED]
    try:
        # Imported here: the other commands about plugins need no Kubernetes client, which takes a while to import.
        found: list[Finding] = import_module("tidegate.cli.plugins_live").examine(loaded, access, home, account)
    except ConnectionFailed as error:
        return [Finding("", Grade.NOTE, f"rights and kinds were not looked at: {error}", "or use --offline")]
    return found


def _report(found: Sequence[Finding], output: str) -> None:
    if output == "json":
        typer.echo(json.dumps({"findings": [asdict(each) for each in found]}, indent=2))
        return
    order = list(Grade)
    for each in sorted(found, key=lambda finding: order.index(finding.grade)):
        typer.echo(each.line)
    errors = sum(each.grade is Grade.ERROR for each in found)
    typer.echo(f"{errors} errors")
