"""Writes docs/plugins/hooks.md: the contracts of routers and metric providers, taken from the classes that are them.

`python tools/hook_reference.py` writes it; a test of the pages compares. Edit the docstrings, never the page.
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tidegate import hooks
from tidegate.errors import TidegateError
from tidegate.hooks.metrics import METRIC_VERBS, REQUIRED_METRIC_VERBS
from tidegate.hooks.router import REQUIRED_VERBS, VERBS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "plugins" / "hooks.md"

# What is said of every verb, in this order; STYLE.md asks for all seven.
HEADINGS = ("When", "Who", "Args", "Returns", "Raises", "Repeats", "Threads")

HEAD = """\
# The hooks

After this page you know every verb that a router or a metric provider may have, what it is handed, and what it may answer.

This page is written by `tools/hook_reference.py` from the docstrings of `tidegate.hooks`, plugin API version {version}.
Everything on it is imported from `tidegate.hooks`.
Values are shown with their fields, in the order in which their constructors take them; `...` stands for an empty default.
"""

# The order in which an author meets them; a name of `tidegate.hooks` that is missing here is an error.
VALUES = {
    "What a router declares": ("Capability", "Kind", "Ref", "Rule"),
    "What a router's verb is handed": (
        "Target",
        "Objects",
        "Weights",
        "Destination",
        "Hashes",
        "HeaderRoute",
        "MirrorRoute",
        "MirrorMatch",
        "Match",
    ),
    "What a router's verb answers": ("Verdict", "Problem", "Event"),
    "What a provider's verb is handed": (
        "Query",
        "Access",
        "Http",
        "Call",
        "OAuth2",
        "Answer",
        "Secrets",
        "Measurement",
    ),
    "What a provider's verb answers": ("Reading",),
    "What a result is made of": ("Floats", "Struct", "Duration", "from_json", "go_type", "go_text"),
    "What a metric's texts mean": ("go_seconds", "duration_s", "moment", "is_known"),
}
# Classes with pages of their own parts, and names that stand for types: any value of a result, a number or a text.
ELSEWHERE = {
    "TrafficRouter",
    "MetricProvider",
    "API_VERSION",
    "hookimpl",
    "Manifest",
    "controller_of",
    "Value",
    "IntOrString",
}


def page() -> str:
    """The whole page."""
    parts = [HEAD.format(version=hooks.API_VERSION), *_contracts(), *_values(), *_errors()]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def parts_of(doc: str) -> tuple[str, dict[str, str]]:
    """A verb's docstring as (what it does, text by heading). Raises ValueError where a heading is missing."""
    found = dict(re.findall(r"^(\w+): (.*?)(?=^\w+: |\Z)", doc, re.M | re.S))
    if missing := [heading for heading in HEADINGS if heading not in found]:
        raise ValueError(f"no {', '.join(missing)} in: {doc.splitlines()[0]}")
    summary = doc.partition("\nWhen:")[0]
    return _text(summary), {heading: _line(found[heading]) for heading in HEADINGS}


def unlisted() -> set[str]:
    """Public names of the contract that the page says nothing of."""
    listed = {name for names in VALUES.values() for name in names}
    return {name for name in hooks.__all__ if name not in listed | ELSEWHERE and not _is_error(name)}


def _contracts() -> Iterator[str]:
    """Class and verbs of each contract."""
    yield "## A router"
    yield _text(inspect.getdoc(hooks.TrafficRouter))
    yield "## A router's verbs"
    yield f"Mandatory: {_named(REQUIRED_VERBS)}; a router has of the others what it can."
    yield from _verbs(hooks.TrafficRouter, VERBS)
    yield "## A metric provider"
    yield _text(inspect.getdoc(hooks.MetricProvider))
    yield "## A metric provider's verbs"
    yield f"Mandatory: {_named(REQUIRED_METRIC_VERBS)}; a provider has of the others what it can."
    yield from _verbs(hooks.MetricProvider, METRIC_VERBS)


def _named(verbs: Sequence[str]) -> str:
    return " and ".join(f"`{verb}`" for verb in verbs)


def _verbs(owner: type, verbs: Sequence[str]) -> Iterator[str]:
    for verb in verbs:
        function = getattr(owner, verb)
        summary, said = parts_of(inspect.getdoc(function) or "")
        rows = [f"| {heading} | {text} |" for heading, text in said.items()]
        yield f"### {verb}"
        yield f"{summary}"
        yield f"```python\n{_signature(function)}\n```"
        yield "\n".join(["| | |", "|---|---|", *rows])


def _values() -> Iterator[str]:
    for heading, names in VALUES.items():
        yield f"## {heading}"
        for name in names:
            found = getattr(hooks, name)
            yield f"### {name}"
            yield _text(inspect.getdoc(found))
            yield from _members(found)


def _members(found: Any) -> Iterator[str]:
    if not inspect.isclass(found):
        yield f"```python\n{_signature(found)}\n```"
    elif issubclass(found, BaseModel):
        rows = [f"    {name}: {written}" for name, written in inspect.get_annotations(found).items()]
        yield f"```python\nclass {found.__name__}:\n" + "\n".join(rows) + "\n```"
    elif issubclass(found, list | dict):
        return
    elif issubclass(found, Enum):
        remarks = dict(re.findall(r"^    (\w+) = .*?  # (.*)$", inspect.getsource(found), re.M))
        rows = [f"| `{found.__name__}.{name}` | {_line(remarks.get(name, ''))} |" for name in found.__members__]
        yield "\n".join(["| | |", "|---|---|", *rows])
    elif is_dataclass(found):
        yield f"```python\n{_declared(found)}\n```"
    else:
        for name, function in inspect.getmembers(found, inspect.isfunction):
            if not name.startswith("_") and name != "changes":
                yield f"```python\n{_signature(function)}\n```"
                yield _text(inspect.getdoc(function))


def _errors() -> Iterator[str]:
    yield "## What a verb may raise"
    rows = [
        f"| `{_call(getattr(hooks, name))}` | {_line(inspect.getdoc(getattr(hooks, name)) or '')} |"
        for name in hooks.__all__
        if _is_error(name)
    ]
    yield "\n".join(["| error | meaning |", "|---|---|", *rows])
    yield "Anything else that a verb raises is reported as the plugin's fault, with its name and version."


def _is_error(name: str) -> bool:
    found = getattr(hooks, name)
    return inspect.isclass(found) and issubclass(found, TidegateError)


def _call(error: type) -> str:
    if "__init__" not in vars(error) and not issubclass(error, hooks.ApiError):
        return f"{error.__name__}(message)"
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in _parameters(error)]
    return f"{error.__name__}{inspect.Signature(parameters)}"


def _parameters(owner: type) -> list[inspect.Parameter]:
    return list(inspect.signature(owner).parameters.values())


def _field(found: Field[Any], owner: type) -> str:
    """A field as the class declares it: its name, its annotation, its default."""
    default = inspect.signature(owner).parameters[found.name].default
    declared = f"{found.name}: {found.type}"
    if default is inspect.Parameter.empty:
        return declared
    shown = "..." if "factory" in repr(default) or is_dataclass(default) else repr(default).replace("'", '"')
    return f"{declared} = {shown}"


def _signature(function: Callable[..., object]) -> str:
    source = textwrap.dedent(inspect.getsource(function))
    match = re.search(r"def .*?:\n", source, re.S)
    assert match is not None, f"no signature in {source!r:.80}"
    return f"{match.group().rstrip()} ..."


def _declared(owner: type) -> str:
    """The fields of a dataclass as its source has them; they may be given in this order, or by name."""
    return f"class {owner.__name__}:\n" + "\n".join(f"    {_field(field, owner)}" for field in fields(owner))


def _line(text: str) -> str:
    """The text on one line, fit for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _text(doc: str | None) -> str:
    """The docstring with a line for each sentence, as pages are written."""
    assert doc, "a name of the contract without a docstring"
    paragraphs = [" ".join(part.split()) for part in doc.split("\n\n")]
    return "\n\n".join(re.sub(r"(?<=\.)(?<!e\.g\.) (?=[A-Z`(])", "\n", part) for part in paragraphs)


def main() -> int:
    """Exit code 0 when the page is written."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
