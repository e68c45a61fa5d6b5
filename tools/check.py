"""Everything that can be said about the workspace without running it: `make check`.

All checks run, so that one call shows everything; the exit code is 1 if any failed.
`python tools/check.py NAME ...` runs the named ones alone.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

# Started as a script, so its own folder is on the path.
from house.fragments import misnamed
from house.hygiene import strangers
from house.sizes import measure, oversized, table
from house.sources import Finding, listing
from house.workspace import ROOT, kept, packages

BIN = Path(sys.executable).parent


def tool(name: str, *arguments: str | Path) -> bool:
    """Runs a tool of the environment; its output is shown as it comes."""
    return subprocess.run([BIN / name, *arguments], cwd=ROOT, check=False).returncode == 0


def clean(findings: Iterable[Finding]) -> bool:
    """Prints the findings; true if there are none."""
    text = listing(findings)
    if text:
        print(text, flush=True)
    return not text


def typed() -> list[Path]:
    """What mypy looks at: sources and tests of every package, the shared tests, the tools and the benchmarks."""
    folders = [folder for package in packages() for folder in (package.source, package.folder / "tests")]
    folders += [ROOT / name for name in ("tests", "tools", "benchmarks", "examples")]
    return [folder for folder in folders if any(folder.rglob("*.py"))]


def sizes() -> bool:
    """Prints the size report and judges the hard limits."""
    measured = [(package.name, measure(package.modules())) for package in packages()]
    print("\n".join(table(measured, ROOT)), flush=True)
    return clean(finding for _, each in measured for finding in oversized(each))


def changelog() -> bool:
    """Whether the fragments can be rendered: by their names, then by towncrier itself."""
    if not clean(misnamed(ROOT)):
        return False
    command = [str(BIN / "towncrier"), "build", "--draft", "--version", "next"]
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


CHECKS: Mapping[str, Callable[[], bool]] = {
    "lint": lambda: tool("ruff", "check", "--quiet", "."),
    "format": lambda: tool("ruff", "format", "--check", "--quiet", "."),
    "types": lambda: tool("mypy", "--strict", "--no-error-summary", *typed()),
    "sizes": sizes,
    "places": lambda: clean(strangers(kept())),
    "changelog": changelog,
}


def main() -> int:
    """Exit code 0 when every check passed, 1 when one failed, 2 for an unknown name."""
    wanted = sys.argv[1:] or list(CHECKS)
    if unknown := [name for name in wanted if name not in CHECKS]:
        print(f"check: no such check: {', '.join(unknown)}; have {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted:
        started = time.monotonic()
        passed = CHECKS[name]()
        print(f"check {name}: {'ok' if passed else 'FAILED'} in {time.monotonic() - started:.1f} s", flush=True)
        failed += [] if passed else [name]
    if failed:
        print(f"check: failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
