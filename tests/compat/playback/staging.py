"""How scenarios are played where this controller, or the clock, asks for something of its own."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Staging:
    """How a scenario is played. `patience`: waits that this controller is known not to meet, with the seconds to try.

    `quiet`: deeds after which the world stands still longer than usual before it goes on. `slow`: why it is not played
    unless asked for.
    """

    patience: dict[int, float] = field(default_factory=dict)
    quiet: dict[int, float] = field(default_factory=dict)
    slow: str = ""


STAGING: dict[str, Staging] = {
    "bluegreen-auto-promotion-resume": Staging({6: 0.1}),
    "bluegreen-first-deploy-and-update": Staging(slow="the default delay of 30 s is its subject"),
    "canary-name-collision-unlabelled": Staging({2: 0.1, 5: 0.1, 7: 0.1}, slow="two sleeps of 15 s together"),
    "canary-pause-longer-than-deadline": Staging(slow="pauses of 14 s are its subject"),
    "canary-resume-while-user-paused": Staging({7: 0.1, 9: 0.1, 13: 0.1}),
    "ops-events-beyond-25": Staging(slow="22 deeds, 50 s"),
    "ops-workload-ref-progressively": Staging(quiet={3: 2.5}),  # no wait follows the new template
    "ops-replica-writes": Staging(quiet={7: 0.5}),  # a delay of its first act must not be over in the next
    "ops-restart": Staging({8: 0.1}),
    "ops-workload-ref-deleted": Staging({4: 0.1, 6: 0.1, 8: 0.1}),
    "routed-abort-delay-zero": Staging({7: 0.1, 12: 0.1}),
    "routed-adopt-service": Staging(slow="slow pods and sleeps are its subject, 30 s"),
    "routed-istio-missing-rule": Staging(slow="sleeps of 16 s together"),
    "routed-istio-unnamed-routes": Staging({7: 0.1}),
    "routed-nginx-ingresses": Staging(slow="twenty deeds, 22 s"),
    "routed-scale-down-limit": Staging(slow="a delay of 25 s is its subject"),
    "routed-smi-not-served": Staging({1: 0.1}),
    "routed-third-revision": Staging(quiet={9: 3.2}),  # its timed pause of 2 s lasts up to 3 s (X25)
    "routed-weight-error": Staging({1: 0.1, 3: 0.1}),
}
