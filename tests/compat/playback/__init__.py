"""Recordings of the reference controller, played again: what it did is compared with what this controller does.

A recording (JSON) says what was done to a Rollout, the settled state after each deed and the Events sent meanwhile. The
player repeats the deeds on a sandbox with the controller running, `facts` brings both sides into one form, and
`comparison` names what differs. Nothing here judges: the table of wanted differences is `wanted`.
"""
