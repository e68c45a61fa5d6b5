"""The provider for CloudWatch: one GetMetricData for each measurement."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.hooks import Access, MetricProvider, Problem, Query, Reading, SpecError
from tidegate_cloudwatch.config import CloudWatchConfig, CloudWatchSettings
from tidegate_cloudwatch.lint import problems_of
from tidegate_cloudwatch.request import request_of
from tidegate_cloudwatch.results import messages, records, values_text
from tidegate_cloudwatch.sdk import connect, pages

MESSAGES = "messages"


class CloudWatch(MetricProvider[CloudWatchConfig]):
    """The series of metric data queries, as a list of records. Credentials and region are the SDK's to find.

    It speaks through AWS's own SDK and not through `access.http`: a template cannot choose the address.
    """

    name = "cloudWatch"
    title = "CloudWatch"
    config = CloudWatchConfig
    settings = CloudWatchSettings
    timeout_s = (
        30.0  # two attempts with the longest wait for connection and answer that is set by default, and credentials
    )
    shows = frozenset({MESSAGES})

    def check_metric(self, config: CloudWatchConfig, path: str) -> Sequence[Problem]:
        """What AWS would refuse, by field."""
        return [*problems_of(config, path)]

    def measure(self, query: Query[CloudWatchConfig], access: Access) -> Reading:  # noqa: ARG002  (the SDK has its own way out)
        """The series in the order of the queries; empty ones are there with empty `Values`."""
        for problem in self.check_metric(query.config, query.path):
            raise SpecError(problem.path, problem.detail, value=problem.value)
        settings = self.installed if isinstance(self.installed, CloudWatchSettings) else CloudWatchSettings()
        answered = pages(connect(settings), request_of(query.config, query.now))
        found = records(answered, [each.id for each in query.config.queries])
        said = messages(answered)
        return Reading(found, values_text(found), metadata={MESSAGES: said} if said else {})
