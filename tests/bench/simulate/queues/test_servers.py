"""Servers with one queue, and what is foretold of them."""

from functools import partial

from bench.simulate.queues.servers import Forecast, Servers


def test_who_comes_first_is_served_first() -> None:
    served: list[str] = []
    servers = Servers(1)
    for number, name in enumerate("abc"):
        servers.enter(number, partial(served.append, name))
    assert served == ["a"]
    servers.release()
    assert served == ["a", "b"]


def test_who_leaves_the_queue_is_not_served() -> None:
    served: list[int] = []
    servers = Servers(1)
    servers.enter(0, lambda: served.append(0))
    servers.enter(1, lambda: served.append(1))
    servers.enter(2, lambda: served.append(2))
    servers.leave(1)
    servers.release()
    assert served == [0, 2]


def test_a_forecast_counts_those_at_work_and_those_who_come() -> None:
    forecast = Forecast(2, [5.0])
    assert forecast.begin(1.0) == 1.0
    forecast.serve(1.0, 7.0)  # the second server is busy until 8
    assert forecast.begin(1.0) == 5.0
    assert forecast.begin(9.0) == 9.0
