"""Two worlds, one play: a scenario written once runs on the sandbox and on a real control plane.

Here: how a world is brought up with its controller (`world`), what happened in it (`chronicle`), what a client writes and
waits for (`scene`, `manifests`), and how many scenarios run side by side (`ensemble`). A scenario sees the API and
nothing else, so each difference between the worlds is a defect of the sandbox.
"""
