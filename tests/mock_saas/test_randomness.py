"""Values that are addressed: stable, distinct, even."""

from hypothesis import given
from hypothesis import strategies as st

from mock_saas.history.randomness import MASK_64, SPACE_EVENT_ID, SPACE_MESSAGE, SPACE_MESSAGE_ID, Randomness, mix64

WORDS_64 = st.integers(0, MASK_64)


@given(WORDS_64, WORDS_64)
def test_mixing_never_maps_two_values_to_one(first: int, second: int) -> None:
    assert (mix64(first) == mix64(second)) == (first == second)


@given(st.integers(), st.integers(0, 2**50))
def test_the_same_seed_and_address_give_the_same_values(seed: int, address: int) -> None:
    assert Randomness(seed).word(SPACE_MESSAGE, address) == Randomness(seed).word(SPACE_MESSAGE, address)
    assert Randomness(seed).words(8, SPACE_MESSAGE, address) == Randomness(seed).words(8, SPACE_MESSAGE, address)


@given(st.integers(0, 2**55), st.integers(0, 2**55))
def test_identifiers_differ_between_addresses_and_purposes(first: int, second: int) -> None:
    randomness = Randomness(1)
    identifiers = {randomness.identifier(SPACE_EVENT_ID, address) for address in (first, second)}
    assert len(identifiers) == len({first, second})
    assert identifiers.isdisjoint(randomness.identifier(SPACE_MESSAGE_ID, address) for address in (first, second))


def test_seeds_differ_and_values_are_even() -> None:
    words = Randomness(1).words(20_000, SPACE_MESSAGE, 7)
    assert words != Randomness(2).words(20_000, SPACE_MESSAGE, 7)
    tenths = [sum(1 for word in words if word * 10 >> 32 == tenth) for tenth in range(10)]
    assert all(1800 < count < 2200 for count in tenths)
