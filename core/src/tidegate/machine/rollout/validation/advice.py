"""What works and may not mean what was meant: told by `tidegate lint`, never a reason to stop."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tidegate.machine.observed import Observed, Problem


def advice(seen: Observed) -> Iterator[Problem]:
    """Warnings about a Rollout, those of its routers first."""
    for router in seen.routers:
        yield from router.warnings
    canary = seen.rollout.spec.strategy.canary
    if canary is not None and canary.traffic_routing is None and canary.stable_service:
        # Argo Rollouts #1760
        said = (
            "without trafficRouting this Service selects the stable pods alone: no step ever sends its requests to the "
            "canary; send them to a Service that selects both, or name a router"
        )
        yield Problem(
            "spec.strategy.canary.stableService", said, json.dumps(canary.stable_service), code="TR060", warning=True
        )
    for index, step in enumerate(canary.steps if canary is not None else ()):
        names = {match.header_name.lower() for match in step.set_header_route.match} if step.set_header_route else set()
        if len(names) > 1:
            said = (
                f"conditions on several headers ({', '.join(sorted(names))}): some routers ask for all of them, others for "
                f"any; read the router's page, or use one header"
            )
            yield Problem(f"spec.strategy.steps[{index}].setHeaderRoute.match", said, None, code="TR021", warning=True)
