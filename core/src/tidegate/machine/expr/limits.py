"""How much an expression may cost. Expressions are written by tenants; nothing here is a setting."""

from __future__ import annotations

from tidegate.machine.expr.faults import Failure

TEXT = 1024  # characters of an expression
DEPTH = 64  # of nodes, of predicates and of values that are compared or shown
NODES = 10_000  # the reference's own bound; 1,024 characters stay far below it
STEPS = 10_000  # elements looked at or made; a predicate costs one for each eight of its nodes
CHARACTERS = 1_000_000  # of all texts that one evaluation makes
CHARACTERS_A_STEP = 256  # searched or compared for the price of one step; RE2 reads about that many in a microsecond
PATTERNS = 8  # distinct regular expressions in one evaluation: reading one may take milliseconds
DOCUMENT = 65_536  # characters that fromJSON reads: a tree of lists takes twenty times its text in memory
PATTERN_MEMORY = 1 << 18  # bytes RE2 may take for one pattern and its automaton


class Budget:
    """What is left for one evaluation. Raises Failure when it is used up."""

    __slots__ = ("characters", "patterns", "steps")

    def __init__(self) -> None:
        self.steps, self.characters = STEPS, CHARACTERS
        self.patterns: set[str] = set()

    def spend(self, steps: int) -> None:
        """Pays for `steps` elements."""
        self.steps -= steps
        if self.steps < 0:
            raise Failure(
                f"the expression takes more than {STEPS} steps", "aggregate in the query, or look at fewer elements"
            )

    def write(self, characters: int) -> None:
        """Pays for a text that is about to be made."""
        self.characters -= characters
        if self.characters < 0:
            raise Failure(
                f"the expression makes more than {CHARACTERS} characters of text", "compare parts of the text instead"
            )

    def read_pattern(self, pattern: str) -> None:
        """Pays for reading a regular expression, once for each."""
        self.patterns.add(pattern)
        if len(self.patterns) > PATTERNS:
            raise Failure(f"more than {PATTERNS} regular expressions in one evaluation", "join them with |")

    def deeper(self, depth: int) -> int:
        """The depth below `depth`, refused beyond the bound."""
        if depth >= DEPTH:
            raise Failure(f"a value is nested deeper than {DEPTH} levels", "select the part that is meant")
        return depth + 1
