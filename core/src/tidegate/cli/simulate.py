"""`tidegate simulate`: a manifest's update played to its end in virtual time, as a table and as a drawing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.drawing import draw
from tidegate.cli.simulate_play import Play
from tidegate.cli.simulate_script import Wishes, image_of, script_of
from tidegate.cli.simulate_story import record, told, verdict
from tidegate.errors import ConfigError, TidegateError
from tidegate.runtime.plugins import facade_of


def simulate(
    filename: Annotated[list[str], typer.Option("--filename", "-f", help="A file, a folder, or - for standard input.")],
    rollout: Annotated[str, typer.Argument(help="The Rollout's name, where the files hold several.")] = "",
    image: Annotated[
        str, typer.Option("--image", "--set-image", help="Update the first container to this; default: a new tag.")
    ] = "",
    to: Annotated[str, typer.Option(help="A file with the Rollout as it is after the update.")] = "",
    ready_after: Annotated[str, typer.Option(help="How long a pod takes to become ready.")] = "5s",
    bad: Annotated[bool, typer.Option("--bad", help="The new version never becomes ready.")] = False,
    resume_after: Annotated[str, typer.Option(help="When somebody resumes a pause that has no end.")] = "60s",
    abort_at: Annotated[str, typer.Option(help="Abort at this step (3) or after this time (90s).")] = "",
    until: Annotated[str, typer.Option(help="Break off after this virtual time.")] = "720h",
    svg: Annotated[Path | None, typer.Option(help="Draw it into this file.")] = None,
    config: Annotated[Path | None, typer.Option(help="tidegate.yaml: which plugins to simulate with.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """Play a Rollout's update to its end, without a cluster; exit 1 where it does not end Healthy.

    Example: tidegate simulate -f rollout.yaml --svg rollout.svg
    """
    if output not in ("text", "json"):
        raise ConfigError("--output", f"{output!r} is unknown; use text or json")
    wishes = Wishes(filename, rollout, image, to, ready_after, bad, resume_after, abort_at, until)
    script, course = script_of(wishes, facade_of(config))
    play = Play(script, course)
    if trouble := play.deploy():
        raise TidegateError(f"{course.name}: its first version cannot be deployed: {trouble}; tidegate lint says more")
    play.run()
    title = f"Rollout {course.name}: {image_of(script.before['spec'])} -> {image_of(script.after)}"
    typer.echo(json.dumps(record(course, title), indent=2) if output == "json" else told(course, title))
    if svg is not None:
        _write(svg, draw(course, title, verdict(course)))
    raise typer.Exit(0 if course.healthy else 1)


def _write(file: Path, document: str) -> None:
    try:
        file.write_text(document, encoding="utf-8")
    except OSError as error:
        raise ConfigError("--svg", f"{file} cannot be written: {error.strerror}; name another file") from error
