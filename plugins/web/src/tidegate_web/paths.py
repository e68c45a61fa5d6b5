"""A JSONPath template of client-go's dialect: read once, then followed through documents.

`{.a.b[0]}` is a path, text outside of braces is itself, `{range .items[*]}{.n}{end}` goes through values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidegate.hooks import Value
from tidegate_web.nodes import (
    Chain,
    Constant,
    Field,
    Filter,
    Node,
    PathError,
    Recursive,
    Slice,
    Text,
    Union,
    Walk,
    Wildcard,
    Word,
)

LONGEST, DEEPEST = 4096, 16  # letters of a template, paths within filters within filters; chosen by feel
ENDS = frozenset(" \t\r\n.,[]$@{}")  # what ends a name
KEY = re.compile(r"'([^']*)'")
POSITIONS = re.compile(r"(-?[0-9]{0,9})(:-?[0-9]{0,9})?(:-?[0-9]{0,9})?")
NUMBER = re.compile(r"[+-]?[0-9.]*")
COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+?)", re.DOTALL)
QUOTED = re.compile(r"\\(.)", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}


class Template:
    """Raises PathError, with client-go's text, for one that cannot be read."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise PathError(f"a path of {len(text)} letters; at most {LONGEST} are read")
        self._blocks = _Reader(text, 0).blocks()

    def first(self, document: Value) -> tuple[bool, Value]:
        """Whether the template leads to anything in the document, and the first of it. Raises PathError."""
        found, rest = _played(self._blocks, document, Walk(), 0)
        if rest:
            raise PathError("not in range, nothing to end")
        return (True, found[0]) if found else (False, None)


def _played(blocks: Sequence[Chain], value: Value, walk: Walk, depth: int) -> tuple[list[Value], Sequence[Chain]]:
    """What the blocks up to the end of this range lead to, and the blocks from that `end` on."""
    found: list[Value] = []
    while blocks:
        block, blocks = blocks[0], blocks[1:]
        match block.parts:
            case (Word("end"),):
                return found, (block, *blocks)
            case (Word("range"), *path):
                through = Chain(tuple(path)).follow([value], walk)
                rest = _after(blocks)
                for each in through:
                    found += _played(blocks, each, walk, depth + 1)[0]
                blocks = rest
            case _:
                found += block.follow([value], walk)
    return found, ()


def _after(blocks: Sequence[Chain]) -> Sequence[Chain]:
    """The blocks behind the `end` that belongs to the range just begun; none where it is missing."""
    open_ = 1
    for index, block in enumerate(blocks):
        match block.parts:
            case (Word("range"), *_):
                open_ += 1
            case (Word("end"),):
                open_ -= 1
        if not open_:
            return blocks[index + 1 :]
    return ()


class _Reader:
    """Reads from left to right; `_at` is the next letter."""

    def __init__(self, text: str, depth: int) -> None:
        self._text, self._at, self._depth = text, 0, depth
        if depth > DEEPEST:
            raise PathError(f"paths within paths, more than {DEEPEST} deep")

    def blocks(self) -> list[Chain]:
        """Literals and paths, in turn."""
        found = []
        while self._at < len(self._text):
            brace = self._text.find("{", self._at)
            literal = self._text[self._at : brace if brace >= 0 else None]
            if literal:
                found.append(Chain((Text(literal),)))
            if brace < 0:
                break
            self._at = brace + 1
            found.append(self.path())
        return found

    def path(self) -> Chain:
        """The parts up to the closing brace."""
        parts: list[Node] = []
        while True:
            rest = self._text[self._at : self._at + 3]
            if rest[:1] in ("", "\n", "\r"):
                raise PathError("unclosed action")
            if rest[0] == "}":
                self._at += 1
                return Chain(tuple(parts))
            if rest[0] in " @$":  # the value that is looked at already
                self._at += 1
            else:
                parts += self._part(rest, parts)

    def _part(self, rest: str, before: Sequence[Node]) -> Sequence[Node]:
        if rest == "[?(":
            return [self._filter()]
        if rest.startswith(".."):
            return self._recursive(before)
        letter = rest[0]
        if letter == "[":
            return self._brackets()
        if letter in "\"'":
            return [self._quoted(letter)]
        if letter == ".":
            self._at += 1
            return [self._field()]
        if letter in "+-" or letter.isdigit():
            return [self._number()]
        if letter.isalnum() or letter == "_":
            return [self._word()]
        raise PathError(f"unrecognized character in action: U+{ord(letter):04X} '{letter}'")

    def _recursive(self, before: Sequence[Node]) -> list[Node]:
        if before and isinstance(before[-1], Recursive):
            raise PathError("invalid multiple recursive descent")
        self._at += 2
        after = self._text[self._at : self._at + 1]
        return [Recursive(), self._field()] if after.isalnum() or after == "_" else [Recursive()]

    def _field(self) -> Field | Wildcard:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in ENDS:
            self._at += 2 if self._text[self._at] == "\\" else 1
        self._at = min(self._at, len(self._text))
        name = self._text[start : self._at]
        return Wildcard() if name == "*" else Field(name.replace("\\", ""))

    def _word(self) -> Word | Constant:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in ENDS:
            self._at += 1
        name = self._text[start : self._at]
        if name in ("true", "false"):
            return Constant(name == "true")
        if name not in ("range", "end"):
            raise PathError(f"unrecognized identifier {name}")
        return Word(name)

    def _number(self) -> Constant:
        found = NUMBER.match(self._text, self._at)
        text = found.group() if found else ""
        self._at += len(text)
        try:
            return Constant(float(text))
        except ValueError:
            raise PathError(f"cannot parse number {text}") from None

    def _quoted(self, mark: str) -> Text:
        start = self._at + 1
        self._at = self._closing(start, mark, "unterminated quoted string")
        return Text(QUOTED.sub(lambda m: ESCAPES.get(m[1], m[1]), self._text[start : self._at - 1]))

    def _closing(self, start: int, mark: str, fault: str) -> int:
        """The position behind the mark that is not escaped."""
        at = start
        while at < len(self._text) and self._text[at] != "\n":
            if self._text[at] == mark and self._text[at - 1] != "\\":
                return at + 1
            at += 1
        raise PathError(fault)

    def _brackets(self) -> Sequence[Node]:
        end = self._text.find("]", self._at)
        if end < 0 or "\n" in self._text[self._at : end]:
            raise PathError("unterminated array")
        text = self._text[self._at + 1 : end]
        self._at = end + 1
        pieces = text.split(",")
        if len(pieces) > 1:
            return [Union(tuple(self._inner(f"[{piece.strip(' ')}]") for piece in pieces))]
        if key := KEY.fullmatch(text):
            return self._inner(f".{key[1]}").parts
        return [_slice(":" if text == "*" else text)]

    def _filter(self) -> Filter:
        start = self._at = self._at + len("[?(")
        opened = closed = ""
        while True:
            letter = self._text[self._at : self._at + 1]
            if letter in ("", "\n"):
                raise PathError("unterminated filter")
            self._at += 1
            if letter in "\"'":
                if not opened:
                    opened = letter
                elif letter == opened and self._text[self._at - 2] != "\\":
                    closed = letter
            elif letter == ")" and opened == closed:
                break
        if self._text[self._at : self._at + 1] != "]":
            raise PathError("unclosed array expect ]")
        text = self._text[start : self._at - 1]
        self._at += 1
        sides = COMPARISON.fullmatch(text)
        if sides is None:
            return Filter(self._inner(text), "exists", Chain(()))
        return Filter(self._inner(sides[1]), sides[2], self._inner(sides[3]))

    def _inner(self, text: str) -> Chain:
        return _Reader(f"{text}}}", self._depth + 1).path()


def _slice(text: str) -> Slice:
    found = POSITIONS.fullmatch(text)
    if found is None:
        raise PathError(f"invalid array index {text}")
    start, end, step = found.groups()
    numbers = [_position(start), _position((end or "")[1:]), _position((step or "")[1:])]
    if end is None:  # one position: the slice that holds it
        return Slice(numbers[0], (numbers[0] or 0) + 1, numbers[2], single=True)
    return Slice(numbers[0], numbers[1], numbers[2])


def _position(text: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise PathError(f"array index {text} is not a number") from None
