"""tidegate's metric provider for InfluxDB 2.

Belongs here: how a Flux query is sent, and how annotated CSV is read.
Must not: judge a result, keep state between measurements, open a connection by itself.
"""

from tidegate_influxdb.provider import InfluxDb

__all__ = ["InfluxDb"]
__version__ = "0.1.0"
