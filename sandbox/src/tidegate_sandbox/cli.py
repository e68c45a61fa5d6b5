"""`tidegate sandbox`: a cluster to play on, from the command line."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from tidegate_sandbox.errors import SandboxError

app = typer.Typer(name="sandbox", help="An in-memory Kubernetes cluster to try tidegate on.", no_args_is_help=True)

# Distinct from 1 (a failure while running), so that scripts can tell; also what argument errors exit with.
CANNOT_START = 2


@app.callback()
def _group() -> None:
    """An in-memory Kubernetes cluster to try tidegate on."""


@app.command()
def up(
    kubeconfig: Annotated[Path, typer.Option(help="Where to write the kubeconfig of the sandbox.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0 takes any free one.")] = 0,
    crds: Annotated[list[Path] | None, typer.Option(help="Folders or files of CRDs to install first.")] = None,
    simulate: Annotated[bool, typer.Option(help="Run the simulated controllers.")] = True,
) -> None:
    """Bring a sandbox up, write its kubeconfig, and stay until SIGTERM or Ctrl-C."""
    from tidegate_sandbox.server import Sandbox  # imported here: `--help` must not pay for the server

    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    try:
        with Sandbox(port=port, simulate=simulate) as sandbox:
            for path in crds or []:
                sandbox.install_crds(path)
            sandbox.kubeconfig(kubeconfig)
            typer.echo(f"sandbox ready at {sandbox.url}; try: kubectl --kubeconfig {kubeconfig} get all -A")
            end.wait()
    except (SandboxError, OSError) as error:
        typer.echo(f"sandbox: {error}", err=True)
        raise typer.Exit(CANNOT_START) from error
