"""The story: v1 serves, v2 walks every step, v3 never becomes ready and is refused."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from tidegate_sandbox.dataplane.load import Load
from tidegate_sandbox.demo.judged import judged
from tidegate_sandbox.demo.measure import Gauge, Measurement
from tidegate_sandbox.demo.shops import JUDGED, UnknownShop, data_folder, shop_of, weights_of
from tidegate_sandbox.demo.stage import DemoFailed, Glance, Stage
from tidegate_sandbox.demo.view import View
from tidegate_sandbox.manifests import read_manifests

GOOD, BAD = "v2", "unready-v3"
INTERRUPTED = 130  # what shells make of Ctrl-C
DEPLOYED_WITHIN_S, PROMOTED_WITHIN_S, REFUSED_WITHIN_S = 20.0, 60.0, 40.0


def demo(
    keep: Annotated[bool, typer.Option(help="Leave everything up afterwards, to play on with kubectl.")] = False,
    plain: Annotated[bool, typer.Option(help="Plain lines even in a terminal.")] = False,
    rate: Annotated[float, typer.Option(help="Requests per second.")] = 300.0,
    router: Annotated[str, typer.Option(help="What splits the traffic: nginx, istio, gateway, alb or smi.")] = "nginx",
    analysis: Annotated[bool, typer.Option(help="Judge releases by their success rate, behind nginx.")] = False,
) -> None:
    """Watch a canary walk its steps while real requests shift, and a broken release be refused.

    Exit code 0 only if the requests went as the weights say (within 4 sigma) at every step and none failed.
    """
    signal.signal(signal.SIGTERM, _terminated)
    plain = plain or not sys.stdout.isatty()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    begun = time.monotonic()
    try:
        with Stage(JUDGED if analysis else shop_of(router), rate) as stage:
            good = judged(stage, console, plain=plain) if analysis else _story(stage, console, plain=plain)
            console.print(f"demo: {'passed' if good else 'FAILED'} in {time.monotonic() - begun:.1f} s")
            if keep:
                _keep(stage, console)
    except (DemoFailed, UnknownShop) as error:
        console.print(f"demo: FAILED: {error}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        console.print(f"demo: interrupted after {time.monotonic() - begun:.1f} s")
        raise typer.Exit(INTERRUPTED) from error
    raise typer.Exit(0 if good else 1)


def _terminated(number: int, _: FrameType | None) -> None:
    """SIGTERM takes everything down as the end of the story does."""
    raise SystemExit(128 + number)


def _story(stage: Stage, console: Console, *, plain: bool) -> bool:
    console.print(
        f"cluster at {stage.sandbox.url}, requests through {stage.plane.proxy_name} on port {stage.plane.port}"
    )
    with View(console, plain=plain) as view:
        view.chapter(f"v1 is deployed behind {stage.shop.router}: an Argo Rollouts manifest, unchanged")
        stage.wait("v1 to be Healthy", lambda g: g.phase == "Healthy" and _serves(stage), DEPLOYED_WITHIN_S, _nothing)
        load = stage.load()
        promoted = _promote(stage, view, load)
        refused, untouched = _refuse(stage, view, load)
        load.stop()
    view.summary([(GOOD, promoted), (BAD, refused)])
    walk = weights_of(read_manifests(data_folder(stage.shop.example)))
    return _verdict(console, load, walk, (promoted, refused), untouched)


def _nothing(_: Glance) -> None:
    """While v1 comes up there are no requests to show yet."""


def _serves(stage: Stage) -> bool:
    split = stage.plane.split(stage.shop.host)
    return split is not None and split.version("v1") == 1.0


def _promote(stage: Stage, view: View, load: Load) -> list[Measurement]:
    view.chapter(f"{GOOD} is released: it walks every step")
    gauge = Gauge(stage.plane, stage.shop.host, load, GOOD)
    stage.ship(GOOD)

    def tick(glance: Glance) -> None:
        gauge.look(glance)
        view.show(glance, load, gauge)

    def finished(glance: Glance) -> bool:
        split = stage.plane.split(stage.shop.host)
        everybody = split is not None and split.version(GOOD) == 1.0
        alone = set(glance.pods) == {GOOD}  # v1 stays for its scale-down delay, so that proxies let go of it first
        return glance.phase == "Healthy" and glance.promoted and everybody and alone and glance.rollout_is(GOOD)

    stage.wait(f"{GOOD} to be promoted", finished, PROMOTED_WITHIN_S, tick)
    gauge.close()
    return gauge.done


def _refuse(stage: Stage, view: View, load: Load) -> tuple[list[Measurement], bool]:
    view.chapter("v3 is released: its pods never become ready; its deadline aborts it")
    gauge = Gauge(stage.plane, stage.shop.host, load, BAD)
    stage.ship(BAD)

    def tick(glance: Glance) -> None:
        gauge.look(glance)
        view.show(glance, load, gauge)

    glance = stage.wait(
        "v3 to be aborted", lambda g: g.phase == "Degraded" and "abort" in g.status, REFUSED_WITHIN_S, tick
    )
    gauge.close()
    untouched = load.snapshot().counts.versions.get(BAD, 0) == 0 and glance.weight == 0
    return gauge.done, untouched


def _verdict(
    console: Console,
    load: Load,
    walk: Sequence[int],
    measured: tuple[list[Measurement], list[Measurement]],
    untouched: bool,
) -> bool:
    """Whether all went well; `measured` are the release that was promoted and the one that was refused."""
    counts = load.snapshot().counts
    promoted, refused = measured
    walked = {found.desired for found in promoted}
    checks = [
        (f"every step was measured ({sorted(walked)})", set(walk) <= walked),
        ("every split lies within 4 sigma and was read back", all(m.agrees for m in (*promoted, *refused))),
        (f"no request failed ({counts.failures} of {counts.total})", counts.failures == 0),
        (f"v3 got no request ({counts.versions.get(BAD, 0)})", untouched),
    ]
    for text, holds in checks:
        console.print(f"  {'yes' if holds else 'NO '}  {text}")
    for error in counts.errors:
        console.print(f"       {error}")
    return all(holds for _, holds in checks)


def _keep(stage: Stage, console: Console) -> None:
    patch = '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"example.com/shop/checkout:v4"}]'
    for line in (
        "",
        "still up; in another terminal:",
        f"  export KUBECONFIG={stage.kubeconfig}",
        f"  kubectl get rollouts,replicasets,pods,{stage.shop.kinds}",
        f"  kubectl patch rollout checkout --type=json -p '{patch}'",
        "  kubectl get rollout checkout -w",
        '  kubectl patch rollout checkout --subresource=status --type=merge -p \'{"status":{"promoteFull":true}}\'',
        '  kubectl patch rollout checkout --subresource=status --type=merge -p \'{"status":{"abort":true}}\'',
        f"  curl -H 'Host: {stage.shop.host}' http://127.0.0.1:{stage.plane.port}/",
        "Ctrl-C ends it.",
    ):
        console.print(line)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("ending")
