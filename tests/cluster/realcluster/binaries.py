"""Where the control plane's programs are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
_GO_MOD = Path(__file__).parent.parent / "controlplane" / "go.mod"


class MissingBinaries(Exception):
    """There is no control plane on this machine; the message says where was looked and what to run."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that has all four programs."""

    folder: Path

    def path(self, name: str) -> str:
        """The program as an argument for exec."""
        return str(self.folder / name)


def version() -> str:
    """The pinned Kubernetes version, e.g. `v1.34.2`: the one line of go.mod that decides it."""
    found = re.search(r"^require k8s\.io/kubernetes (\S+)$", _GO_MOD.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise MissingBinaries(f"{_GO_MOD}: no line `require k8s.io/kubernetes VERSION`; restore it")
    return found[1]


def cache_folder() -> Path:
    """Where `build.sh` puts the programs: the same rule as in that script."""
    cache = os.environ.get("TIDEGATE_CACHE")
    root = Path(cache) if cache else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidegate"
    return root / "controlplane" / version() / "bin"


def find() -> Binaries:
    """The programs: in KUBEBUILDER_ASSETS if that is set, else in the cache. Raises MissingBinaries."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(assets) if assets else cache_folder()
    missing = [name for name in NAMES if not os.access(folder / name, os.X_OK)]
    if not missing:
        return Binaries(folder)
    if assets:
        raise MissingBinaries(f"KUBEBUILDER_ASSETS={assets}: no {', '.join(missing)} there; add them or unset it")
    raise MissingBinaries(
        f"{folder}: no {', '.join(missing)}; `make control-plane` builds them with Go in about 5 minutes on two cores"
    )
