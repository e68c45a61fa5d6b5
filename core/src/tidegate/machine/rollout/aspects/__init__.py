"""What one pass does to the world, an aspect a module: each looks at the case and adds to the draft.

`decide.py` has their order. An aspect decides on what was seen, never on what another aspect wants.
"""
