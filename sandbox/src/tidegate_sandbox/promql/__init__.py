"""PromQL over samples in memory: what success-rate and latency analyses ask, answered as Prometheus 3 answers it.

`reading` parses, `evaluation` computes, the other modules each hold one family of the language.
Belongs here: the language and the samples it runs over. Must not: HTTP, clocks, what is counted.
A part of the language that is not served is refused with its name, never answered with something else.
"""
