"""How a question to AWS fails, by what can be done about it.

AwsError
+- Throttled     asked too often; again after `after_s`
+- Refused       no credentials, or no right; the message names the IAM action where AWS does
+- Gone          what was asked about is no longer there; forget what was remembered of it
+- Unreachable   no answer: network, timeout, endpoint, region
"""

from __future__ import annotations


class AwsError(Exception):
    """AWS did not answer the question."""

    after_s = 10.0  # the reference controller's interval
    advice = ""


class Throttled(AwsError):
    """The account's request rate is used up."""

    def __init__(self, message: str, after_s: float = 10.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Refused(AwsError):
    """Somebody has to change a role or a policy; asking every ten seconds would not help."""

    after_s = 60.0
    advice = "; give the controller's role the policy in the README of tidegate-aws-alb"


class Gone(AwsError):
    """The object behind an ARN was deleted."""


class Unreachable(AwsError):
    """No answer."""

    advice = "; check region, endpointUrl and the network of the controller"
