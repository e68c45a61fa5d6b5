"""tidegate's metric provider for Kayenta.

Belongs here: how a canary analysis is begun and followed, and what its score means.
Must not: wait, repeat, or open a connection of its own.
"""

from tidegate_kayenta.provider import Kayenta

__all__ = ["Kayenta"]
__version__ = "0.1.0"
