"""tidegate's metric provider for Prometheus and what speaks its HTTP API.

Belongs here: how a query is asked, with which identity, and what the shapes of an answer come to.
Must not: judge a result, open connections, keep state.
"""

from tidegate_prometheus.provider import Prometheus

__all__ = ["Prometheus"]
__version__ = "0.1.0"
