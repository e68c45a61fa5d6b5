"""`tidegate`: one command, whose sub-commands are imported only when they are asked for.

Distributions add sub-commands through the entry point group `tidegate.commands`; each entry is a function, or a typer
application with sub-commands of its own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

import typer

from tidegate import __version__
from tidegate.errors import ConfigError, ConnectionFailed, TidegateError

GROUP = "tidegate.commands"

BUILT_IN = {
    "controller": ("tidegate.controller.command:controller", "Run the controller."),
    "lint": ("tidegate.cli.lint:lint", "Check Rollout manifests, without a cluster."),
    "plan": ("tidegate.cli.plan:plan", "Tell what would happen next, why, and when; live or from files."),
    "simulate": ("tidegate.cli.simulate:simulate", "Play an update to its end in virtual time, without a cluster."),
    "plugins": ("tidegate.cli.plugins:app", "Show installed plugins, and the rights they need."),
}
# What the help says of commands that other distributions of this project bring; nothing is imported for the help.
KNOWN = {
    "demo": "Watch a canary shift real requests step by step.",
    "sandbox": "A Kubernetes control plane in one process.",
}


def assemble(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments: the command that they name is imported, of the others only the summary."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, callback=root)
    targets = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    targets |= {name: target for name, (target, _) in BUILT_IN.items()}
    wanted = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, target in sorted(targets.items()):
        summary = BUILT_IN[name][1] if name in BUILT_IN else KNOWN.get(name, f"From {target.partition(':')[0]}.")
        if name != wanted:
            app.command(name, help=summary)(_not_loaded)
            continue
        loaded = _load(name, target)
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=name, help=summary)
        else:
            app.command(name)(loaded)
    return app


def _not_loaded() -> None:
    """Stands in for a command that these arguments do not name; it cannot be reached."""


def _load(name: str, target: str) -> typer.Typer | Callable[..., object]:
    module, _, attribute = target.partition(":")
    try:
        loaded = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise TidegateError(
            f"command {name!r} ({target}) cannot be loaded: {error}; reinstall what brings it"
        ) from error
    if isinstance(loaded, typer.Typer) or callable(loaded):
        return loaded  # type: ignore[no-any-return]
    raise TidegateError(f"command {name!r} ({target}) is neither a function nor a typer application")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tidegate {__version__}")
        raise typer.Exit


def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Progressive delivery for Kubernetes."""


def main() -> None:
    """The entry point: errors meant for people end in one line, without a traceback."""
    try:
        assemble(sys.argv[1:])()
    except ConfigError as error:
        sys.exit(_say(error, 2))
    except ConnectionFailed as error:
        sys.exit(_say(error, 3))
    except TidegateError as error:
        sys.exit(_say(error, 1))


def _say(error: TidegateError, code: int) -> int:
    typer.echo(f"tidegate: {error}", err=True)
    return code
