import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeviceState(_message.Message):
    __slots__ = ("connection", "session", "since", "device", "instance")
    class Connection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CONNECTION_UNSPECIFIED: _ClassVar[DeviceState.Connection]
        ONLINE: _ClassVar[DeviceState.Connection]
        OFFLINE: _ClassVar[DeviceState.Connection]
    CONNECTION_UNSPECIFIED: DeviceState.Connection
    ONLINE: DeviceState.Connection
    OFFLINE: DeviceState.Connection
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    connection: DeviceState.Connection
    session: int
    since: _timestamp_pb2.Timestamp
    device: Device
    instance: str
    def __init__(self, connection: _Optional[_Union[DeviceState.Connection, str]] = ..., session: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., device: _Optional[_Union[Device, _Mapping]] = ..., instance: _Optional[str] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("version", "python", "machine", "architecture", "system", "cores", "memory_bytes", "providers", "provider", "bundle", "bundles", "cuts", "times")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    BUNDLES_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    version: str
    python: str
    machine: str
    architecture: str
    system: str
    cores: int
    memory_bytes: int
    providers: _containers.RepeatedScalarFieldContainer[str]
    provider: str
    bundle: str
    bundles: _containers.RepeatedScalarFieldContainer[str]
    cuts: _containers.RepeatedCompositeFieldContainer[HeldCut]
    times: DeviceTimes
    def __init__(self, version: _Optional[str] = ..., python: _Optional[str] = ..., machine: _Optional[str] = ..., architecture: _Optional[str] = ..., system: _Optional[str] = ..., cores: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., providers: _Optional[_Iterable[str]] = ..., provider: _Optional[str] = ..., bundle: _Optional[str] = ..., bundles: _Optional[_Iterable[str]] = ..., cuts: _Optional[_Iterable[_Union[HeldCut, _Mapping]]] = ..., times: _Optional[_Union[DeviceTimes, _Mapping]] = ...) -> None: ...

class HeldCut(_message.Message):
    __slots__ = ("name", "codecs")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    name: str
    codecs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., codecs: _Optional[_Iterable[str]] = ...) -> None: ...

class DeviceTimes(_message.Message):
    __slots__ = ("pieces", "encode", "prefill", "token", "preprocess", "pixels", "measured")
    class PiecesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class EncodeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    PIECES_FIELD_NUMBER: _ClassVar[int]
    ENCODE_FIELD_NUMBER: _ClassVar[int]
    PREFILL_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PREPROCESS_FIELD_NUMBER: _ClassVar[int]
    PIXELS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    pieces: _containers.ScalarMap[str, float]
    encode: _containers.ScalarMap[str, float]
    prefill: float
    token: float
    preprocess: float
    pixels: float
    measured: bool
    def __init__(self, pieces: _Optional[_Mapping[str, float]] = ..., encode: _Optional[_Mapping[str, float]] = ..., prefill: _Optional[float] = ..., token: _Optional[float] = ..., preprocess: _Optional[float] = ..., pixels: _Optional[float] = ..., measured: bool = ...) -> None: ...

class Desired(_message.Message):
    __slots__ = ("version", "at", "settings")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    version: int
    at: _timestamp_pb2.Timestamp
    settings: FleetSettings
    def __init__(self, version: _Optional[int] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., settings: _Optional[_Union[FleetSettings, _Mapping]] = ...) -> None: ...

class FleetSettings(_message.Message):
    __slots__ = ("bundle", "cuts", "weights", "rules", "sources", "telemetry_seconds", "agreement_percent", "agreement_bytes_per_hour")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_PERCENT_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_BYTES_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    bundle: BundleReference
    cuts: Cuts
    weights: FleetWeights
    rules: FleetRules
    sources: _containers.RepeatedCompositeFieldContainer[FleetSource]
    telemetry_seconds: int
    agreement_percent: float
    agreement_bytes_per_hour: int
    def __init__(self, bundle: _Optional[_Union[BundleReference, _Mapping]] = ..., cuts: _Optional[_Union[Cuts, _Mapping]] = ..., weights: _Optional[_Union[FleetWeights, _Mapping]] = ..., rules: _Optional[_Union[FleetRules, _Mapping]] = ..., sources: _Optional[_Iterable[_Union[FleetSource, _Mapping]]] = ..., telemetry_seconds: _Optional[int] = ..., agreement_percent: _Optional[float] = ..., agreement_bytes_per_hour: _Optional[int] = ...) -> None: ...

class BundleReference(_message.Message):
    __slots__ = ("digest", "url")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    digest: str
    url: str
    def __init__(self, digest: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class Cuts(_message.Message):
    __slots__ = ("allowed", "pinned", "codec")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    allowed: _containers.RepeatedScalarFieldContainer[str]
    pinned: str
    codec: str
    def __init__(self, allowed: _Optional[_Iterable[str]] = ..., pinned: _Optional[str] = ..., codec: _Optional[str] = ...) -> None: ...

class FleetWeights(_message.Message):
    __slots__ = ("accuracy", "kilobyte", "joule")
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    KILOBYTE_FIELD_NUMBER: _ClassVar[int]
    JOULE_FIELD_NUMBER: _ClassVar[int]
    accuracy: float
    kilobyte: float
    joule: float
    def __init__(self, accuracy: _Optional[float] = ..., kilobyte: _Optional[float] = ..., joule: _Optional[float] = ...) -> None: ...

class FleetRules(_message.Message):
    __slots__ = ("deadline_milliseconds", "confidence", "never_upload", "never_leave_device", "local", "max_loss", "bytes_per_day", "battery_floor", "temperature_ceiling")
    DEADLINE_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    NEVER_UPLOAD_FIELD_NUMBER: _ClassVar[int]
    NEVER_LEAVE_DEVICE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    MAX_LOSS_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    BATTERY_FLOOR_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_CEILING_FIELD_NUMBER: _ClassVar[int]
    deadline_milliseconds: float
    confidence: float
    never_upload: bool
    never_leave_device: bool
    local: bool
    max_loss: float
    bytes_per_day: int
    battery_floor: float
    temperature_ceiling: float
    def __init__(self, deadline_milliseconds: _Optional[float] = ..., confidence: _Optional[float] = ..., never_upload: bool = ..., never_leave_device: bool = ..., local: bool = ..., max_loss: _Optional[float] = ..., bytes_per_day: _Optional[int] = ..., battery_floor: _Optional[float] = ..., temperature_ceiling: _Optional[float] = ...) -> None: ...

class FleetSource(_message.Message):
    __slots__ = ("name", "enabled", "rate", "bytes_per_day", "joules_per_day", "questions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    JOULES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    enabled: bool
    rate: float
    bytes_per_day: int
    joules_per_day: float
    questions: _containers.RepeatedCompositeFieldContainer[FleetQuestion]
    def __init__(self, name: _Optional[str] = ..., enabled: bool = ..., rate: _Optional[float] = ..., bytes_per_day: _Optional[int] = ..., joules_per_day: _Optional[float] = ..., questions: _Optional[_Iterable[_Union[FleetQuestion, _Mapping]]] = ...) -> None: ...

class FleetQuestion(_message.Message):
    __slots__ = ("name", "text", "labels", "threshold", "max_tokens")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    threshold: float
    max_tokens: int
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., threshold: _Optional[float] = ..., max_tokens: _Optional[int] = ...) -> None: ...

class Reported(_message.Message):
    __slots__ = ("session", "version", "highest_version", "settings", "at", "refused", "taking_over", "takeover")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    TAKING_OVER_FIELD_NUMBER: _ClassVar[int]
    TAKEOVER_FIELD_NUMBER: _ClassVar[int]
    session: int
    version: int
    highest_version: int
    settings: FleetSettings
    at: _timestamp_pb2.Timestamp
    refused: Refusal
    taking_over: bool
    takeover: Takeover
    def __init__(self, session: _Optional[int] = ..., version: _Optional[int] = ..., highest_version: _Optional[int] = ..., settings: _Optional[_Union[FleetSettings, _Mapping]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., refused: _Optional[_Union[Refusal, _Mapping]] = ..., taking_over: bool = ..., takeover: _Optional[_Union[Takeover, _Mapping]] = ...) -> None: ...

class Takeover(_message.Message):
    __slots__ = ("waits_for", "failures", "error")
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    waits_for: str
    failures: int
    error: str
    def __init__(self, waits_for: _Optional[str] = ..., failures: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("version", "reason", "field", "text")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Refusal.Reason]
        STALE: _ClassVar[Refusal.Reason]
        MALFORMED: _ClassVar[Refusal.Reason]
        OUT_OF_BOUNDS: _ClassVar[Refusal.Reason]
        IMPOSSIBLE: _ClassVar[Refusal.Reason]
        FAILED: _ClassVar[Refusal.Reason]
    REASON_UNSPECIFIED: Refusal.Reason
    STALE: Refusal.Reason
    MALFORMED: Refusal.Reason
    OUT_OF_BOUNDS: Refusal.Reason
    IMPOSSIBLE: Refusal.Reason
    FAILED: Refusal.Reason
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    version: int
    reason: Refusal.Reason
    field: str
    text: str
    def __init__(self, version: _Optional[int] = ..., reason: _Optional[_Union[Refusal.Reason, str]] = ..., field: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Telemetry(_message.Message):
    __slots__ = ("session", "sequence", "start", "milliseconds", "bundle", "settings_version", "arms", "stages", "links", "energy_source", "temperature", "battery", "waiting", "outbox_entries", "outbox_bytes", "gated", "dropped", "memory_bytes", "busy_seconds", "compared_bytes")
    class StagesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Sketch
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Sketch, _Mapping]] = ...) -> None: ...
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_VERSION_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    ENERGY_SOURCE_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    BATTERY_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_BYTES_FIELD_NUMBER: _ClassVar[int]
    GATED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUSY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COMPARED_BYTES_FIELD_NUMBER: _ClassVar[int]
    session: int
    sequence: int
    start: _timestamp_pb2.Timestamp
    milliseconds: int
    bundle: str
    settings_version: int
    arms: _containers.RepeatedCompositeFieldContainer[ArmWindow]
    stages: _containers.MessageMap[str, Sketch]
    links: _containers.RepeatedCompositeFieldContainer[LinkWindow]
    energy_source: str
    temperature: float
    battery: float
    waiting: int
    outbox_entries: int
    outbox_bytes: int
    gated: int
    dropped: int
    memory_bytes: int
    busy_seconds: float
    compared_bytes: int
    def __init__(self, session: _Optional[int] = ..., sequence: _Optional[int] = ..., start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., milliseconds: _Optional[int] = ..., bundle: _Optional[str] = ..., settings_version: _Optional[int] = ..., arms: _Optional[_Iterable[_Union[ArmWindow, _Mapping]]] = ..., stages: _Optional[_Mapping[str, Sketch]] = ..., links: _Optional[_Iterable[_Union[LinkWindow, _Mapping]]] = ..., energy_source: _Optional[str] = ..., temperature: _Optional[float] = ..., battery: _Optional[float] = ..., waiting: _Optional[int] = ..., outbox_entries: _Optional[int] = ..., outbox_bytes: _Optional[int] = ..., gated: _Optional[int] = ..., dropped: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., busy_seconds: _Optional[float] = ..., compared_bytes: _Optional[int] = ...) -> None: ...

class ArmWindow(_message.Message):
    __slots__ = ("route", "cut", "codec", "cloud", "status", "count", "bytes_up", "bytes_down", "joules", "milliseconds", "surprise", "compared", "agreed")
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    CLOUD_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    BYTES_UP_FIELD_NUMBER: _ClassVar[int]
    BYTES_DOWN_FIELD_NUMBER: _ClassVar[int]
    JOULES_FIELD_NUMBER: _ClassVar[int]
    MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    SURPRISE_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    route: str
    cut: str
    codec: str
    cloud: str
    status: str
    count: int
    bytes_up: int
    bytes_down: int
    joules: float
    milliseconds: Sketch
    surprise: Sketch
    compared: int
    agreed: int
    def __init__(self, route: _Optional[str] = ..., cut: _Optional[str] = ..., codec: _Optional[str] = ..., cloud: _Optional[str] = ..., status: _Optional[str] = ..., count: _Optional[int] = ..., bytes_up: _Optional[int] = ..., bytes_down: _Optional[int] = ..., joules: _Optional[float] = ..., milliseconds: _Optional[_Union[Sketch, _Mapping]] = ..., surprise: _Optional[_Union[Sketch, _Mapping]] = ..., compared: _Optional[int] = ..., agreed: _Optional[int] = ...) -> None: ...

class LinkWindow(_message.Message):
    __slots__ = ("cloud", "round_trip_milliseconds", "uplink_bits_per_second", "uplink_doubt", "down")
    CLOUD_FIELD_NUMBER: _ClassVar[int]
    ROUND_TRIP_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    UPLINK_BITS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    UPLINK_DOUBT_FIELD_NUMBER: _ClassVar[int]
    DOWN_FIELD_NUMBER: _ClassVar[int]
    cloud: str
    round_trip_milliseconds: float
    uplink_bits_per_second: float
    uplink_doubt: float
    down: bool
    def __init__(self, cloud: _Optional[str] = ..., round_trip_milliseconds: _Optional[float] = ..., uplink_bits_per_second: _Optional[float] = ..., uplink_doubt: _Optional[float] = ..., down: bool = ...) -> None: ...

class Sketch(_message.Message):
    __slots__ = ("offset", "counts", "zeros", "sum")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    ZEROS_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    offset: int
    counts: bytes
    zeros: int
    sum: float
    def __init__(self, offset: _Optional[int] = ..., counts: _Optional[bytes] = ..., zeros: _Optional[int] = ..., sum: _Optional[float] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("id", "expires", "timeout_seconds", "cancel", "fetch", "profile", "self_test", "diagnose", "restart")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    FETCH_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    SELF_TEST_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSE_FIELD_NUMBER: _ClassVar[int]
    RESTART_FIELD_NUMBER: _ClassVar[int]
    id: str
    expires: _timestamp_pb2.Timestamp
    timeout_seconds: int
    cancel: bool
    fetch: FetchBundle
    profile: Profile
    self_test: SelfTest
    diagnose: Diagnose
    restart: Restart
    def __init__(self, id: _Optional[str] = ..., expires: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., timeout_seconds: _Optional[int] = ..., cancel: bool = ..., fetch: _Optional[_Union[FetchBundle, _Mapping]] = ..., profile: _Optional[_Union[Profile, _Mapping]] = ..., self_test: _Optional[_Union[SelfTest, _Mapping]] = ..., diagnose: _Optional[_Union[Diagnose, _Mapping]] = ..., restart: _Optional[_Union[Restart, _Mapping]] = ...) -> None: ...

class FetchBundle(_message.Message):
    __slots__ = ("bundle",)
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    bundle: BundleReference
    def __init__(self, bundle: _Optional[_Union[BundleReference, _Mapping]] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SelfTest(_message.Message):
    __slots__ = ("routes", "pictures")
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    routes: _containers.RepeatedScalarFieldContainer[str]
    pictures: int
    def __init__(self, routes: _Optional[_Iterable[str]] = ..., pictures: _Optional[int] = ...) -> None: ...

class Diagnose(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: bool
    def __init__(self, content: bool = ...) -> None: ...

class Restart(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class JobStatus(_message.Message):
    __slots__ = ("id", "session", "state", "progress", "reason", "at", "accuracies", "times", "report")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[JobStatus.State]
        ACCEPTED: _ClassVar[JobStatus.State]
        RUNNING: _ClassVar[JobStatus.State]
        SUCCEEDED: _ClassVar[JobStatus.State]
        FAILED: _ClassVar[JobStatus.State]
        TIMED_OUT: _ClassVar[JobStatus.State]
        CANCELLED: _ClassVar[JobStatus.State]
        REJECTED: _ClassVar[JobStatus.State]
        INTERRUPTED: _ClassVar[JobStatus.State]
    STATE_UNSPECIFIED: JobStatus.State
    ACCEPTED: JobStatus.State
    RUNNING: JobStatus.State
    SUCCEEDED: JobStatus.State
    FAILED: JobStatus.State
    TIMED_OUT: JobStatus.State
    CANCELLED: JobStatus.State
    REJECTED: JobStatus.State
    INTERRUPTED: JobStatus.State
    ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ACCURACIES_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    id: str
    session: int
    state: JobStatus.State
    progress: float
    reason: str
    at: _timestamp_pb2.Timestamp
    accuracies: _containers.RepeatedCompositeFieldContainer[RouteAccuracy]
    times: DeviceTimes
    report: str
    def __init__(self, id: _Optional[str] = ..., session: _Optional[int] = ..., state: _Optional[_Union[JobStatus.State, str]] = ..., progress: _Optional[float] = ..., reason: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., accuracies: _Optional[_Iterable[_Union[RouteAccuracy, _Mapping]]] = ..., times: _Optional[_Union[DeviceTimes, _Mapping]] = ..., report: _Optional[str] = ...) -> None: ...

class RouteAccuracy(_message.Message):
    __slots__ = ("route", "pictures", "right", "failed")
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    route: str
    pictures: int
    right: int
    failed: int
    def __init__(self, route: _Optional[str] = ..., pictures: _Optional[int] = ..., right: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...
