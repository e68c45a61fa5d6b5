"""A whole life of a Rollout in front of a router: everything that the router declares is asked for once."""

from __future__ import annotations

from tidegate.machine.traffic import Capability, Destination
from tidegate_testkit.stage import Stage
from tidegate_testkit.switches import routes_of

THEIRS = "kit.example.com/theirs"


def live(stage: Stage) -> None:
    """Lint, hashes, weights, routes, an experiment, a conflict, read-back, verification, clean-up."""
    can = stage.case.router.can
    stage.problems()
    if Capability.HASH in can:
        stage.hash()
    for weight in (0, 50, 100):
        stage.weigh(weight)
    _route(stage)
    if Capability.EXPERIMENT in can:
        stage.weigh(20, additional=(Destination("demo-exp", 10, "ccc"),))
    stage.overtake(25, THEIRS)
    stage.facade.get_weights(stage.name, stage.target, stage.cluster)
    if Capability.VERIFY in can:
        stage.verdict(25)
    stage.weigh(0)
    if stage.has("clean_up"):
        stage.clean_up()


def _route(stage: Stage) -> None:
    for route in routes_of(stage.case, stage.case.managed_routes[0]):
        stage.route(route)
        stage.keep_routes()
