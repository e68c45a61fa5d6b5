"""What one pass comes to, once its actions were tried: progress, conditions, phase, and the one status.

Nothing in here asks for anything to be done.
"""
