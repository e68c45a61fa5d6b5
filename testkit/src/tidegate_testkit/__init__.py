"""What a plugin author runs: conformance suites and the fixtures under them."""

__version__ = "0.1.0"
