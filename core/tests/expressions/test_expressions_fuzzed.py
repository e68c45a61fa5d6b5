"""A short run of the fuzzer; `tools/fuzz_expressions.py` is the long one, and also looks at time and memory."""

from __future__ import annotations

from fuzz_expressions import Fuzz


def test_s12_random_expressions_give_a_value_or_an_error_and_never_crash() -> None:
    fuzz = Fuzz(seed=20_240_814, trace=1_000_000)
    for number in range(1, 1_001):
        fuzz.one(number)
    assert not fuzz.crashed
    # Both ends are reached; a fuzzer whose expressions all fail would show nothing.
    assert fuzz.found["value"] > 100
    assert fuzz.found["error"] > 100
