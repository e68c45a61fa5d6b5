"""tidegate's metric provider for Wavefront.

Belongs here: how a chart query is asked, with whose token, and which point of each series counts.
Must not: judge a result, wait, repeat, or open a connection of its own.
"""

from tidegate_wavefront.provider import Wavefront

__all__ = ["Wavefront"]
__version__ = "0.1.0"
