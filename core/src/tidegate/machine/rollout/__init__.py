"""The rules of the Rollout kind: classify once, then an ordered tuple of aspects, then one status.

Start with `decide.py`.
"""
