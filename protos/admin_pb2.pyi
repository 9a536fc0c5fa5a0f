from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LoadRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UnloadRequest(_message.Message):
    __slots__ = ("digest", "drain_milliseconds")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DRAIN_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    digest: str
    drain_milliseconds: int
    def __init__(self, digest: _Optional[str] = ..., drain_milliseconds: _Optional[int] = ...) -> None: ...

class UnloadReply(_message.Message):
    __slots__ = ("digest", "unfinished")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    UNFINISHED_FIELD_NUMBER: _ClassVar[int]
    digest: str
    unfinished: int
    def __init__(self, digest: _Optional[str] = ..., unfinished: _Optional[int] = ...) -> None: ...

class ModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ModelsReply(_message.Message):
    __slots__ = ("models", "free_bytes")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    free_bytes: int
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., free_bytes: _Optional[int] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("digest", "model", "state", "folder", "device", "dtype", "weight_bytes", "unfinished")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Model.State]
        SERVING: _ClassVar[Model.State]
        DRAINING: _ClassVar[Model.State]
        AVAILABLE: _ClassVar[Model.State]
    STATE_UNSPECIFIED: Model.State
    SERVING: Model.State
    DRAINING: Model.State
    AVAILABLE: Model.State
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNFINISHED_FIELD_NUMBER: _ClassVar[int]
    digest: str
    model: str
    state: Model.State
    folder: str
    device: str
    dtype: str
    weight_bytes: int
    unfinished: int
    def __init__(self, digest: _Optional[str] = ..., model: _Optional[str] = ..., state: _Optional[_Union[Model.State, str]] = ..., folder: _Optional[str] = ..., device: _Optional[str] = ..., dtype: _Optional[str] = ..., weight_bytes: _Optional[int] = ..., unfinished: _Optional[int] = ...) -> None: ...

class SetTrafficRequest(_message.Message):
    __slots__ = ("candidate", "stable", "share", "shadow", "automatic", "bounds", "end")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    STABLE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    AUTOMATIC_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    candidate: str
    stable: str
    share: float
    shadow: float
    automatic: bool
    bounds: Bounds
    end: bool
    def __init__(self, candidate: _Optional[str] = ..., stable: _Optional[str] = ..., share: _Optional[float] = ..., shadow: _Optional[float] = ..., automatic: bool = ..., bounds: _Optional[_Union[Bounds, _Mapping]] = ..., end: bool = ...) -> None: ...

class Bounds(_message.Message):
    __slots__ = ("slowdown", "failures", "changed")
    SLOWDOWN_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    slowdown: float
    failures: float
    changed: float
    def __init__(self, slowdown: _Optional[float] = ..., failures: _Optional[float] = ..., changed: _Optional[float] = ...) -> None: ...

class GetTrafficRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Traffic(_message.Message):
    __slots__ = ("candidate", "stable", "share", "shadow", "automatic", "bounds", "verdict", "findings", "pairs", "candidate_failed", "stable_failed", "answered", "changed", "slowdown", "stages", "interrupted")
    class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VERDICT_UNSPECIFIED: _ClassVar[Traffic.Verdict]
        ADVANCE: _ClassVar[Traffic.Verdict]
        HOLD: _ClassVar[Traffic.Verdict]
        ROLL_BACK: _ClassVar[Traffic.Verdict]
    VERDICT_UNSPECIFIED: Traffic.Verdict
    ADVANCE: Traffic.Verdict
    HOLD: Traffic.Verdict
    ROLL_BACK: Traffic.Verdict
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    STABLE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    AUTOMATIC_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FAILED_FIELD_NUMBER: _ClassVar[int]
    STABLE_FAILED_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    SLOWDOWN_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    candidate: str
    stable: str
    share: float
    shadow: float
    automatic: bool
    bounds: Bounds
    verdict: Traffic.Verdict
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    pairs: int
    candidate_failed: int
    stable_failed: int
    answered: int
    changed: int
    slowdown: float
    stages: _containers.RepeatedCompositeFieldContainer[StageTime]
    interrupted: int
    def __init__(self, candidate: _Optional[str] = ..., stable: _Optional[str] = ..., share: _Optional[float] = ..., shadow: _Optional[float] = ..., automatic: bool = ..., bounds: _Optional[_Union[Bounds, _Mapping]] = ..., verdict: _Optional[_Union[Traffic.Verdict, str]] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., pairs: _Optional[int] = ..., candidate_failed: _Optional[int] = ..., stable_failed: _Optional[int] = ..., answered: _Optional[int] = ..., changed: _Optional[int] = ..., slowdown: _Optional[float] = ..., stages: _Optional[_Iterable[_Union[StageTime, _Mapping]]] = ..., interrupted: _Optional[int] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("measure", "harm", "health")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    HARM_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    measure: str
    harm: float
    health: float
    def __init__(self, measure: _Optional[str] = ..., harm: _Optional[float] = ..., health: _Optional[float] = ...) -> None: ...

class StageTime(_message.Message):
    __slots__ = ("stage", "stable", "candidate")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STABLE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    stage: str
    stable: float
    candidate: float
    def __init__(self, stage: _Optional[str] = ..., stable: _Optional[float] = ..., candidate: _Optional[float] = ...) -> None: ...
