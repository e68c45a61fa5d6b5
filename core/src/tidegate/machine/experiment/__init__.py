"""The rules of the Experiment kind: ReplicaSets side by side for a while, Services and AnalysisRuns with them.

Belongs here: what each template wants, which run is due, the phase, and how a Rollout's step becomes an Experiment.
Must not: judge a measurement (that is `analysis/`), move traffic. Start with `decide.py`.
"""
