"""Builds a wheel of every package into dist/ and looks at what is in them.

Run by `make dist`. A folder may be given instead of dist/. Wheels of an earlier run in it are replaced; a folder that
holds anything else is refused.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

# Started as a script, so its own folder is on the path.
from house.wheels import faults, unmet
from setup import ROOT, packages


def strangers(into: Path, folders: Sequence[Path]) -> list[str]:
    """What a folder holds beside wheels of these packages; nothing for one that does not exist."""
    if not into.exists():
        return []
    if not into.is_dir():
        return [into.name]
    projects = [tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"] for folder in folders]
    ours = {project.replace("-", "_") for project in projects}
    found = sorted(path.name for path in into.iterdir())
    return [name for name in found if not (name.endswith(".whl") and name.partition("-")[0] in ours)]


def build(folders: Sequence[Path], into: Path) -> list[Path]:
    """Wheels of the packages, built with what this environment has. Raises CalledProcessError with the builder's words."""
    into.mkdir(parents=True, exist_ok=True)
    for old in into.glob("*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="tidegate-dist-") as scratch:
        for number, folder in enumerate(folders):
            staged = stage(folder, Path(scratch) / str(number))
            command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(into), str(staged)]
            subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return sorted(into.glob("*.whl"))


def stage(folder: Path, copy: Path) -> Path:
    """A copy of a package to build from: links are followed, caches stay behind, and the licence of all comes along."""
    shutil.copytree(
        folder, copy, ignore=shutil.ignore_patterns("__pycache__", ".*_cache", "*.egg-info", "dist", "build")
    )
    shutil.copy(ROOT / "LICENSE", copy / "LICENSE")
    return copy


def report(wheels: Sequence[Path]) -> Iterator[str]:
    """A line for each wheel, and one for each thing that is wrong with it."""
    for wheel in wheels:
        yield f"dist: {wheel.name}, {wheel.stat().st_size // 1024} KiB"
        yield from (f"dist: FAILED: {wheel.name}: {fault}" for fault in faults(wheel))
    yield from (f"dist: FAILED: {fault}" for fault in unmet(wheels))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when every package has a sound wheel."""
    parser = argparse.ArgumentParser(prog="dist", description="Build a wheel of every package and look inside.")
    parser.add_argument("into", nargs="?", type=Path, default=ROOT / "dist", help="the folder (default: dist/)")
    into: Path = parser.parse_args(arguments).into
    if others := strangers(into, packages()):
        parser.error(
            f"{into} holds {', '.join(others[:3])}; name a folder that is empty or holds only wheels of this project"
        )
    try:
        wheels = build(packages(), into)
    except subprocess.CalledProcessError as error:
        print(f"dist: FAILED: {error.cmd[-1]}:\n{error.stdout}", file=sys.stderr)
        return 1
    lines = [*report(wheels)]
    print("\n".join(lines))
    return int(any("FAILED" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
