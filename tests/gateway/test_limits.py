"""How fast, how many, how often wrong: what each limit lets pass, and what it forgets."""

from aircue_gateway.intakes.limits import Allowance, Logins, Places


def test_an_even_rate_within_the_limit_never_waits() -> None:
    allowance = Allowance(per_s=100, burst=10)
    assert {allowance.take(5, now=0.05 * number) for number in range(1000)} == {0.0}


def test_who_sends_too_much_waits_until_the_rate_is_right_over_all() -> None:
    allowance, now, taken = Allowance(per_s=100, burst=50), 0.0, 0
    for _ in range(200):
        taken += 30
        now += allowance.take(30, now)
    assert 100 * now <= taken <= 100 * now + 50 + 30


def test_what_is_saved_up_is_no_more_than_the_burst() -> None:
    allowance = Allowance(per_s=100, burst=10)
    assert allowance.take(10, now=1e6) == 0.0
    assert allowance.take(10, now=1e6) == 0.1


def test_a_place_given_back_is_free_again_and_an_address_gone_is_forgotten() -> None:
    places = Places(most=3, most_per_address=2)
    assert [places.take(address) for address in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    places.give_back("a")
    assert [places.take("c"), places.take("c")] == [True, False]
    for address in ("a", "b", "c"):
        places.give_back(address)
    assert not places._taken


def failed(logins: Logins, times: int, name: str = "bathroom", address: str = "10.0.0.9", now: float = 0.0) -> None:
    for _ in range(times):
        logins.failed(name, address, now)


def test_the_first_failures_cost_nothing_and_then_each_wait_is_longer_up_to_a_bound() -> None:
    logins, waits = Logins(), []
    for number in range(8):
        waits.append(logins.wait_s("bathroom", "10.0.0.9", now=100.0 * number))
        failed(logins, 1, now=100.0 * number)
    assert waits == [0, 0, 0, 0, 1, 2, 4, 4]


def test_many_connections_at_once_guess_no_more_keys_than_one() -> None:
    logins = Logins()
    failed(logins, 10)
    waits = [logins.wait_s("bathroom", "10.0.0.9", now=0.0) for _ in range(100)]
    assert waits == [4.0, 8.0] + [None] * 98


def test_a_login_that_succeeds_and_a_long_time_clear_the_record() -> None:
    logins = Logins()
    failed(logins, 10)
    assert logins.wait_s("bathroom", "10.0.0.9", now=700.0) == 0
    failed(logins, 10, now=700.0)
    logins.succeeded("bathroom", "10.0.0.9")
    assert logins.wait_s("bathroom", "10.0.0.9", now=700.0) == 0


def test_no_number_of_addresses_fills_the_memory() -> None:
    logins = Logins()
    for number in range(5000):
        failed(logins, 1, address=f"10.0.{number // 256}.{number % 256}")
    assert len(logins._failures) == 1024
