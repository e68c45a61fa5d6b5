"""What has to be in a wheel, and what must not."""

import configparser
import zipfile
from collections.abc import Iterator, Sequence
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LICENSE = "licenses/LICENSE"
# A wheel that brings nothing to find would install and do nothing.
GROUPS = {"tidegate.plugins", "tidegate.commands", "pytest11", "console_scripts"}
STRAY = {"tests", "examples", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
# The template is a package in the making: it has tests on purpose.
TEMPLATE = "tidegate/cli/template/"


def faults(wheel: Path) -> Iterator[str]:
    """Everything that is wrong with the contents of a wheel; nothing for a sound one."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        entries = archive.read(f"{info}/entry_points.txt").decode() if f"{info}/entry_points.txt" in names else ""
    yield from _missing(names, info)
    yield from _stray(names, info)
    yield from _unfound(entries, names)
    yield from _undescribed(_metadata(wheel))


def unmet(wheels: Sequence[Path]) -> Iterator[str]:
    """Requirements of one wheel on another of the same release that its version does not satisfy, extras included.

    A workspace hides them: what is installed in place is there, whatever its version.
    """
    described = [HeaderParser().parsestr(_metadata(wheel)) for wheel in wheels]
    versions = {canonicalize_name(str(each["Name"])): str(each["Version"]) for each in described}
    for each in described:
        for line in each.get_all("Requires-Dist", []):
            wanted = Requirement(line)
            found = versions.get(canonicalize_name(wanted.name))
            if found is not None and not wanted.specifier.contains(found):
                yield f"{each['Name']} {each['Version']} asks for {wanted}, and this release has {wanted.name} {found}"


def _metadata(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return archive.read(name).decode()


def _missing(names: list[str], info: str) -> Iterator[str]:
    tops = {name.partition("/")[0] for name in names} - {info}
    if len(tops) != 1:
        yield f"it holds {', '.join(sorted(tops)) or 'no package'}; one package a wheel"
    yield from (f"{top}/py.typed is missing: type checkers would not read it" for top in tops if not _typed(top, names))
    if f"{info}/{LICENSE}" not in names:
        yield "the LICENSE is missing"
    if any(name.startswith("tidegate/") for name in names) and f"{TEMPLATE}copier.yml" not in names:
        yield f"{TEMPLATE} is missing: `tidegate plugins new` would have nothing to copy"


def _typed(top: str, names: list[str]) -> bool:
    return f"{top}/py.typed" in names


def _stray(names: list[str], info: str) -> Iterator[str]:
    for name in names:
        parts = set(PurePosixPath(name).parts)
        if not name.startswith((TEMPLATE, info)) and (parts & STRAY or name.endswith((".pyc", ".jinja"))):
            yield f"{name} does not belong into a wheel"


def _unfound(entries: str, names: list[str]) -> Iterator[str]:
    parsed = configparser.ConfigParser(delimiters=("=",))
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(entries)
    if not GROUPS & set(parsed.sections()):
        yield "it has no entry point: nobody would find what it brings"
    for group in parsed.sections():
        for name, target in parsed[group].items():
            module = target.partition(":")[0].replace(".", "/")
            if f"{module}.py" not in names and f"{module}/__init__.py" not in names:
                yield f"entry point {name} of {group} names {target}, which is not in it"


def _undescribed(metadata: str) -> Iterator[str]:
    head, _, page = metadata.partition("\n\n")
    fields = {line.partition(":")[0] for line in head.splitlines()}
    wanted = {"Summary", "License-Expression", "Requires-Python"}
    yield from (f"its metadata has no {field}" for field in sorted(wanted - fields))
    if not page.strip():
        yield "its metadata has no page: set `readme` in pyproject.toml"
