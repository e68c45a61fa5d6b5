"""What a plugin author runs: conformance suites and the cluster in memory under them.

Belongs here: what every plugin of a kind must hold to, stated as tests that a third party subclasses.
Must not: know a provider; need a cluster, a network or a clock.

`tidegate_testkit.traffic` holds the suite for routers, `tidegate_testkit.memory` the cluster. They are imported from
there and not from here, so that pytest can rewrite their assertions first.
"""

__version__ = "0.1.0"
