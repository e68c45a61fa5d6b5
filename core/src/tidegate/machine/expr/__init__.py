"""The language of conditions: what `successCondition`, `failureCondition` and time expressions are written in.

Belongs here: the grammar, static checks, operators, built-in functions, limits, and `conditions.py`, which the
analysis asks. Must not: read a clock or a file, reach an attribute of a Python object, call `eval`.
Start with `expression.py`. Source of the language: expr-lang 1.17, as Argo Rollouts embeds it.
"""
