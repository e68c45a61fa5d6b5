"""`tidegate plugins new`: a package of one's own, copied from the template, whose tests pass at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from tidegate import __version__
from tidegate.errors import ConfigError

NAME = re.compile(r"^[a-z][a-z0-9-]*[a-z0-9]$")
FIELD = re.compile(r"^[a-z][A-Za-z0-9]*$")
INSTALL = 'making a plugin needs the template engine; install it with: pip install "tidegate[new]"'

INVENTED = """\
The fields of the {kind} in this package are invented: compare them with your CustomResourceDefinition, in
src/{module}/router.py, tests/{module}_world.py and examples/, where the lines are marked `invented`."""
INVENTED_ANSWER = """\
The endpoint in this package is invented: compare it with yours, in src/{module}/provider.py, where the lines are marked
`invented`, and in the tests."""

TEMPLATE = Path(__file__).parent / "template"  # a link in a checkout, a folder in a wheel


def new(
    name: Annotated[str, typer.Argument(help="Short name in lower case: mesh gives the package tidegate-mesh.")],
    into: Annotated[Path | None, typer.Option(help="The folder to make; default: tidegate-NAME, here.")] = None,
    metric: Annotated[bool, typer.Option("--metric", help="Make a metric provider instead of a router.")] = False,
    key: Annotated[str, typer.Option(help="What a manifest calls the plugin; default: example.com/NAME.")] = "",
    group: Annotated[str, typer.Option(help="API group of the object that carries the weights.")] = "example.com",
    api_version: Annotated[str, typer.Option(help="Its version.")] = "v1",
    kind: Annotated[str, typer.Option(help="Its kind.")] = "TrafficRoute",
    plural: Annotated[str, typer.Option(help="Its plural; default: the kind in lower case with an s.")] = "",
    field: Annotated[str, typer.Option(help="The field of a Rollout's config that names the object.")] = "route",
) -> None:
    """Make a package with a traffic router, or a metric provider, its conformance suite, an example and a page."""
    if not NAME.match(name):
        raise ConfigError("plugins new", f"{name!r} is no name for a plugin; use two or more of a-z, 0-9 and -")
    if not FIELD.match(field):
        raise ConfigError(
            "plugins new", f"{field!r} is no name for a field; use letters and digits, a small letter first"
        )
    folder = into or Path(f"tidegate-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("plugins new", f"{folder} is there already and not empty; name another with --into")
    asked = {"name": name, "key": key, "plugin": "metric" if metric else "router"}
    given = {**asked, "field": field, "group": group, "version": api_version, "kind": kind, "plural": plural}
    _copy(folder, {question: answer for question, answer in given.items() if answer})
    typer.echo(f"{folder}: made; next:\n  cd {folder}\n  pip install -e '.[test]'\n  pytest")
    told = INVENTED_ANSWER if metric else INVENTED
    typer.echo(told.format(kind=kind, module=f"tidegate_{name.replace('-', '_')}"))


def _copy(folder: Path, answers: dict[str, str]) -> None:
    try:
        from copier import run_copy
    except ImportError as error:  # an extra: a controller's image needs no template engine
        raise ConfigError("plugins new", INSTALL) from error
    major, minor, *_ = __version__.split(".")
    versions = {"tidegate": f"{major}.{minor}", "below": f"{major}.{int(minor) + 1}"}
    run_copy(str(TEMPLATE.resolve()), folder, data={**answers, **versions}, defaults=True, quiet=True)
