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
