"""The rules of the house, as functions from files to findings.

Belongs here: what `tests/architecture`, `tests/docs` and `make check` look at. Reads text and syntax trees; never
imports or runs what it judges, and knows no rule of a rollout.
"""
