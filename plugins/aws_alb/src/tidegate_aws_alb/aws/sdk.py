"""The one place that knows boto3. Importing it needs the extra `verify`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from tidegate_aws_alb.aws.errors import AwsError, Gone, Refused, Throttled, Unreachable
from tidegate_aws_alb.settings import AlbSettings

SERVICE = "elbv2"
# Error codes by what they mean, from the common errors of the Query API and botocore's own list of throttling codes.
THROTTLING = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"}
    | {
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "BandwidthLimitExceeded",
        "SlowDown",
        "PriorRequestNotComplete",
    }
)
REFUSING = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure", "OptInRequired"}
    | {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "MissingAuthenticationToken"}
    | {"ExpiredToken", "ExpiredTokenException", "IncompleteSignature"}
)
GONE = frozenset({"LoadBalancerNotFound", "ListenerNotFound", "RuleNotFound", "TargetGroupNotFound"})
BUSY = (429, 503)  # a proxy or an endpoint that throttles may say so with the status alone

# The pass that asks holds a worker, and it asks again anyway: one repeat covers a lost packet, more would be waiting.
ATTEMPTS = 2


class Sdk:
    """Asks ELBv2. One for the process: the client is safe to share between threads and renews its credentials itself."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ask(self, operation: str, **arguments: object) -> Mapping[str, Any]:
        """The answer to one request. Raises AwsError."""
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(**arguments)
        except (NoCredentialsError, CredentialRetrievalError, OSError) as error:
            # A file error is about a token or a profile: those of the network come wrapped.
            raise Refused(line(error)) from error
        except ClientError as error:
            raise meaning(error) from error
        except (BotoCoreError, ResponseParserError) as error:
            # The second is no kind of the first: what answers is a proxy's page, or nothing that AWS would write.
            raise Unreachable(line(error)) from error
        return answer


def connect(settings: AlbSettings) -> Sdk:
    """A client for the region and the endpoint of the settings; what they leave open the SDK finds in its environment.

    Raises AwsError where it does not: without a region, or with a profile that nobody has written.
    """
    config = Config(
        connect_timeout=settings.timeout_s,
        read_timeout=settings.timeout_s,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent_extra="tidegate-aws-alb",
    )
    try:
        session = boto3.session.Session(profile_name=settings.profile or None, region_name=settings.region or None)
        return Sdk(session.client(SERVICE, endpoint_url=settings.endpoint_url or None, config=config))
    except (BotoCoreError, ValueError) as error:
        raise Unreachable(line(error)) from error


def line(error: Exception) -> str:
    """The text of an error in one line; the SDK's reports of bad parameters have several."""
    return " ".join(str(error).split())


def meaning(error: ClientError) -> AwsError:
    """An answer that is an error, by what can be done about it."""
    detail = error.response.get("Error") or {}
    code = str(detail.get("Code") or "")
    status = (error.response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    said = f"{error.operation_name}: {code}: {detail.get('Message') or 'no message'}"
    if code in THROTTLING or status in BUSY:
        return Throttled(said)
    if code in REFUSING:
        return Refused(said)
    return Gone(said) if code in GONE else Unreachable(said)
