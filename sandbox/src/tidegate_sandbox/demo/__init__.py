"""`tidegate demo`: one story of two releases, told with real requests.

Belongs here: what is brought up, what is shown, what is measured.
Must not: any rule of a rollout; the controller is the installed one, in a process of its own.
"""
