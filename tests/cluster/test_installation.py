"""What a real API server makes of the examples and of the installation in deploy/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from realcluster.control_plane import CONTROLLER, ControlPlane

_ROOT = Path(__file__).parents[2]


def _manifests(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml")


def _examples() -> list[Path]:
    return [*_manifests(_ROOT / "examples"), *(_ROOT / "plugins").glob("*/examples/**/*.yaml")]


def _kinds(path: Path) -> set[str]:
    read = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return {one.get("kind", "") for one in read if isinstance(one, dict)}


@pytest.mark.parametrize(
    "path", [path for path in _examples() if "Rollout" in _kinds(path)], ids=lambda path: str(path.relative_to(_ROOT))
)
def test_examples_apply(plane: ControlPlane, namespace: str, path: Path, tmp_path: Path) -> None:
    read = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ours = tmp_path / path.name  # beside them may stand objects of a mesh that is not installed
    ours.write_text(yaml.safe_dump_all([one for one in read if one and one.get("kind") == "Rollout"]), encoding="utf-8")
    applied = plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", str(ours))
    assert "rollout.argoproj.io/" in applied


def test_the_installation_applies(plane: ControlPlane) -> None:
    applied = plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(_ROOT / "deploy"))
    assert len(applied.splitlines()) == 5 + 10
    again = plane.kubectl("diff", "--server-side", "--force-conflicts", "-k", str(_ROOT / "deploy"))
    assert again == ""


def test_the_controller_may_do_what_it_does_and_no_more(plane: ControlPlane) -> None:
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(_ROOT / "deploy"))

    def may(verb: str, resource: str, namespace: str = "default") -> bool:
        asked = {"namespace": namespace, "verb": verb, **_resource(resource)}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool(plane.api(CONTROLLER).call("POST", path, review)["status"]["allowed"])

    wanted = [
        ("get list watch patch", "argoproj.io/rollouts"),
        *(("get list watch create patch delete", f"argoproj.io/{one}") for one in ("analysisruns", "experiments")),
        *(("get list watch", f"argoproj.io/{one}") for one in ("analysistemplates", "clusteranalysistemplates")),
        ("get list watch create patch delete", "/services"),  # created and deleted for Experiments alone
        ("get list create delete", "batch/jobs"),
        ("patch", "argoproj.io/rollouts/status"),
        ("get list watch create patch delete", "apps/replicasets"),
        ("get list watch create patch delete", "networking.k8s.io/ingresses"),
        ("create patch", "/events"),
    ]
    assert [(verb, one) for verbs, one in wanted for verb in verbs.split() if not may(verb, one)] == []
    unwanted = [
        ("create update delete", "argoproj.io/rollouts"),
        ("update", "/services"),
        ("create update patch delete", "argoproj.io/analysistemplates"),
        ("watch update patch", "batch/jobs"),
        ("get list watch", "/secrets"),
        ("get create", "coordination.k8s.io/leases"),
    ]
    assert [(verb, one) for verbs, one in unwanted for verb in verbs.split() if may(verb, one)] == []
    assert may("create", "coordination.k8s.io/leases", "tidegate")


def _resource(text: str) -> dict[str, str]:
    group, resource, *subresource = text.split("/")
    return {"group": group, "resource": resource, "subresource": subresource[0] if subresource else ""}
