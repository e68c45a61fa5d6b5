"""The fields `alb` and `albs` of a Rollout's status, in the shape that templates of CloudWatch metrics take apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate_aws_alb.aws.inventory import Balancer, TargetGroup
from tidegate_aws_alb.aws.judgement import Judged

NOTHING: Mapping[str, Any] = {"alb": None, "albs": None}


def status_of(judged: Sequence[Judged], stable_service: str) -> Mapping[str, Any]:
    """The fields for the Ingresses whose load balancer was found; no field where none was, so that old ones stay."""
    entries = [_entry(each, stable_service) for each in judged if each.balancer is not None]
    return {"alb": entries[-1], "albs": entries} if entries else {}


def _entry(judged: Judged, stable_service: str) -> Mapping[str, Any]:
    return {
        "ingress": judged.ingress,
        "loadBalancer": _balancer(judged.balancer),
        "canaryTargetGroup": _group(judged.groups.get(judged.canary_service)),
        "stableTargetGroup": _group(judged.groups.get(stable_service)),
    }


def _balancer(found: Balancer | None) -> Mapping[str, str]:
    """The full name is what CloudWatch calls the dimension, without its first part: `lb-x/123` of `…/app/lb-x/123`."""
    return _reference(found.name, found.arn, 2) if found else _reference("", "", 0)


def _group(found: TargetGroup | None) -> Mapping[str, str]:
    """The full name is `tg-y/456` of `…:targetgroup/tg-y/456`."""
    return _reference(found.name, found.arn, 1) if found else _reference("", "", 0)


def _reference(name: str, arn: str, skipped: int) -> Mapping[str, str]:
    return {"name": name, "arn": arn, "fullName": "/".join(arn.split("/")[skipped:]) if arn else ""}
