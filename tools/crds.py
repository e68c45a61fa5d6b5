"""Writes deploy/crds from the schemas in the `crds_*` modules beside this one.

`python tools/crds.py` writes; `python tools/crds.py --check` only compares, prints what is stale and exits 1 then.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from crds_analysis import run, template
from crds_experiment import experiment
from crds_notation import Schema, text
from crds_rollout import rollout

FOLDER = Path(__file__).parent.parent / "deploy" / "crds"
GROUP, VERSION = "argoproj.io", "v1alpha1"
_HEAD = "# Written by tools/crds.py; change the schemas there.\n"

Column = tuple[str, str, str, str]
_AGE: Column = ("Age", "date", ".metadata.creationTimestamp", "Time since it was made.")
_STATUS: Column = ("Status", "string", ".status.phase", "How it stands.")
_ROLLOUT_COLUMNS: tuple[Column, ...] = (
    ("Desired", "integer", ".spec.replicas", "How many pods are wanted."),
    ("Current", "integer", ".status.replicas", "How many pods there are, of all versions."),
    ("Up-to-date", "integer", ".status.updatedReplicas", "How many of them have the wanted template."),
    ("Available", "integer", ".status.availableReplicas", "How many of them are available."),
    _AGE,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of the API. `subresources` are those of the API: clients rely on which kind has none."""

    name: str
    about: str
    short: str
    columns: tuple[Column, ...]
    fields: dict[str, Schema]
    scope: str = "Namespaced"
    subresources: Schema | None = None

    @property
    def plural(self) -> str:
        """The name in paths."""
        return f"{self.name.lower()}s"

    def definition(self) -> Schema:
        """The CustomResourceDefinition."""
        names = {
            "kind": self.name,
            "listKind": f"{self.name}List",
            "plural": self.plural,
            "singular": self.name.lower(),
            "shortNames": [self.short],
        }
        version = {
            "name": VERSION,
            "served": True,
            "storage": True,
            "additionalPrinterColumns": [
                {"name": name, "type": type_, "jsonPath": path, "description": about}
                for name, type_, path, about in self.columns
            ],
            "schema": {"openAPIV3Schema": self._schema()},
        }
        if self.subresources is not None:
            version["subresources"] = self.subresources
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{GROUP}"},
            "spec": {"group": GROUP, "names": names, "scope": self.scope, "versions": [version]},
        }

    def _schema(self) -> Schema:
        properties = {
            "apiVersion": text(f"{GROUP}/{VERSION}."),
            "kind": text(f"{self.name}."),
            "metadata": {"type": "object"},
            **self.fields,
        }
        return {"type": "object", "description": self.about, "required": ["spec"], "properties": properties}


def kinds() -> list[Kind]:
    """All five, in the order of the folder."""
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.HPAReplicas",
        "labelSelectorPath": ".status.selector",
    }
    return [
        Kind(
            "Rollout",
            "Runs pods like a Deployment does, and moves to a new version by canary or blue-green.",
            "ro",
            _ROLLOUT_COLUMNS,
            rollout(),
            subresources={"status": {}, "scale": scale},
        ),
        Kind("AnalysisTemplate", "Metrics to judge a version by, in one namespace.", "at", (_AGE,), template()),
        Kind(
            "ClusterAnalysisTemplate",
            "Metrics to judge a version by, for all namespaces.",
            "cat",
            (_AGE,),
            template(),
            scope="Cluster",
        ),
        Kind("AnalysisRun", "Measures metrics and comes to a verdict.", "ar", (_STATUS, _AGE), run()),
        Kind("Experiment", "Runs several versions side by side for a while.", "exp", (_STATUS, _AGE), experiment()),
    ]


def documents() -> dict[str, str]:
    """The folder's files and what should be in them."""
    made = {f"{kind.plural}.yaml": _HEAD + _dump(kind.definition()) for kind in kinds()}
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(made)}
    return made | {"kustomization.yaml": _HEAD + _dump(kustomization)}


class _Plain(yaml.SafeDumper):
    """A dumper that repeats shared parts instead of writing YAML anchors, which reviewers and some tools trip over."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  the name is the base class's
        return True


def _dump(document: Schema) -> str:
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


def main() -> int:
    """Writes or compares; 1 when a comparison found a difference."""
    parser = argparse.ArgumentParser(prog="crds.py", description="Write deploy/crds from the schemas.")
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    stale = [name for name, text_ in documents().items() if not _same(FOLDER / name, text_)]
    stale += [path.name for path in FOLDER.glob("*.yaml") if path.name not in documents()]
    if check:
        for name in stale:
            print(f"deploy/crds/{name}: not what tools/crds.py writes; run `python tools/crds.py`", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text_ in documents().items():
        (FOLDER / name).write_text(text_, encoding="utf-8")
    return 0


def _same(path: Path, wanted: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == wanted


if __name__ == "__main__":
    sys.exit(main())
