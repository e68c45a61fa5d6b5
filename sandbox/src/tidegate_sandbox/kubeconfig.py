"""The kubeconfig that leads clients to a sandbox."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import yaml

CONTEXT = "tidegate-sandbox"


def kubeconfig_text(url: str, authority: bytes) -> str:
    """One cluster, user and context named `tidegate-sandbox`, the authority's certificate embedded.

    The token is a word like any other: the server asks nobody who they are, but kubectl prompts without one.
    """
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(authority).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": CONTEXT, "user": {"token": "sandbox"}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "default"}}],
        "current-context": CONTEXT,
    }
    return yaml.safe_dump(config, sort_keys=False)


def write_kubeconfig(path: Path, url: str, authority: bytes) -> Path:
    """Write it to `path`, making folders on the way; a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # kubectl warns about kubeconfigs that others can read.
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.touch(mode=0o600)
    scratch.write_text(kubeconfig_text(url, authority), encoding="utf-8")
    scratch.replace(path)
    return path
