"""tidegate's metric provider for Graphite.

Belongs here: what a render query is, and what its answer means.
Must not: judge a result, keep state between measurements, open a connection by itself.
"""

from tidegate_graphite.provider import Graphite

__all__ = ["Graphite"]
__version__ = "0.1.0"
