"""What makes an analysis unusable as written."""

from __future__ import annotations


class Unusable(ValueError):
    """A template, an argument or a metric that cannot be worked with; the text is what clients are shown.

    It never leaves the machine but from the functions that name it: `decide` turns it into a phase.
    """
