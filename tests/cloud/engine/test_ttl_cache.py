"""A cache with a bound on bytes and on age."""

from cloud.engine.ttl_cache import ENTRY_BYTES, TtlCache


def test_the_least_recently_used_value_is_evicted() -> None:
    cache = TtlCache[int](2 * (1 + ENTRY_BYTES), 1.0, lambda: 0.0)
    for name, value in (("a", 1), ("b", 2)):
        cache.put("me", name, value, 1)
    assert cache.get("me", "a") == 1
    cache.put("me", "c", 3, 1)
    assert [cache.get("me", name) for name in "abc"] == [1, None, 3]


def test_a_value_put_again_counts_once() -> None:
    cache = TtlCache[int](2 * (1 + ENTRY_BYTES), 1.0, lambda: 0.0)
    for value in (1, 2):
        cache.put("me", "a", value, 1)
    cache.put("me", "b", 3, 1)
    assert [cache.get("me", name) for name in "ab"] == [2, 3]


def test_use_does_not_prolong_a_value() -> None:
    now = 0.0
    cache = TtlCache[int](2 * (1 + ENTRY_BYTES), 1.0, lambda: now)
    cache.put("me", "a", 1, 1)
    now = 0.9
    assert cache.get("me", "a") == 1
    now = 1.0
    assert cache.get("me", "a") is None


def test_who_holds_the_most_makes_room() -> None:
    cache = TtlCache[int](3 * (1 + ENTRY_BYTES), 1.0, lambda: 0.0)
    cache.put("me", "a", 1, 1)
    for value in range(800):
        cache.put("another", str(value), value, 1)
    assert cache.get("me", "a") == 1
    assert [cache.get("another", str(value)) for value in (797, 798, 799)] == [None, 798, 799]


def test_of_many_who_hold_alike_the_one_unseen_for_longest_makes_room() -> None:
    cache = TtlCache[int](2 * (1 + ENTRY_BYTES), 1.0, lambda: 0.0)
    for owner in ("first", "second"):
        cache.put(owner, "a", 1, 1)
    assert cache.get("first", "a") == 1
    cache.put("third", "a", 1, 1)
    assert [cache.get(owner, "a") for owner in ("first", "second", "third")] == [1, None, 1]


def test_nothing_is_left_of_an_owner_whose_values_have_expired() -> None:
    now = 0.0
    cache = TtlCache[int](1 << 20, 1.0, lambda: now)
    cache.put("me", "a", 1, 1)
    now = 2.0
    cache.expire()
    assert (cache._entries, cache._held, cache._bytes) == ({}, {}, 0)
