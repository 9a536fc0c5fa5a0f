from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InferRequest(_message.Message):
    __slots__ = ("id", "bundle", "question", "features", "picture", "cached_frame", "generation", "labels", "client_secret", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    CACHED_FRAME_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    bundle: bytes
    question: str
    features: Features
    picture: Picture
    cached_frame: bytes
    generation: Generation
    labels: _containers.RepeatedScalarFieldContainer[str]
    client_secret: bytes
    idempotency_key: bytes
    def __init__(self, id: _Optional[str] = ..., bundle: _Optional[bytes] = ..., question: _Optional[str] = ..., features: _Optional[_Union[Features, _Mapping]] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ..., cached_frame: _Optional[bytes] = ..., generation: _Optional[_Union[Generation, _Mapping]] = ..., labels: _Optional[_Iterable[str]] = ..., client_secret: _Optional[bytes] = ..., idempotency_key: _Optional[bytes] = ...) -> None: ...

class Features(_message.Message):
    __slots__ = ("cut", "codec", "payloads", "rows", "columns", "reference", "coding")
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CODING_FIELD_NUMBER: _ClassVar[int]
    cut: str
    codec: str
    payloads: _containers.RepeatedCompositeFieldContainer[Payload]
    rows: int
    columns: int
    reference: bytes
    coding: int
    def __init__(self, cut: _Optional[str] = ..., codec: _Optional[str] = ..., payloads: _Optional[_Iterable[_Union[Payload, _Mapping]]] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., reference: _Optional[bytes] = ..., coding: _Optional[int] = ...) -> None: ...

class Payload(_message.Message):
    __slots__ = ("name", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    data: bytes
    def __init__(self, name: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class Picture(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class Generation(_message.Message):
    __slots__ = ("max_tokens", "temperature", "top_p", "seed")
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    def __init__(self, max_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., seed: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("opening", "sequence", "key_frame", "payloads")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    KEY_FRAME_FIELD_NUMBER: _ClassVar[int]
    PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    opening: WatchOpening
    sequence: int
    key_frame: bool
    payloads: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, opening: _Optional[_Union[WatchOpening, _Mapping]] = ..., sequence: _Optional[int] = ..., key_frame: bool = ..., payloads: _Optional[_Iterable[bytes]] = ...) -> None: ...

class WatchOpening(_message.Message):
    __slots__ = ("bundle", "cut", "codec", "rows", "columns", "question", "generation", "labels", "client_secret", "threshold", "silence", "frame_milliseconds", "silence_milliseconds")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    FRAME_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    SILENCE_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    bundle: bytes
    cut: str
    codec: str
    rows: int
    columns: int
    question: str
    generation: Generation
    labels: _containers.RepeatedScalarFieldContainer[str]
    client_secret: bytes
    threshold: float
    silence: int
    frame_milliseconds: int
    silence_milliseconds: int
    def __init__(self, bundle: _Optional[bytes] = ..., cut: _Optional[str] = ..., codec: _Optional[str] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., question: _Optional[str] = ..., generation: _Optional[_Union[Generation, _Mapping]] = ..., labels: _Optional[_Iterable[str]] = ..., client_secret: _Optional[bytes] = ..., threshold: _Optional[float] = ..., silence: _Optional[int] = ..., frame_milliseconds: _Optional[int] = ..., silence_milliseconds: _Optional[int] = ...) -> None: ...

class WatchReply(_message.Message):
    __slots__ = ("sequence", "text", "done", "failure", "stages", "running")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    text: str
    done: Done
    failure: Failure
    stages: _containers.RepeatedScalarFieldContainer[int]
    running: bool
    def __init__(self, sequence: _Optional[int] = ..., text: _Optional[str] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., stages: _Optional[_Iterable[int]] = ..., running: bool = ...) -> None: ...

class InferReply(_message.Message):
    __slots__ = ("id", "text", "done", "failure")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    id: str
    text: str
    done: Done
    failure: Failure
    def __init__(self, id: _Optional[str] = ..., text: _Optional[str] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("reason", "tokens", "stages", "load", "frame", "scores")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Done.Reason]
        STOP: _ClassVar[Done.Reason]
        LENGTH: _ClassVar[Done.Reason]
        CONTENT_FILTER: _ClassVar[Done.Reason]
    REASON_UNSPECIFIED: Done.Reason
    STOP: Done.Reason
    LENGTH: Done.Reason
    CONTENT_FILTER: Done.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    reason: Done.Reason
    tokens: int
    stages: Stages
    load: Load
    frame: bytes
    scores: _containers.RepeatedCompositeFieldContainer[Score]
    def __init__(self, reason: _Optional[_Union[Done.Reason, str]] = ..., tokens: _Optional[int] = ..., stages: _Optional[_Union[Stages, _Mapping]] = ..., load: _Optional[_Union[Load, _Mapping]] = ..., frame: _Optional[bytes] = ..., scores: _Optional[_Iterable[_Union[Score, _Mapping]]] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("label", "probability", "similarity")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    label: str
    probability: float
    similarity: float
    def __init__(self, label: _Optional[str] = ..., probability: _Optional[float] = ..., similarity: _Optional[float] = ...) -> None: ...

class Stages(_message.Message):
    __slots__ = ("decode", "queue", "tail", "first_token", "generate", "total", "held")
    DECODE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_FIELD_NUMBER: _ClassVar[int]
    GENERATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    decode: float
    queue: float
    tail: float
    first_token: float
    generate: float
    total: float
    held: float
    def __init__(self, decode: _Optional[float] = ..., queue: _Optional[float] = ..., tail: _Optional[float] = ..., first_token: _Optional[float] = ..., generate: _Optional[float] = ..., total: _Optional[float] = ..., held: _Optional[float] = ...) -> None: ...

class Load(_message.Message):
    __slots__ = ("waiting", "running", "queue_milliseconds")
    WAITING_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    QUEUE_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    waiting: int
    running: int
    queue_milliseconds: float
    def __init__(self, waiting: _Optional[int] = ..., running: _Optional[int] = ..., queue_milliseconds: _Optional[float] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "message", "reason")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    reason: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class EmbedRequest(_message.Message):
    __slots__ = ("bundle", "features", "picture", "cached_frame", "texts", "client_secret")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    CACHED_FRAME_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_FIELD_NUMBER: _ClassVar[int]
    bundle: bytes
    features: Features
    picture: Picture
    cached_frame: bytes
    texts: Texts
    client_secret: bytes
    def __init__(self, bundle: _Optional[bytes] = ..., features: _Optional[_Union[Features, _Mapping]] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ..., cached_frame: _Optional[bytes] = ..., texts: _Optional[_Union[Texts, _Mapping]] = ..., client_secret: _Optional[bytes] = ...) -> None: ...

class Texts(_message.Message):
    __slots__ = ("texts",)
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    texts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, texts: _Optional[_Iterable[str]] = ...) -> None: ...

class EmbedReply(_message.Message):
    __slots__ = ("embeddings", "stages", "load", "frame")
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    embeddings: _containers.RepeatedCompositeFieldContainer[Embedding]
    stages: Stages
    load: Load
    frame: bytes
    def __init__(self, embeddings: _Optional[_Iterable[_Union[Embedding, _Mapping]]] = ..., stages: _Optional[_Union[Stages, _Mapping]] = ..., load: _Optional[_Union[Load, _Mapping]] = ..., frame: _Optional[bytes] = ...) -> None: ...

class Embedding(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeReply(_message.Message):
    __slots__ = ("version", "device", "dtype", "bundles", "load", "max_request_bytes")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    BUNDLES_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    version: str
    device: str
    dtype: str
    bundles: _containers.RepeatedCompositeFieldContainer[Served]
    load: Load
    max_request_bytes: int
    def __init__(self, version: _Optional[str] = ..., device: _Optional[str] = ..., dtype: _Optional[str] = ..., bundles: _Optional[_Iterable[_Union[Served, _Mapping]]] = ..., load: _Optional[_Union[Load, _Mapping]] = ..., max_request_bytes: _Optional[int] = ...) -> None: ...

class Served(_message.Message):
    __slots__ = ("digest", "model", "cuts", "recommended")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_FIELD_NUMBER: _ClassVar[int]
    digest: str
    model: str
    cuts: _containers.RepeatedScalarFieldContainer[str]
    recommended: bool
    def __init__(self, digest: _Optional[str] = ..., model: _Optional[str] = ..., cuts: _Optional[_Iterable[str]] = ..., recommended: bool = ...) -> None: ...
