"""The circuit's arithmetic."""

from __future__ import annotations

from cryptoflow.sources.breaker import CLOSED, BreakerPolicy, Circuit, admit, after_failure, after_success

POLICY = BreakerPolicy(failures_to_open=3, cool_down_seconds=10, cool_down_cap_seconds=35, probe_seconds=5)


def fail(circuit: Circuit, *, now: float) -> Circuit:
    return after_failure(circuit, policy=POLICY, now=now, error="timeout")


def opened(*, now: float) -> Circuit:
    circuit = CLOSED
    for _ in range(POLICY.failures_to_open):
        circuit = fail(circuit, now=now)
    return circuit


def test_it_opens_only_after_failures_in_a_row() -> None:
    circuit = fail(fail(CLOSED, now=0), now=0)
    assert circuit.state == "closed"
    circuit = fail(fail(after_success(circuit), now=0), now=0)
    assert circuit.state == "closed"
    circuit = fail(circuit, now=0)
    assert (circuit.state, circuit.until, circuit.last_error) == ("open", 10.0, "timeout")


def test_open_admits_nobody_then_one_probe() -> None:
    circuit = opened(now=0)
    assert admit(circuit, policy=POLICY, now=9.9) == (False, circuit)
    admitted, probing = admit(circuit, policy=POLICY, now=10.0)
    assert admitted
    assert probing.state == "half_open"
    assert admit(probing, policy=POLICY, now=12.0) == (False, probing)


def test_a_lost_probe_is_followed_by_another() -> None:
    _, probing = admit(opened(now=0), policy=POLICY, now=10.0)
    admitted, _ = admit(probing, policy=POLICY, now=15.0)
    assert admitted


def test_a_probe_decides() -> None:
    _, probing = admit(opened(now=0), policy=POLICY, now=10.0)
    assert after_success(probing) == CLOSED
    assert fail(probing, now=11.0).state == "open"


def test_the_cool_down_doubles_up_to_its_cap() -> None:
    circuit, now, waits = opened(now=0), 0.0, []
    for _ in range(4):
        waits.append(circuit.until - now)
        now = circuit.until
        _, probing = admit(circuit, policy=POLICY, now=now)
        circuit = fail(probing, now=now)
    assert waits == [10.0, 20.0, 35.0, 35.0]


def test_late_failures_do_not_lengthen_the_cool_down() -> None:
    circuit = opened(now=0)
    assert fail(circuit, now=5.0).until == circuit.until
