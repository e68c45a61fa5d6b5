"""Histories: seeded lives of a Rollout in a simulated cluster, played, judged, shrunk and reported. Used by `make faults`.

Belongs here: what is drawn from a seed, how it is played, the crash matrix, shrinking and the report.
Must not: rules; they are in `tidegate.simulation.invariants`.
"""
