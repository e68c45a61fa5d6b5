"""Whether weights are in force in AWS: every Ingress's rules, and the pods behind every Service that gets requests."""

from __future__ import annotations

import importlib
import importlib.util
import threading
import time
from collections.abc import Callable, Sequence

from tidegate.hooks import Objects, Ref, Target, Verdict, Weights
from tidegate_aws_alb.aws.errors import AwsError
from tidegate_aws_alb.aws.inventory import Elb, Inventory
from tidegate_aws_alb.aws.judgement import Judged, Share, Wanted, fail, judge
from tidegate_aws_alb.aws.memory import Clock
from tidegate_aws_alb.aws.registration import Pods, bindings, judge_registration, registration_reads
from tidegate_aws_alb.aws.status import status_of
from tidegate_aws_alb.config import AlbConfig
from tidegate_aws_alb.ingress import INGRESS
from tidegate_aws_alb.settings import AlbSettings

Connect = Callable[[AlbSettings], Elb]

INTERVAL_S = 10.0  # the reference controller's
NO_SDK = "verifyTargetGroup needs boto3; pip install 'tidegate-aws-alb[verify]', or leave verifyTargetGroup out"


def connect(settings: AlbSettings) -> Elb:
    """A client of the SDK, which is imported only here. Raises AwsError."""
    client: Elb = importlib.import_module("tidegate_aws_alb.aws.sdk").connect(settings)
    return client


def require_sdk() -> None:
    """Raise ImportError where boto3 is missing, with what to install."""
    if importlib.util.find_spec("boto3") is None:
        raise ImportError(NO_SDK)


class Verification:
    """Asks AWS for every Rollout of the process, through one client that is made at the first question."""

    def __init__(self, settings: AlbSettings, connect: Connect = connect, clock: Clock = time.monotonic) -> None:
        self._settings, self._connect, self._clock = settings, connect, clock
        self._kind = bindings(settings.binding_version)
        self._inventory: Inventory | None = None
        self._lock = threading.Lock()

    def reads(self, target: Target[AlbConfig]) -> Sequence[Ref]:
        """What is looked at in the cluster besides the Ingresses."""
        services = tuple(name for name in (target.canary_service, target.stable_service) if name)
        return list(registration_reads(services, self._kind))

    def verdict(self, target: Target[AlbConfig], weights: Weights, objects: Objects) -> Verdict:
        """Yes where all Ingresses carry the weights and all pods that are to get requests are registered."""
        judged = [self._judged(target, name, weights, objects) for name, _ in target.config.places]
        if all(each.verified for each in judged):
            self._judge_pods(target, weights, objects, judged[-1])
        if self._inventory is not None and not any(each.after_s for each in judged):
            self._inventory.recovered()
        verified = all(each.verified for each in judged)
        telling = [each for each in judged if verified or not each.verified]
        return Verdict(
            verified,
            "; ".join(each.message for each in telling),
            max([INTERVAL_S, *(each.after_s for each in judged)]),
            status_of(judged, target.stable_service),
            tuple(event for each in telling for event in each.events),
        )

    def _judged(self, target: Target[AlbConfig], name: str, weights: Weights, objects: Objects) -> Judged:
        wanted = Wanted(target.namespace, name, target.config.service_port, _shares(target, weights))
        try:
            return judge(self._asked(), objects.get(INGRESS, name) or {}, wanted)
        except AwsError as error:
            judged = Judged(name, target.canary_service)
            fail(judged, target.canary_service, error)
            return judged

    def _judge_pods(self, target: Target[AlbConfig], weights: Weights, objects: Objects, judged: Judged) -> None:
        """Only of Services that get requests: nobody waits for the pods of a weight of 0."""
        for share in _shares(target, weights):
            if share.weight > 0:
                pods = Pods(share.service, target.config.service_port, target.replicas, self._kind)
                try:
                    judge_registration(self._asked(), objects, judged, pods)
                except AwsError as error:
                    fail(judged, share.service, error)

    def _asked(self) -> Inventory:
        """The one way to AWS. Raises AwsError; a client that could not be made is tried again at the next question."""
        with self._lock:
            if self._inventory is None:
                elb = self._connect(self._settings)
                self._inventory = Inventory(elb, self._clock, self._settings.resource_tag)
            return self._inventory


def _shares(target: Target[AlbConfig], weights: Weights) -> tuple[Share, ...]:
    return (
        Share("canary", target.canary_service, weights.canary),
        *(Share("experiment", each.service, each.weight) for each in weights.additional),
        Share("stable", target.stable_service, weights.stable),
    )
