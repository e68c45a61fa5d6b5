"""The one place that knows boto3."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from tidegate.hooks import PluginError, Unreachable
from tidegate_cloudwatch.config import CloudWatchSettings

SERVICE = "cloudwatch"
# A measurement that fails is taken again by the core: one repeat covers a lost packet, more would be waiting.
ATTEMPTS = 2
# A page holds 100,800 points (API reference, GetMetricData): who has more than ten of them asks for too much to judge.
PAGES = 10

Page = Mapping[str, Any]


@functools.lru_cache(maxsize=8)
def connect(settings: CloudWatchSettings) -> Any:
    """The client of the process for these settings: safe for threads, and it renews its credentials by itself, which a
    new one for each measurement would fetch each time. Raises Unreachable without a region or with an unknown profile."""
    config = Config(
        connect_timeout=settings.timeout_s,
        read_timeout=settings.timeout_s,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=50,  # many metrics are measured at a time; ten is the SDK's own
        user_agent_extra="tidegate-cloudwatch",
    )
    try:
        session = boto3.session.Session(profile_name=settings.profile or None, region_name=settings.region or None)
        return session.client(SERVICE, endpoint_url=settings.endpoint_url or None, config=config)
    except (BotoCoreError, ValueError) as error:
        raise Unreachable(
            f"cloudwatch: {line(error)}; set the region where the controller runs, or in tidegate.yaml"
        ) from error


def pages(client: Any, request: Mapping[str, Any]) -> list[Page]:
    """Every page of an answer. Raises Unreachable and PluginError.

    # differs: the reference reads the first page alone.
    """
    found: list[Page] = []
    token: str | None = None
    while not found or token:
        if len(found) == PAGES:
            raise PluginError(f"the answer of cloudwatch has more than {PAGES} pages; shorten the interval")
        page = _ask(client, {**request, "NextToken": token} if token else request)
        found.append(page)
        token = page.get("NextToken")
    return found


def _ask(client: Any, request: Mapping[str, Any]) -> Page:
    try:
        page: Page = client.get_metric_data(**request)
    except ClientError as error:
        raise PluginError(_refusal(error)) from error
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise Unreachable(f"cloudwatch did not answer in time: {line(error)}") from error
    except (BotoCoreError, ResponseParserError, OSError) as error:
        # OSError is about a token's or a profile's file. A parser's error is a proxy's page, or nothing that AWS would write.
        raise Unreachable(f"cloudwatch could not be asked: {line(error)}") from error
    if "MetricDataResults" not in page:
        # The SDK takes a page of HTML with status 200 for an empty document: no data, which a condition may call good.
        raise Unreachable("cloudwatch could not be asked: the answer is none of its documents; is a proxy in between?")
    return page


def _refusal(error: ClientError) -> str:
    detail = error.response.get("Error") or {}
    return (
        f"cloudwatch refuses GetMetricData: {detail.get('Code') or 'no code'}: {detail.get('Message') or 'no message'}"
    )


def line(error: Exception) -> str:
    """The text of an error in one line; the SDK's reports of bad parameters have several."""
    return " ".join(str(error).split())
