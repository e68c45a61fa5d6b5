"""`tidegate plan`: what the next pass would do, why, and when it looks again; of a live Rollout or of a dump."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.manifests import load, observe, read_rollout
from tidegate.cli.rehearsal import Prospect, Rehearsal, expected
from tidegate.cli.spans import read_moment
from tidegate.cli.story import record, told
from tidegate.errors import ConfigError
from tidegate.hooks.facade import Facade
from tidegate.hooks.objects import Reader
from tidegate.machine.observed import Observed
from tidegate.machine.rollout.decide import decide
from tidegate.machine.rollout.situation import Situation
from tidegate.runtime.plugins import facade_of

Seen = tuple[Observed, Reader]


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and which Rollouts: `rollout` "" stands for all, `namespace` "" for the context's."""

    rollout: str
    namespace: str
    kubeconfig: str
    context: str


def plan(
    rollout: Annotated[str, typer.Argument(help="The Rollout's name; all of them if left out.")] = "",
    filename: Annotated[
        list[str] | None, typer.Option("--filename", "-f", help="A file, a folder, or - ; instead of a cluster.")
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Default: the context's; any for files.")] = "",
    kubeconfig: Annotated[str, typer.Option(help="Default: $KUBECONFIG or ~/.kube/config.")] = "",
    context: Annotated[str, typer.Option(help="Context of the kubeconfig; default: its current one.")] = "",
    config: Annotated[Path | None, typer.Option(help="tidegate.yaml: which plugins to plan with.")] = None,
    router_writes: Annotated[
        bool, typer.Option("--router-writes", help="Run the routers on copies and show what they would write.")
    ] = False,
    at: Annotated[str, typer.Option(help="Judge as of this time, for an old dump: 2026-01-02T03:04:05Z.")] = "",
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """Tell what would happen next, why, and when it is looked at again; nothing is written. Exit 1 where one is invalid.

    Without -f the Rollout is read from the cluster of your kubeconfig. A dump does as well:
    kubectl get rollouts,replicasets,services,ingresses -o yaml | tidegate plan -f -
    """
    if output not in ("text", "json"):
        raise ConfigError("--output", f"{output!r} is unknown; use text or json")
    facade, now = facade_of(config), read_moment(at, "--at")
    where = Where(rollout, namespace, kubeconfig, context)
    found = _written(filename, where, facade, now) if filename else _live(where, facade)
    prospects = [_prospect(seen, reader, facade if router_writes else None) for seen, reader in found]
    if output == "json":
        typer.echo(json.dumps({"plans": [record(each) for each in prospects]}, indent=2))
    else:
        typer.echo("\n\n".join(told(each) for each in prospects))
    raise typer.Exit(1 if any(each.plan.situation == Situation.INVALID for each in prospects) else 0)


def _prospect(seen: Observed, reader: Reader, facade: Facade | None) -> Prospect:
    decided = decide(seen)
    return expected(seen, decided) if facade is None else Rehearsal(seen, facade, reader).run(decided)


def _written(sources: list[str], where: Where, facade: Facade, now: datetime) -> Iterator[Seen]:
    """The Rollouts of files. Raises ConfigError for sources that cannot be read, or hold no such Rollout."""
    manifests = load(sources)
    if manifests.faults:
        raise ConfigError(manifests.faults[0].where, manifests.faults[0].message)
    wanted = [
        (manifest, origin)
        for manifest, origin in manifests.rollouts
        if where.rollout in ("", manifest["metadata"]["name"])
        and where.namespace in ("", manifest["metadata"]["namespace"])
    ]
    if not wanted:
        have = ", ".join(f"{m['metadata']['namespace']}/{m['metadata']['name']}" for m, _ in manifests.rollouts)
        asked = "/".join(part for part in (where.namespace, where.rollout) if part)
        raise ConfigError(", ".join(sources), f"no Rollout {asked} in there; have {have or 'none'}".replace("  ", " "))
    for manifest, origin in wanted:
        yield observe(read_rollout(manifest, origin), manifests, facade, now), manifests


def _live(where: Where, facade: Facade) -> Iterator[Seen]:
    """The Rollouts of a cluster. Imported only here: a plan of files needs no client."""
    look = import_module("tidegate.cli.live").look
    access = import_module("tidegate.runtime.transport").Access(where.kubeconfig, where.context)
    yield from look(where.rollout, where.namespace, facade, access)
