"""tidegate's metric provider for New Relic.

Belongs here: how an NRQL query is sent through NerdGraph, for which account, and what the rows of its answer mean.
Must not: judge a result, wait, repeat, or open a connection of its own.
"""

from tidegate_newrelic.provider import NewRelic

__all__ = ["NewRelic"]
__version__ = "0.1.0"
