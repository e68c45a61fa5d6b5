"""Names, columns and subresources that clients rely on; and that the files are what the generator writes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

Manifest = dict[str, Any]


def test_the_files_are_what_the_generator_writes(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "tools" / "crds.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_kustomization_lists_every_definition(root: Path) -> None:
    folder = root / "deploy" / "crds"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == sorted(path.name for path in folder.glob("*.yaml"))


@pytest.mark.parametrize(
    ("kind", "plural", "short", "scope"),
    [
        ("Rollout", "rollouts", "ro", "Namespaced"),
        ("AnalysisTemplate", "analysistemplates", "at", "Namespaced"),
        ("ClusterAnalysisTemplate", "clusteranalysistemplates", "cat", "Cluster"),
        ("AnalysisRun", "analysisruns", "ar", "Namespaced"),
        ("Experiment", "experiments", "exp", "Namespaced"),
    ],
)
def test_kinds_have_the_names_that_clients_use(
    definitions: dict[str, Manifest], kind: str, plural: str, short: str, scope: str
) -> None:
    spec = definitions[kind]["spec"]
    assert definitions[kind]["metadata"]["name"] == f"{plural}.argoproj.io"
    assert (spec["group"], spec["scope"]) == ("argoproj.io", scope)
    assert (spec["names"]["plural"], spec["names"]["shortNames"]) == (plural, [short])
    assert [(one["name"], one["served"], one["storage"]) for one in spec["versions"]] == [("v1alpha1", True, True)]


def test_only_the_rollout_has_subresources(definitions: dict[str, Manifest]) -> None:
    found = {kind: one["spec"]["versions"][0].get("subresources") for kind, one in definitions.items()}
    assert found.pop("Rollout") == {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.HPAReplicas",
            "labelSelectorPath": ".status.selector",
        },
    }
    # Clients patch spec and status of the others in one call.
    assert set(found.values()) == {None}


def test_columns_read_what_clients_print(definitions: dict[str, Manifest]) -> None:
    def columns(kind: str) -> list[tuple[str, str]]:
        version = definitions[kind]["spec"]["versions"][0]
        return [(one["name"], one["jsonPath"]) for one in version["additionalPrinterColumns"]]

    age, status = ("Age", ".metadata.creationTimestamp"), ("Status", ".status.phase")
    assert columns("Rollout") == [
        ("Desired", ".spec.replicas"),
        ("Current", ".status.replicas"),
        ("Up-to-date", ".status.updatedReplicas"),
        ("Available", ".status.availableReplicas"),
        age,
    ]
    assert columns("AnalysisRun") == columns("Experiment") == [status, age]
    assert columns("AnalysisTemplate") == columns("ClusterAnalysisTemplate") == [age]


def _fields(schema: Manifest, path: str) -> Iterator[tuple[str, Manifest]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from _fields(field, f"{path}.{name}")
    if "items" in schema:
        yield from _fields(schema["items"], f"{path}[]")


def test_every_field_says_what_it_is(schemas: dict[str, Manifest]) -> None:
    silent = [
        path
        for kind, schema in schemas.items()
        for path, field in _fields(schema, kind)
        if not field.get("description", "").endswith((".", "...")) and not path.endswith(f"{kind}.metadata")
    ]
    assert silent == []


def test_the_schema_leaves_defaults_and_bounds_to_the_controller(schemas: dict[str, Manifest]) -> None:
    # A default would change stored manifests; a bound would refuse at the door what the object itself should explain.
    judged = {"default", "minimum", "maximum", "enum", "pattern", "minItems", "maxItems", "minLength", "maxLength"}
    found = [path for kind, schema in schemas.items() for path, field in _fields(schema, kind) if judged & set(field)]
    assert found == []


def test_only_the_selector_is_immutable(schemas: dict[str, Manifest]) -> None:
    rules = {
        path: field["x-kubernetes-validations"]
        for kind, schema in schemas.items()
        for path, field in _fields(schema, kind)
        if "x-kubernetes-validations" in field
    }
    assert rules == {"Rollout.spec.selector": [{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}]}
