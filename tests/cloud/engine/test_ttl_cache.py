"""A cache with a bound on bytes and on age."""

from cloud.engine.ttl_cache import ENTRY_BYTES, TtlCache


def test_the_least_recently_used_value_is_evicted() -> None:
    cache = TtlCache[int](2 * (1 + ENTRY_BYTES), 1.0, lambda: 0.0)
    for name, value in (("a", 1), ("b", 2)):
        cache.put(name, value, 1)
    assert cache.get("a") == 1
    cache.put("c", 3, 1)
    assert [cache.get(name) for name in "abc"] == [1, None, 3]


def test_a_value_put_again_counts_once() -> None:
    cache = TtlCache[int](2 * (1 + ENTRY_BYTES), 1.0, lambda: 0.0)
    for value in (1, 2):
        cache.put("a", value, 1)
    cache.put("b", 3, 1)
    assert [cache.get(name) for name in "ab"] == [2, 3]


def test_use_does_not_prolong_a_value() -> None:
    now = 0.0
    cache = TtlCache[int](2 * (1 + ENTRY_BYTES), 1.0, lambda: now)
    cache.put("a", 1, 1)
    now = 0.9
    assert cache.get("a") == 1
    now = 1.0
    assert cache.get("a") is None
