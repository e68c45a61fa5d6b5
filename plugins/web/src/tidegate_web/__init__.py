"""tidegate's metric provider for any endpoint that answers with JSON or text.

Belongs here: which request a metric means, kubectl's JSONPath, what an answer comes to.
Must not: judge a result, open connections, keep state.
"""

from tidegate_web.provider import Web

__all__ = ["Web"]
__version__ = "0.1.0"
