"""`tidegate plan` of a live Rollout: what it says is what the controller does next, and it writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.cli.live import namespace_of
from tidegate.cli.main import assemble
from tidegate.errors import ConfigError, ConnectionFailed
from tidegate_sandbox.manifests import read_manifests
from tidegate_sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Sandbox, str]]:
    """A sandbox with the shop of `examples/canary` and no controller, and the path of its kubeconfig."""
    with Sandbox() as sandbox:
        sandbox.install_crds(ROOT / "deploy" / "crds")
        sandbox.apply(read_manifests(ROOT / "examples" / "canary"))
        yield sandbox, str(sandbox.kubeconfig(tmp_path / "kubeconfig"))


def plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        assemble(["plan", *arguments])(["plan", *arguments])
    return int(ended.value.code or 0), capsys.readouterr().out


def versions(sandbox: Sandbox) -> dict[str, str]:
    """The resourceVersion of everything that a pass could have written."""
    kinds = ("rollouts.argoproj.io", "services", "ingresses.networking.k8s.io", "replicasets.apps", "events")
    found = [(kind, each["metadata"]) for kind in kinds for each in sandbox.objects.list(kind, "default")]
    return {f"{kind}/{metadata['name']}": metadata["resourceVersion"] for kind, metadata in found}


def test_a_live_rollout_is_planned_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], cluster: tuple[Sandbox, str]
) -> None:
    sandbox, kubeconfig = cluster
    before = versions(sandbox)
    code, out = plan(capsys, "checkout", "--kubeconfig", kubeconfig, "--router-writes", "-o", "json")
    (found,) = json.loads(out)["plans"]
    assert code == 0
    assert found["situation"]["name"] == "new revision"
    assert [action["type"] for action in found["actions"]] == ["CreateReplicaSet", "PatchRollout"]
    assert found["actions"][0]["fields"]["manifest"]["metadata"]["ownerReferences"][0]["uid"]
    assert versions(sandbox) == before


def test_without_a_name_every_rollout_of_the_namespace_is_planned(
    capsys: pytest.CaptureFixture[str], cluster: tuple[Sandbox, str]
) -> None:
    code, out = plan(capsys, "-n", "default", "--kubeconfig", cluster[1])
    assert code == 0
    assert out.startswith("Rollout default/checkout: new revision")


def test_what_is_not_there_is_answered_with_what_is(
    capsys: pytest.CaptureFixture[str], cluster: tuple[Sandbox, str]
) -> None:
    with pytest.raises(ConfigError, match="namespace default: no Rollout shop there; have checkout"):
        assemble(["plan"])(["plan", "shop", "--kubeconfig", cluster[1]], standalone_mode=False)


def test_without_a_cluster_the_kubeconfig_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing")
    with pytest.raises(ConnectionFailed, match=missing):
        assemble(["plan"])(["plan", "--kubeconfig", missing], standalone_mode=False)


@pytest.mark.parametrize(
    ("context", "namespace"), [("", "shop"), ("other", "default")], ids=["current context", "context without one"]
)
def test_the_namespace_is_the_contexts(tmp_path: Path, context: str, namespace: str) -> None:
    file = tmp_path / "config"
    contexts: list[dict[str, Any]] = [
        {"name": "here", "context": {"namespace": "shop"}},
        {"name": "other", "context": {}},
    ]
    file.write_text(yaml.safe_dump({"current-context": "here", "contexts": contexts}))
    assert namespace_of(str(file), context) == namespace
