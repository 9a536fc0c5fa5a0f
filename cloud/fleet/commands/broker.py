"""The options that say where a fleet's broker is."""

import argparse
from pathlib import Path

from protos.connection.broker import LOCAL_BROKER, BrokerAccess, BrokerNames

_NAMES = BrokerNames(
    "--mqtt", "--mqtt-user", "--mqtt-password-file", "--mqtt-cert", "--mqtt-key", "add --mqtt-plain"
)


def add_broker(parser: argparse.ArgumentParser, who: str) -> None:
    """`who` connects: the controller, say."""
    group = parser.add_argument_group("the broker", "MQTT 3.1.1 or 5; beyond this machine with TLS")
    group.add_argument(
        "--mqtt",
        default=LOCAL_BROKER.address,
        metavar="ADDRESS",
        help="mqtts://HOST[:PORT] (default: %(default)s)",
    )
    group.add_argument("--mqtt-user", default="", metavar="NAME", help=f"by which it knows {who}")
    for option, text in (
        ("--mqtt-password-file", "holds the password"),
        ("--mqtt-ca", "whom to trust for its certificate (default: the public authorities)"),
        ("--mqtt-cert", f"the certificate that {who} shows, with --mqtt-key"),
        ("--mqtt-key", "its key"),
    ):
        group.add_argument(option, type=Path, metavar="FILE", help=text)
    group.add_argument(
        "--mqtt-plain", action="store_true", help="without TLS to another machine: the network is your own"
    )


def broker_of(options: argparse.Namespace) -> BrokerAccess:
    """What the options say, not checked yet."""
    return BrokerAccess(
        options.mqtt,
        options.mqtt_user,
        options.mqtt_password_file,
        options.mqtt_ca,
        options.mqtt_cert,
        options.mqtt_key,
        options.mqtt_plain,
        _NAMES,
    )
