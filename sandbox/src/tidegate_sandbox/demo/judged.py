"""The other story: releases judged by their success rate. v2 is promoted, v4 answers 5 % errors and is rolled back."""

from __future__ import annotations

from rich.console import Console

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.load import Load
from tidegate_sandbox.demo.measure import Gauge
from tidegate_sandbox.demo.stage import NAMESPACE, Glance, Stage
from tidegate_sandbox.demo.view import View

GOOD, FAULTY = "v2", "errors-5-v4"
DEPLOYED_WITHIN_S, ENDED_WITHIN_S = 20.0, 60.0
ENOUGH = 200  # requests after the abort: at the share that the canary had, some of them would fail
RUNS = "analysisruns.argoproj.io"


def judged(stage: Stage, console: Console, *, plain: bool) -> bool:
    """Play the story; whether the good release was promoted and the faulty one rolled back."""
    assert stage.monitor is not None
    console.print(f"metrics at {stage.monitor.address}: AnalysisTemplates name it as provider.prometheus.address")
    with View(console, plain=plain) as view:
        view.chapter("v1 is deployed; its Rollout names an AnalysisTemplate")
        stage.wait("v1 to be Healthy", lambda g: g.phase == "Healthy" and _serves(stage), DEPLOYED_WITHIN_S, _nothing)
        load = stage.load()
        promoted = _released(stage, view, load, GOOD, "it answers well, and its analysis lets it pass")
        before = load.mark()
        rolled_back = _released(stage, view, load, FAULTY, "it answers 5 % errors; its analysis aborts it")
        back = load.mark()
        load.wait_for(ENOUGH, since=back)
        load.stop()
    return _verdict(stage, console, load, (promoted, rolled_back), (before, back))


def _nothing(_: Glance) -> None:
    """While v1 comes up there are no requests to show yet."""


def _serves(stage: Stage) -> bool:
    split = stage.plane.split(stage.shop.host)
    return split is not None and split.version("v1") == 1.0


def _released(stage: Stage, view: View, load: Load, tag: str, what: str) -> Glance:
    """Ship a version and look on until it is promoted or aborted, and the requests have followed."""
    view.chapter(f"{tag} is released: {what}")
    gauge = Gauge(stage.plane, stage.shop.host, load, tag)
    stage.ship(tag)

    def tick(glance: Glance) -> None:
        gauge.look(glance)
        view.show(glance, load, gauge)

    def ended(glance: Glance) -> bool:
        split = stage.plane.split(stage.shop.host)
        share = split.version(tag) if split is not None else None
        promoted = glance.phase == "Healthy" and glance.promoted and share == 1.0
        aborted = glance.phase == "Degraded" and "abort" in glance.status and share == 0.0
        return glance.rollout_is(tag) and (promoted or aborted)

    return stage.wait(f"{tag} to be promoted or aborted", ended, ENDED_WITHIN_S, tick)


def _verdict(
    stage: Stage, console: Console, load: Load, ends: tuple[Glance, Glance], window: tuple[float, float]
) -> bool:
    """`window` is from the release of the faulty version until it got no more requests."""
    promoted, rolled_back = ends
    run = _run_of(stage, rolled_back)
    during, after = load.window(*window), load.window(window[1])
    suffered = during.failures / during.total if during.total else 0.0
    console.print(
        f"  {during.failures} of {during.total} requests ({100 * suffered:.2f} %) suffered from {FAULTY}"
        f" in {window[1] - window[0]:.1f} s"
    )
    checks = [
        (f"{GOOD} was promoted", promoted.phase == "Healthy"),
        (f"the analysis of {FAULTY} failed ({_phase(run)})", _phase(run) == "Failed"),
        (f"{FAULTY} was rolled back ({rolled_back.status.get('message', '')})", rolled_back.phase == "Degraded"),
        (f"nobody failed before or after it ({after.failures} of {after.total})", _others_failed(load, window) == 0),
    ]
    for text, holds in checks:
        console.print(f"  {'yes' if holds else 'NO '}  {text}")
    return all(holds for _, holds in checks)


def _others_failed(load: Load, window: tuple[float, float]) -> int:
    return load.window(0.0, window[0]).failures + load.window(window[1]).failures


def _run_of(stage: Stage, glance: Glance) -> Manifest:
    """The AnalysisRun of the release at hand."""
    wanted = glance.status.get("currentPodHash", "")
    runs = stage.sandbox.objects.list(RUNS, NAMESPACE)
    return next((run for run in runs if wanted and wanted in run["metadata"]["name"]), {})


def _phase(run: Manifest) -> str:
    return str((run.get("status") or {}).get("phase") or "no run")
