import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from bench.network.conditions import MEGABIT, PRESETS, Conditions, Steady
from bench.network.emulator import Link

FAST = Conditions.steady(1000 * MEGABIT, round_trip=0.002)
STALLED = Conditions(up=Steady(0), down=Steady(0), round_trip=0.0, buffer=4096)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        yield listener


@pytest.fixture
def link(server: socket.socket) -> Iterator[Link]:
    with Link(address_of(server), FAST) as running:
        yield running


def address_of(server: socket.socket) -> str:
    host, port = server.getsockname()
    return f"{host}:{port}"


def connect(link: Link) -> socket.socket:
    host, port = link.address.split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def joined(link: Link, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = connect(link)
    far, _ = server.accept()
    far.settimeout(20)
    return client, far


def read(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := source.recv(65536)):
        data += piece
    return data


def test_data_crosses_whole_both_ways_and_every_byte_is_counted(link: Link, server: socket.socket) -> None:
    up, down = bytes(range(256)) * 2000, b"reply" * 30_001
    client, far = joined(link, server)
    with client, far:
        sender = threading.Thread(target=client.sendall, args=(up,))
        sender.start()
        assert read(far, len(up)) == up
        sender.join()
        sender = threading.Thread(target=far.sendall, args=(down,))
        sender.start()
        assert read(client, len(down)) == down
        sender.join()
    assert (link.up.delivered, link.down.delivered) == (len(up), len(down))


def test_two_connections_share_a_link_without_mixing(link: Link, server: socket.socket) -> None:
    first, far_first = joined(link, server)
    second, far_second = joined(link, server)
    with first, far_first, second, far_second:
        first.sendall(b"a" * 5000)
        second.sendall(b"b" * 5000)
        assert read(far_first, 5000) == b"a" * 5000
        assert read(far_second, 5000) == b"b" * 5000
    assert link.up.delivered == 10_000


def test_one_side_may_finish_while_the_other_still_speaks(link: Link, server: socket.socket) -> None:
    client, far = joined(link, server)
    with client, far:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert read(far, 100) == b"question"
        far.sendall(b"answer")
        far.close()
        assert read(client, 100) == b"answer"


def test_an_outage_cuts_what_is_open_and_refuses_what_is_new(link: Link, server: socket.socket) -> None:
    client, far = joined(link, server)
    with client, far:
        link.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(link)


def test_a_link_comes_back_at_the_same_address(link: Link, server: socket.socket) -> None:
    before = link.address
    link.cut()
    link.restore()
    client, far = joined(link, server)
    with client, far:
        client.sendall(b"again")
        assert read(far, 5) == b"again"
    assert link.address == before


def test_a_target_that_is_gone_resets_the_client(server: socket.socket) -> None:
    with Link(address_of(server), FAST) as link:
        server.close()
        with connect(link) as client, pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_sender_cannot_run_ahead_of_a_stalled_link_by_more_than_the_buffer(server: socket.socket) -> None:
    with Link(address_of(server), STALLED) as link:
        client, far = joined(link, server)
        with client, far:
            fill(client)
            assert 0 < link.up.taken <= STALLED.buffer
            assert link.up.delivered == 0


def test_a_sender_cannot_run_ahead_of_a_receiver_that_does_not_read(server: socket.socket) -> None:
    with Link(address_of(server), FAST) as link:
        client, far = joined(link, server)
        with client, far:
            fill(client)
            assert link.up.taken - link.up.delivered <= link.up.capacity


def fill(client: socket.socket) -> None:
    """Send until nothing more is accepted for a while."""
    client.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            client.send(b"x" * 65536)


def test_a_stalled_link_goes_on_when_its_conditions_change(server: socket.socket) -> None:
    with Link(address_of(server), STALLED) as link:
        client, far = joined(link, server)
        with client, far:
            client.sendall(b"patience")
            link.set(PRESETS["good"])
            assert read(far, 8) == b"patience"


def test_a_reset_ends_open_connections_and_a_new_one_works(link: Link, server: socket.socket) -> None:
    client, far = joined(link, server)
    with client, far:
        link.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        again, there = joined(link, server)
        with again, there:
            again.sendall(b"again")
            assert read(there, 5) == b"again"


def test_what_is_sent_over_a_forgotten_connection_vanishes_and_a_new_one_works(
    link: Link, server: socket.socket
) -> None:
    client, far = joined(link, server)
    with client, far:
        client.sendall(b"before")
        assert read(far, 6) == b"before"
        link.forget()
        client.sendall(b"after")
        far.settimeout(0.3)
        with pytest.raises(TimeoutError):
            far.recv(1)
        client.close()
        with pytest.raises(TimeoutError):
            far.recv(1)
        again, there = joined(link, server)
        with again, there:
            again.sendall(b"again")
            assert read(there, 5) == b"again"


def test_over_a_muted_link_what_is_sent_arrives_and_nothing_comes_back_until_it_is_restored(
    link: Link, server: socket.socket
) -> None:
    before, far_before = joined(link, server)
    link.mute()
    during, far_during = joined(link, server)
    for client, far in ((before, far_before), (during, far_during)):
        client.settimeout(0.3)
        client.sendall(b"question")
        assert read(far, 8) == b"question"
        far.sendall(b"answer")
        with pytest.raises(TimeoutError):
            client.recv(1)
    link.restore()
    client, far = joined(link, server)
    with before, far_before, during, far_during, client, far:
        far_before.sendall(b"lost as well")
        with pytest.raises(TimeoutError):
            before.recv(1)
        far.sendall(b"again")
        assert read(client, 5) == b"again"
