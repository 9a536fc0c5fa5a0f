"""The tables. Times are seconds since 1970 by the controller's clock; messages are protobuf's JSON."""

import sqlalchemy as sa

from cloud.fleet.rollout.summary import Summary

METADATA = sa.MetaData()
SUMS = Summary._fields  # of telemetry

FLEET = sa.Table("fleet", METADATA, sa.Column("name", sa.String(64), primary_key=True))

DEVICES = sa.Table(
    "devices",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("session", sa.BigInteger, nullable=False, default=0),
    sa.Column("connection", sa.String(8), nullable=False, default="unknown"),
    sa.Column("since", sa.Float, nullable=False, default=0.0),  # that it is connected so
    sa.Column("heard", sa.Float, nullable=False, default=0.0),
    sa.Column("kind", sa.String(64), nullable=False, default=""),  # class: what machine it is
    sa.Column("version", sa.String(64), nullable=False, default=""),
    sa.Column("bundle", sa.String(64), nullable=False, default=""),
    sa.Column("cut", sa.String(64), nullable=False, default=""),  # pinned, as it reports
    sa.Column("device", sa.Text, nullable=False, default="{}"),
    sa.Column("reported", sa.Text, nullable=False, default="{}"),
    sa.Column("reported_version", sa.BigInteger, nullable=False, default=0),
    sa.Column("highest_version", sa.BigInteger, nullable=False, default=0),
    sa.Column("refused_version", sa.BigInteger, nullable=False, default=0),
    sa.Column("refused", sa.Text, nullable=False, default=""),
    sa.Column("taking_over", sa.Boolean, nullable=False, default=False),
    sa.Column("labels", sa.JSON, nullable=False, default=dict),
)

DESIRED = sa.Table(
    "desired",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),  # as it is told: one text for one version
    sa.Column("published", sa.BigInteger, nullable=False, default=0),  # the version that the broker has
    sa.Column("rollout", sa.String(64), nullable=False, default=""),  # by which it was changed last
)

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("device", sa.String(64), nullable=False, index=True),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("task", sa.String(16), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, default="waiting", index=True),
    sa.Column("cancelling", sa.Boolean, nullable=False, default=False),
    sa.Column("told", sa.Float, nullable=False, default=0.0),
    sa.Column("status", sa.Text, nullable=False, default="{}"),
)

ROLLOUTS = sa.Table(
    "rollouts",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("plan", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("verdict", sa.String(16), nullable=False, default=""),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("revision", sa.BigInteger, nullable=False, default=1),
)

EARLIER = sa.Table(  # what a treated device had before
    "earlier",
    METADATA,
    sa.Column("rollout", sa.String(64), primary_key=True),
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),
)

AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.String(260), nullable=False),
    sa.Column("what", sa.String(64), nullable=False),
    sa.Column("object", sa.String(128), nullable=False, index=True),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False, default=""),
)

LEASE = sa.Table(
    "lease",
    METADATA,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),  # by the database's clock
)


HISTORY = sa.Table(  # what a rollout knew, whenever that changed
    "rollout_history",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("rollout", sa.String(64), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("known", sa.Text, nullable=False),
)

LATEST = sa.Table(  # the last window that a device told
    "latest_windows",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("way", sa.String(80), nullable=False),  # by which most answers came: a route, or split@CUT
    sa.Column("milliseconds", sa.BigInteger, nullable=False),
    sa.Column("answers", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("metered", sa.BigInteger, nullable=False),
    sa.Column("joules", sa.Float, nullable=False),
    sa.Column("message", sa.LargeBinary, nullable=False),
)


def _telemetry(name: str, of: str = "device") -> sa.Table:
    """What was told in spans of time of one length, by device or by class of devices. `sketch`: of
    milliseconds, a `Sketch`.
    """
    return sa.Table(
        name,
        METADATA,
        sa.Column(of, sa.String(64), primary_key=True),
        sa.Column("start", sa.Float, primary_key=True),
        *(
            sa.Column(column, sa.Float if column in {"level", "joules"} else sa.BigInteger, nullable=False)
            for column in SUMS
        ),
        sa.Column("sketch", sa.LargeBinary, nullable=False),
        sa.Index(f"{name}_start", "start"),
    )


BUCKETS, HOURS = _telemetry("buckets"), _telemetry("hours")
MINUTES = _telemetry("class_minutes", of="kind")


STAGES = (  # of an answer, as devices name them, of which sums are kept
    "preprocess",
    "head",
    "local",
    "encode",
    "network",
    "decode",
    "queue",
    "tail",
    "first_token",
    "generate",
    "total",
)
OBSERVED_SUMS = (
    "windows",
    "seconds",
    "answers",
    "failed",
    "temperatures",  # windows that told one
    "temperature",
    "waiting",
    "links",  # windows that told one
    "log_rate",  # of bits a second
    "log_rate_squares",
    "log_round_trip",  # of milliseconds
    "doubt",
    *(f"stage_{stage}" for stage in STAGES),
)
ARM_SUMS = (
    "count",
    "bytes_up",
    "bytes_down",
    "metered",  # answers whose joules are known
    "joules",
    "milliseconds",
    "timed",  # answers whose times were told, and sums of their logarithms
    "log_milliseconds",
    "log_milliseconds_squares",
    "surprises",  # likewise of times in parts of what was predicted
    "log_surprise",
    "log_surprise_squares",
    "compared",
    "agreed",
)


def _observed(name: str, keys: tuple[str, ...], sums: tuple[str, ...]) -> sa.Table:
    """What was told in the hour that begins at `start`, while a bundle was in force."""
    return sa.Table(
        name,
        METADATA,
        sa.Column("device", sa.String(64), primary_key=True),
        sa.Column("start", sa.Float, primary_key=True),
        sa.Column("bundle", sa.String(64), primary_key=True),
        *(sa.Column(key, sa.String(64), primary_key=True) for key in keys),
        *(sa.Column(column, sa.Float, nullable=False) for column in sums),
        sa.Index(f"{name}_start", "start"),
        sqlite_with_rowid=False,  # a fleet's rows lie by device, as they are read
    )


OBSERVED = _observed("observed", (), OBSERVED_SUMS)
OBSERVED_ARMS = _observed("observed_arms", ("route", "cut", "codec"), ARM_SUMS)
