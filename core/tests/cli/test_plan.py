"""`tidegate plan` tells an operator's story of the next pass, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from typer.testing import Result

from tidegate.cli.standing import SENTENCES
from tidegate.cli.wording import unknown, words
from tidegate.errors import ConfigError
from tidegate.machine import actions, checking, routing
from tidegate.machine.actions import Action
from tidegate.machine.rollout.situation import Situation

Run = Callable[..., Result]
Dump = Callable[..., str]

STEPS: list[dict[str, Any]] = [{"setWeight": 10}, {"pause": {"duration": "30s"}}, {"setWeight": 50}]
PAUSED = {
    "currentStepIndex": 1,
    "controllerPause": True,
    "phase": "Paused",
    "message": "CanaryPauseStep",
    "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T11:59:45Z"}],
}
ROUTED = {
    "canaryService": "demo-canary",
    "stableService": "demo-stable",
    "trafficRouting": {"mesh": {"split": "web"}},
}
HALFWAY: dict[str, Any] = {"new": (5, 5), "stable": (10, 10), "status": {"currentStepIndex": 2}, "canary": ROUTED}


def line(text: str, title: str) -> str:
    """The first line of a block."""
    return next(each for each in text.splitlines() if each.startswith(f"  {title}")).removeprefix(f"  {title}").strip()


def test_a_step_that_waits_names_its_pods(run: Run, dump: Dump, now: str) -> None:
    result = run("plan", "-f", dump(STEPS, new=(1, 0)), "--at", now)
    assert result.exit_code == 0
    assert result.output.startswith(
        "Rollout shop/demo: updating, it is on the way from revision 1 (demo-def) to revision 2"
    )
    assert (
        line(result.output, "position") == "step 1/3, setWeight: 10; waits for 1 available pod of demo-abc (0 of 1 now)"
    )
    assert line(result.output, "next") == "nothing but the status"


def test_a_step_that_is_reached_shows_the_status_before_and_after(run: Run, dump: Dump, now: str) -> None:
    output = run("plan", "-f", dump(STEPS), "--at", now).output
    assert line(output, "position") == "step 1/3, setWeight: 10; done with this pass"
    assert line(output, "status") == "Progressing (more replicas need to be updated) -> Paused (CanaryPauseStep)"
    assert "currentStepIndex 0 -> 1" in output
    assert "Normal RolloutPaused: Rollout is paused (CanaryPauseStep)" in output
    assert line(output, "looks again") == "2026-01-01T12:00:30Z (in 30 s), earlier if something changes"


@pytest.mark.parametrize(
    ("pause", "said"),
    [
        ({"duration": "30s"}, "over 2026-01-01T12:00:15Z (in 15 s)"),
        ({}, "until somebody resumes it: kubectl argo rollouts promote demo"),
    ],
    ids=["timed", "endless"],
)
def test_a_pause_says_how_it_ends(run: Run, dump: Dump, now: str, pause: dict[str, Any], said: str) -> None:
    steps = [{"setWeight": 10}, {"pause": pause}, {"setWeight": 50}]
    output = run("plan", "-f", dump(steps, status=PAUSED), "--at", now).output
    assert said in line(output, "position")


def test_actions_are_numbered_words_with_their_reason(run: Run, dump: Dump, now: str) -> None:
    path = dump(STEPS, new=(0, 0), stable=(10, 10))
    output = run("plan", "-f", path, "--at", now).output
    assert "ReplicaSet demo-def (revision 1) 10 -> 9: stable 10 -> 9" in output
    assert line(output, "next").startswith("1. scale ReplicaSet ")
    assert "Scaled down ReplicaSet demo-def (revision 1) from 10 to 9" in output


def test_json_has_types_fields_and_reasons(run: Run, dump: Dump, now: str) -> None:
    path = dump(STEPS, new=(0, 0), stable=(10, 10))
    (plan,) = json.loads(run("plan", "-f", path, "--at", now, "-o", "json").output)["plans"]
    assert plan["rollout"] == {"namespace": "shop", "name": "demo"}
    assert plan["situation"]["name"] == "updating"
    (down,) = [each for each in plan["actions"] if each["fields"]["name"] == "demo-def"]
    assert down["type"] == "PatchReplicaSet"
    assert down["fields"]["replicas"] == 9
    assert down["fields"]["resourceVersion"] == "7"
    assert down["why"] == "stable 10 -> 9"
    assert plan["status"]["before"]["phase"] == "Progressing"


def test_router_writes_are_shown_only_when_asked_for(run: Run, dump: Dump, now: str, mesh: Callable[..., None]) -> None:
    path = dump(STEPS, **HALFWAY)
    plan = mesh_plan(run, mesh, path, now)
    assert "router mesh: send 50 % to the canary, 50 % to stable" in plan
    assert "splits.example.com" not in plan
    shown = mesh_plan(run, mesh, path, now, "--router-writes")
    assert 'creates splits.example.com "web"' in shown
    assert "metadata.annotations.made-for = demo" in shown
    assert "Normal SplitCreated: Created split web" in shown
    (found,) = json.loads(mesh_plan(run, mesh, path, now, "--router-writes", "-o", "json"))["plans"]
    writes = [write for action in found["actions"] for write in action.get("writes", [])]
    assert [(write["verb"], write["patch"]["spec"]) for write in writes] == [("create", {"canary": 50})]


def test_a_patch_of_a_router_shows_its_fields(run: Run, dump: Dump, now: str, mesh: Callable[..., None]) -> None:
    split = {"apiVersion": "example.com/v1", "kind": "Split", "metadata": {"name": "web", "namespace": "shop"}}
    path = dump(STEPS, **HALFWAY, more=[{**split, "spec": {"canary": 10}}])
    shown = mesh_plan(run, mesh, path, now, "--router-writes")
    assert 'patches splits.example.com "web": spec.canary 10 -> 50' in shown


def test_a_wrapper_that_refuses_is_told_and_the_status_follows_from_it(
    run: Run, dump: Dump, now: str, mesh: Callable[..., None]
) -> None:
    output = mesh_plan(run, mesh, dump(STEPS, **HALFWAY), now, "--router-writes", frozen=True)
    assert "will not be done: frozen until Monday" in output
    assert "currentStepIndex 2 -> 3" not in output
    assert "Traffic weight updated" not in output


def mesh_plan(run: Run, mesh: Callable[..., None], path: str, now: str, *flags: str, frozen: bool = False) -> str:
    """The output of `plan` where `mesh` is the only plugin."""
    import_module("tidegate.cli.plan")
    mesh(frozen=frozen)
    return run("plan", "-f", path, "--at", now, *flags).output


def test_an_invalid_rollout_ends_in_exit_code_1_and_names_the_field(run: Run, dump: Dump, now: str) -> None:
    result = run("plan", "-f", dump([{"setWeight": 120}]), "--at", now)
    assert result.exit_code == 1
    assert "it cannot work as written" in result.output
    assert "steps[0].setWeight: Invalid value: 120" in result.output


def test_a_rollout_that_is_not_there_names_those_that_are(run: Run, dump: Dump) -> None:
    with pytest.raises(ConfigError, match="no Rollout web in there; have shop/demo"):
        run("plan", "web", "-f", dump(STEPS))


@pytest.mark.parametrize(("flag", "value"), [("--at", "noon"), ("-o", "yaml")])
def test_a_flag_that_cannot_be_used_is_named(run: Run, dump: Dump, flag: str, value: str) -> None:
    with pytest.raises(ConfigError, match=repr(value)):
        run("plan", "-f", dump(STEPS), flag, value)


def test_every_situation_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Situation)


def every_action() -> list[type[Action]]:
    """Every action that the machine can want."""
    found = [value for module in (actions, routing, checking) for value in vars(module).values()]
    kinds = {each for each in found if isinstance(each, type) and issubclass(each, Action)}
    return sorted(kinds - {Action, routing.RouterAction}, key=lambda each: each.__name__)


@pytest.mark.parametrize("kind", every_action(), ids=lambda kind: kind.__name__)
def test_every_action_has_words(kind: type[Action], an_action: Callable[[type[Action]], Any]) -> None:
    action, seen = an_action(kind)
    assert kind.__name__ not in words(action, seen)
    assert words(action, seen) != unknown(action)


CHECKED: list[dict[str, Any]] = [{"analysis": {"templates": [{"templateName": "errors"}]}}, {"pause": {}}]


def errors(**metric: Any) -> dict[str, Any]:
    """A template of the Rollout's namespace."""
    spec = {"metrics": [{"name": "errors", "provider": {"job": {}}, **metric}]}
    metadata = {"name": "errors", "namespace": "shop"}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("more", [[], [errors()]], ids=["alone", "with its template"])
def test_a_run_that_would_be_started_is_told(run: Run, dump: Dump, now: str, more: list[dict[str, Any]]) -> None:
    result = run("plan", "-f", dump(CHECKED, more=more), "--at", now)
    assert result.exit_code == 0
    assert "1. start Step AnalysisRun demo-abc-2-0 (errors) for revision 2 (demo-abc)" in result.output


def test_a_template_that_cannot_work_is_told_before_any_run(run: Run, dump: Dump, now: str) -> None:
    result = run("plan", "-f", dump(CHECKED, more=[errors(interval="1m")]), "--at", now)
    assert result.exit_code == 1
    assert "AnalysisTemplate errors has metric errors which runs indefinitely" in result.output
