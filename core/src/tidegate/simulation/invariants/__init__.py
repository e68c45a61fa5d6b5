"""What must hold whatever happens, each rule one function with its id: I1 to I20 of the Rollout, A1 to A20 of reliability.

Belongs here: rules over what a pass saw and did, over what requests meet, and over a cluster at rest. `Judge` applies them.
Must not: the machine's own answers; a rule that asks the code under test finds nothing.

| id | rule | where |
|---|---|---|
| I1 I2 I3 I4 I5 I11 I17 A2 | services, weights, routes | `shares.py` |
| I1 I6 I7 I8 I16 I19 | sizes | `sizes.py` |
| I9 I10 I12 I15 I18 I20 A6 A7 A12 | progress, objects, spec | `progress.py` |
| A1 | what requests meet | `requests.py` |
| I13 A8 A9 A13 A16 | at rest | `rest.py` |
| A3, A5, A11 | the same as I11, I8, I13 | |
| A4 | no request of a client is lost | the histories of `make faults` |
| I14, A15, A18, A19, A20 | the runtime's: its caches, leaders, metrics, memory and traces | |
"""

from tidegate.simulation.invariants.judge import Judge
from tidegate.simulation.invariants.look import Look, Violation

__all__ = ["Judge", "Look", "Violation"]
