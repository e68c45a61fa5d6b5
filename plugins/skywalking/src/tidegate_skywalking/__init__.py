"""tidegate's metric provider for Apache SkyWalking.

Belongs here: how a GraphQL query and its span of time are sent, and what the answer means.
Must not: judge a result, keep state between measurements, open a connection by itself.
"""

from tidegate_skywalking.provider import SkyWalking

__all__ = ["SkyWalking"]
__version__ = "0.1.0"
