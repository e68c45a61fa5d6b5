"""The commands that work without a cluster, as an application team types them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tidegate.cli.main import assemble, main

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "examples" / "canary")


def tidegate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process; its exit code, output and errors."""
    with pytest.raises(SystemExit) as ended:
        assemble(arguments)(list(arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def changed(tmp_path: Path, old: str, new: str) -> str:
    """The example's Rollout with one text replaced."""
    text = (ROOT / "examples" / "canary" / "rollout.yaml").read_text()
    assert old in text
    path = tmp_path / "rollout.yaml"
    path.write_text(text.replace(old, new))
    return str(path)


def test_the_example_passes_lint(capsys: pytest.CaptureFixture[str]) -> None:
    assert tidegate(capsys, "lint", "-f", EXAMPLE) == (0, "1 Rollouts checked, 0 problems\n", "")


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("setWeight: 10", "setWeight: 120", "spec.strategy.steps[0].setWeight: Invalid value: 120"),
        ("nginx:", "weir:", "no installed plugin provides it; have"),
        ("stableIngress: checkout", "stableIngres: checkout", "trafficRouting.nginx"),
        ("replicas: 5", "replicas: five", "spec.replicas"),
        ("duration: 5s", "duration: soon", "spec.strategy.steps[1].pause.duration: Invalid value: -1"),
    ],
    ids=["weight", "router", "config", "type", "duration"],
)
def test_lint_names_file_field_and_value(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, part: str
) -> None:
    code, out, _ = tidegate(capsys, "lint", "-f", changed(tmp_path, old, new))
    assert code == 1
    assert part in out
    assert "rollout.yaml" in out


def test_lint_reads_standard_input_and_answers_in_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = Path(changed(tmp_path, "setWeight: 10", "setWeight: -1")).read_text()
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    code, out, _ = tidegate(capsys, "lint", "-f", "-", "-o", "json")
    found = json.loads(out)
    assert (code, found["rollouts"], len(found["problems"])) == (1, 1, 1)
    assert found["problems"][0]["path"] == "spec.strategy.steps[0].setWeight"


def test_a_missing_service_beside_others_is_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("rollout.yaml", "ingress.yaml"):
        (tmp_path / name).write_text((ROOT / "examples" / "canary" / name).read_text())
    services = list(yaml.safe_load_all((ROOT / "examples" / "canary" / "services.yaml").read_text()))
    (tmp_path / "services.yaml").write_text(yaml.safe_dump(services[0]))
    code, out, _ = tidegate(capsys, "lint", "-f", str(tmp_path))
    assert code == 1
    assert 'service "checkout-canary" not found' in out


def test_files_that_cannot_be_read_are_named_and_the_others_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "broken.yaml").write_text("kind: Rollout\nspec: [\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "bare.yaml").write_text("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\n")
    changed(tmp_path, "setWeight: 10", "setWeight: 120")
    code, out, _ = tidegate(capsys, "lint", "-f", str(tmp_path))
    assert code == 1
    for part in ("broken.yaml:", "binary.yaml: ", "bare.yaml:1: Rollout: metadata.name", "Invalid value: 120"):
        assert part in out
    assert out.splitlines()[-1] == "1 Rollouts checked, 4 problems"


def test_namesakes_in_a_folder_are_all_checked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bad = (ROOT / "examples" / "canary" / "rollout.yaml").read_text().replace("setWeight: 10", "setWeight: 120")
    (tmp_path / "base.yaml").write_text(bad)
    (tmp_path / "production.yaml").write_text((ROOT / "examples" / "canary" / "rollout.yaml").read_text())
    code, out, _ = tidegate(capsys, "lint", "-f", str(tmp_path))
    assert code == 1
    assert "base.yaml:" in out
    assert out.splitlines()[-1] == "2 Rollouts checked, 1 problems"


def test_a_folder_without_a_rollout_does_not_pass(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = tidegate(capsys, "lint", "-f", str(tmp_path))
    assert code == 1
    assert "no Rollout is in there" in out


def test_a_source_that_is_not_there_is_one_line_with_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "nothing.yaml"
    monkeypatch.setattr(sys, "argv", ["tidegate", "lint", "-f", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert captured.err.startswith(f"tidegate: {path}: no such file")
    assert len(captured.err.splitlines()) == 1


def test_plan_tells_what_comes_next_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = tidegate(capsys, "plan", "-f", EXAMPLE)
    assert code == 0
    assert out.startswith("Rollout default/checkout: new revision, no ReplicaSet runs this template yet")
    assert "1. create ReplicaSet checkout-" in out
    assert "of example.com/shop/checkout:v1: no ReplicaSet runs this template" in out


def test_plan_of_a_rollout_that_is_not_there_names_those_that_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["tidegate", "plan", "-f", EXAMPLE, "shop"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no Rollout shop in there; have default/checkout" in capsys.readouterr().err


def test_the_example_is_simulated_through_its_router(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    svg = tmp_path / "checkout.svg"
    code, out, _ = tidegate(capsys, "simulate", "-f", EXAMPLE, "--svg", str(svg))
    assert code == 0
    assert "assumed: router nginx obeys at once" in out
    assert "Traffic weight updated from 50 to 75" in out
    assert svg.read_text().startswith("<svg ")


def test_plugins_show_where_they_are_from_and_what_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = tidegate(capsys, "plugins", "list")
    assert code == 0
    assert "tidegate-nginx==" in out
    code, out, _ = tidegate(capsys, "plugins", "show", "nginx")
    assert code == 0
    assert yaml.safe_load(out)["router"] == "nginx"
    code, out, _ = tidegate(capsys, "plugins", "rbac")
    roles = list(yaml.safe_load_all(out))
    granted = {(rule["apiGroups"][0], rule["resources"][0]) for role in roles for rule in role.get("rules", ())}
    assert ("networking.k8s.io", "ingresses") in granted


@pytest.mark.parametrize(
    "command", [["--help"], ["lint", "-f", EXAMPLE], ["plan", "-f", EXAMPLE], ["simulate", "-f", EXAMPLE]]
)
def test_commands_without_a_cluster_do_not_import_the_client(command: list[str]) -> None:
    code = (
        "import sys; sys.argv[1:] = " + repr(command) + "\n"
        "from tidegate.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "sys.exit(3 if 'kubernetes' in sys.modules else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
