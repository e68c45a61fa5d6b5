"""tidegate's metric provider for Datadog.

Belongs here: what a metrics query asks of Datadog's API v1 and v2, whose keys it uses, what its answers mean.
Must not: judge a result, wait, repeat, or open a connection of its own.
"""

from tidegate_datadog.provider import Datadog

__all__ = ["Datadog"]
__version__ = "0.1.0"
