"""`tidegate controller`: the flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.controller.main import run
from tidegate.controller.options import ControllerOptions
from tidegate.runtime.logs import LogFormat

Namespaces = Annotated[list[str] | None, typer.Option("--namespace", "-n", help="Watch this namespace; repeatable.")]


def controller(
    kubeconfig: Annotated[str, typer.Option(help="Default: $KUBECONFIG, ~/.kube/config, or the pod's account.")] = "",
    context: Annotated[str, typer.Option(help="Context of the kubeconfig; default: its current one.")] = "",
    namespace: Namespaces = None,
    instance_id: Annotated[str, typer.Option(help="Serve only Rollouts that carry this instance id.")] = "",
    config: Annotated[Path | None, typer.Option(help="tidegate.yaml: plugins and their settings.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Rollouts looked at side by side.")] = 10,
    qps: Annotated[float, typer.Option(min=0, help="Requests per second to the API server; 0 is no limit.")] = 40.0,
    burst: Annotated[int, typer.Option(min=1, help="Requests that may come at once.")] = 80,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    log_format: Annotated[LogFormat, typer.Option(help="text or json.")] = LogFormat.TEXT,
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /metrics; 0 takes a free one.")] = 8090,
    health_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /healthz and /readyz; 0 takes a free one.")
    ] = 8080,
) -> None:
    """Run the controller until SIGTERM.

    Exit codes: 0 stopped by a signal, 1 unusable flags, config, plugins, ports or kubeconfig, 3 leadership lost.
    """
    options = ControllerOptions(
        kubeconfig=kubeconfig,
        context=context,
        namespaces=tuple(namespace or ()),
        instance_id=instance_id,
        config=config,
        workers=workers,
        qps=qps,
        burst=burst,
        log_level=log_level,
        log_format=log_format,
        metrics_port=metrics_port,
        health_port=health_port,
    )
    raise typer.Exit(run(options))
