"""Bad input: one clear message that says where and what to do, and everybody else goes on."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from tidegate.controller.main import run
from tidegate.controller.options import ControllerOptions


def routing(rollout: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = rollout["spec"]["strategy"]["canary"]["trafficRouting"]
    return found


def phase_is(theatre: Any, phase: str) -> bool:
    return bool(theatre.status().get("phase") == phase)


def expect_invalid(theatre: Any, *parts: str) -> None:
    theatre.until("InvalidSpec", lambda: phase_is(theatre, "Degraded"))
    message = theatre.status()["message"]
    assert message.startswith('InvalidSpec: The Rollout "checkout" is invalid: spec.')
    for part in parts:
        assert part in message


def test_an_unknown_provider_names_what_is_installed_and_what_to_install(theatre: Any) -> None:
    def edit(rollout: dict[str, Any]) -> None:
        routing(rollout)["weir"] = routing(rollout).pop("nginx")

    theatre.apply(edit=edit)
    theatre.start()
    expect_invalid(theatre, "trafficRouting.weir", "no installed plugin provides it; have", "nginx", "pip install")
    assert not theatre.sandbox.objects.list("replicasets.apps")


def test_an_invalid_step_names_its_field_and_value(theatre: Any) -> None:
    theatre.apply(edit=lambda r: r["spec"]["strategy"]["canary"]["steps"].append({"setWeight": 120}))
    theatre.start()
    expect_invalid(theatre, "spec.strategy.steps[8].setWeight: Invalid value: 120", "between 0 and 100")


@pytest.mark.parametrize(
    ("kind", "part"),
    [("Service", 'service "checkout-stable" not found'), ("Ingress", 'ingress.networking.k8s.io "checkout" not found')],
)
def test_a_missing_reference_is_named_and_noticed_when_it_appears(theatre: Any, kind: str, part: str) -> None:
    theatre.apply(without=kind)
    theatre.start()
    expect_invalid(theatre, part)
    theatre.apply()
    theatre.until_healthy("v1")


def test_a_service_that_selects_nothing_of_ours_is_named_with_its_label(theatre: Any) -> None:
    theatre.apply()
    service = theatre.sandbox.objects.get("services", "default", "checkout-stable")
    service["spec"]["selector"] = {"app": "something-else"}
    theatre.sandbox.objects.update("services", service)
    theatre.start()
    expect_invalid(theatre, 'Service "checkout-stable" has unmatch label "app" in rollout')


def test_a_broken_rollout_does_not_hold_up_another(theatre: Any) -> None:
    def edit(rollout: dict[str, Any]) -> None:
        rollout["metadata"]["name"] = "broken"
        rollout["spec"]["strategy"]["canary"]["trafficRouting"] = {"mesh": {}}

    theatre.apply(edit=edit)
    theatre.apply()
    theatre.start()
    theatre.until_healthy("v1")
    broken = theatre.sandbox.objects.get("rollouts.argoproj.io", "default", "broken")
    assert broken["status"]["phase"] == "Degraded"


def test_a_second_controller_waits_for_the_first(theatre: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tidegate")
    theatre.apply()
    theatre.start()
    theatre.until_healthy("v1")
    first = theatre.sandbox.objects.list("leases.coordination.k8s.io")[0]["spec"]["holderIdentity"]
    theatre.start()
    theatre.ship("v2")
    theatre.until_healthy("v2")
    assert theatre.sandbox.objects.list("leases.coordination.k8s.io")[0]["spec"]["holderIdentity"] == first
    assert theatre.stop() == [0, 0]


def test_a_kubeconfig_that_leads_nowhere_ends_with_one_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = run(ControllerOptions(kubeconfig=str(tmp_path / "nothing"), metrics_port=0, health_port=0))
    assert code == 1
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert str(tmp_path / "nothing") in errors[0]
    assert "--kubeconfig" in errors[0]


def test_a_port_in_use_ends_with_one_message(theatre: Any, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        code = run(ControllerOptions(kubeconfig=str(theatre.kubeconfig), metrics_port=port, health_port=0))
    assert code == 1
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert str(port) in errors[0]
    assert "--metrics-port" in errors[0]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"namespaces": ("Bad_NS",)}, ("--namespace", "Bad_NS")),
        ({"metrics_port": 8123, "health_port": 8123}, ("--metrics-port", "--health-port", "8123")),
    ],
    ids=["namespace", "one port twice"],
)
def test_flags_that_cannot_work_end_with_one_message(
    theatre: Any, caplog: pytest.LogCaptureFixture, options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    chosen = {"metrics_port": 0, "health_port": 0, **options}
    assert run(ControllerOptions(kubeconfig=str(theatre.kubeconfig), **chosen)) == 1
    (error,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert all(part in error for part in parts)
