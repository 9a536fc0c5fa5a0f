"""How device and cloud notice that a connection is dead, though nobody has reset it: pings of HTTP/2.

Routers forget connections that are idle, and drop what comes afterwards. Both ends' options stand here, for
they must agree: a server takes pings that come too often for abuse, and hangs up.
"""

PING_SECONDS = 15
_TIMEOUT_MS = 5000
_SERVER_PING_MS, _SERVER_TIMEOUT_MS = 20_000, 10_000
_IDLE_MS = 600_000

Options = list[tuple[str, int]]


def client_options() -> Options:
    """Channel arguments: a connection that answers no ping for 5 s is given up, with calls or without."""
    return [
        ("grpc.keepalive_time_ms", 1000 * PING_SECONDS),
        ("grpc.keepalive_timeout_ms", _TIMEOUT_MS),
        # the limit for pings that gRPC sends by itself, as after a cancelled call; a minute by default
        ("grpc.http2.ping_timeout_ms", _TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        # by default gRPC sends two, and then none until there is data again
        ("grpc.http2.max_pings_without_data", 0),
    ]


def server_options() -> Options:
    """Server arguments: pings as often as `client_options` sends them are welcome, and twice as often. A
    device that vanished is noticed, and a connection without calls is closed.
    """
    return [
        ("grpc.keepalive_time_ms", _SERVER_PING_MS),
        ("grpc.keepalive_timeout_ms", _SERVER_TIMEOUT_MS),
        ("grpc.http2.max_pings_without_data", 0),  # as for a client
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", 500 * PING_SECONDS),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
