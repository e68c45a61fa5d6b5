"""The rules of the AnalysisRun kind: which measurements are due, what they come to, and how a run is made.

Belongs here: templates and their merging, arguments, the measurement loop, verdicts of metrics and runs, retention.
Must not: ask a provider, read a Secret, know a provider's name. Start with `decide.py`.
"""
