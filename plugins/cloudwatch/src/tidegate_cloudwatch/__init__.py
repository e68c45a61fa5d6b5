"""tidegate's metric provider for Amazon CloudWatch.

Belongs here: metric data queries, the SDK that sends them, and what its answers mean.
Must not: judge a result, keep state between measurements, hold credentials of its own.
"""

from tidegate_cloudwatch.provider import CloudWatch

__all__ = ["CloudWatch"]
__version__ = "0.1.0"
