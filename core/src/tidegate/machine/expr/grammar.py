"""The grammar, for lark's LALR parser.

Operators stand in a flat chain: a pipe may follow any operand, which no table of LALR precedences can say.
`chains.py` puts the chain in order. Where `{` could open a map or a predicate, the `:` after a key decides.
"""

from __future__ import annotations

GRAMMAR = r"""
sequence: expr (";" expr)* ";"?
?expr: let | conditional | ternary
let: LET NAME "=" expr ";" sequence
conditional: IF expr "{" sequence "}" ELSE ("{" sequence "}" | conditional)
?ternary: chain
        | chain ASK expr ":" expr -> choice
        | chain ELVIS expr -> elvis
chain: operand (infix operand | pipe)*
infix: NOT WORD | WORD | OP | PLUS | MINUS
operand: (NOT | BANG | PLUS | MINUS)* primary
?primary: literal | path
literal: NUMBER | TRUE | FALSE | NIL
pipe: PIPE NAME "(" arguments ")" step*
path: base step*
?base: name | call | group | array | record | text | pointer | field
name: NAME
call: NAME "(" arguments ")"
group: "(" sequence ")"
array: OPEN (expr ("," expr)* ","?)? "]"
record: BRACE (pair ("," pair)* ","?)? "}"
pair: key ":" expr
key: NAME | NUMBER | STRING | RAW | "(" sequence ")"
text: STRING | RAW
pointer: POINTER
field: DOT NAME
arguments: (argument ("," argument)* ","?)?
?argument: expr | block
block: BRACE sequence "}"
step: (DOT | OPT) NAME -> member
    | (DOT | OPT) NAME "(" arguments ")" -> method
    | OPT? OPEN expr "]" -> index
    | OPT? OPEN start ":" stop "]" -> slice
start: expr?
stop: expr?

LET.3: /let\b/
IF.3: /if\b/
ELSE.3: /else\b/
NOT.3: /not\b/
TRUE.3: /true\b/
FALSE.3: /false\b/
NIL.3: /nil\b/
WORD.3: /(in|matches|contains|startsWith|endsWith)\b/
OP.2: /\|\||&&|==|!=|<=|>=|<|>|\.\.|\*\*|\*|\/|%|\^|\?\?|(and|or)\b/
ELVIS.2: "?:"
OPT.2: /\?\.(?![0-9])/
ASK: "?"
PIPE: "|"
PLUS: "+"
MINUS: "-"
BANG: "!"
DOT: "."
OPEN: "["
BRACE: "{"
NUMBER.3: /0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+/
        | /[0-9][0-9_]*(\.(?!\.)[0-9_]*)?([eE][+-]?[0-9]+)?/
        | /\.[0-9][0-9_]*([eE][+-]?[0-9]+)?/
NAME: /[^\W\d][\w$]*|\$[\w$]*/
POINTER: /#[A-Za-z_]*/
STRING: /"(\\.|[^"\\\n])*"|'(\\.|[^'\\\n])*'/
RAW: /`([^`]|``)*`/
COMMENT.5: /\/\/[^\n]*|\/\*([^*]|\*(?!\/))*\*\//
BLANK: /[ \t\r\n]+/
%ignore COMMENT
%ignore BLANK
"""
