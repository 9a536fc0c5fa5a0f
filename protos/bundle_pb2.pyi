from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Manifest(_message.Message):
    __slots__ = ("format", "model", "family", "preprocessing", "prompt", "pieces", "cuts", "local", "limits", "files", "precision", "matching")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    PREPROCESSING_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    MATCHING_FIELD_NUMBER: _ClassVar[int]
    format: int
    model: str
    family: str
    preprocessing: Preprocessing
    prompt: Prompt
    pieces: _containers.RepeatedCompositeFieldContainer[Piece]
    cuts: _containers.RepeatedCompositeFieldContainer[Cut]
    local: Local
    limits: Limits
    files: _containers.RepeatedCompositeFieldContainer[File]
    precision: Precision
    matching: Matching
    def __init__(self, format: _Optional[int] = ..., model: _Optional[str] = ..., family: _Optional[str] = ..., preprocessing: _Optional[_Union[Preprocessing, _Mapping]] = ..., prompt: _Optional[_Union[Prompt, _Mapping]] = ..., pieces: _Optional[_Iterable[_Union[Piece, _Mapping]]] = ..., cuts: _Optional[_Iterable[_Union[Cut, _Mapping]]] = ..., local: _Optional[_Union[Local, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., files: _Optional[_Iterable[_Union[File, _Mapping]]] = ..., precision: _Optional[_Union[Precision, _Mapping]] = ..., matching: _Optional[_Union[Matching, _Mapping]] = ...) -> None: ...

class Measurements(_message.Message):
    __slots__ = ("bundle", "recipe", "made_with", "measure", "accuracy", "mean_tiles", "cuts", "uploads", "local", "cloud_cost", "format", "count", "pictures", "accuracy_low", "accuracy_high")
    class MadeWithEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class CutsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: MeasuredCut
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[MeasuredCut, _Mapping]] = ...) -> None: ...
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    MADE_WITH_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    MEAN_TILES_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    CLOUD_COST_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_LOW_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_HIGH_FIELD_NUMBER: _ClassVar[int]
    bundle: str
    recipe: str
    made_with: _containers.ScalarMap[str, str]
    measure: str
    accuracy: float
    mean_tiles: float
    cuts: _containers.MessageMap[str, MeasuredCut]
    uploads: _containers.RepeatedCompositeFieldContainer[MeasuredUpload]
    local: MeasuredLocal
    cloud_cost: CloudCost
    format: int
    count: int
    pictures: int
    accuracy_low: float
    accuracy_high: float
    def __init__(self, bundle: _Optional[str] = ..., recipe: _Optional[str] = ..., made_with: _Optional[_Mapping[str, str]] = ..., measure: _Optional[str] = ..., accuracy: _Optional[float] = ..., mean_tiles: _Optional[float] = ..., cuts: _Optional[_Mapping[str, MeasuredCut]] = ..., uploads: _Optional[_Iterable[_Union[MeasuredUpload, _Mapping]]] = ..., local: _Optional[_Union[MeasuredLocal, _Mapping]] = ..., cloud_cost: _Optional[_Union[CloudCost, _Mapping]] = ..., format: _Optional[int] = ..., count: _Optional[int] = ..., pictures: _Optional[int] = ..., accuracy_low: _Optional[float] = ..., accuracy_high: _Optional[float] = ...) -> None: ...

class MeasuredCut(_message.Message):
    __slots__ = ("piece_milliseconds", "cloud_milliseconds", "codecs")
    class CodecsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: MeasuredCodec
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[MeasuredCodec, _Mapping]] = ...) -> None: ...
    PIECE_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    CLOUD_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    piece_milliseconds: float
    cloud_milliseconds: float
    codecs: _containers.MessageMap[str, MeasuredCodec]
    def __init__(self, piece_milliseconds: _Optional[float] = ..., cloud_milliseconds: _Optional[float] = ..., codecs: _Optional[_Mapping[str, MeasuredCodec]] = ...) -> None: ...

class MeasuredCodec(_message.Message):
    __slots__ = ("mean_bytes", "accuracy", "encode_milliseconds", "accuracy_low", "accuracy_high", "loss_error", "identical")
    MEAN_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    ENCODE_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_LOW_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_HIGH_FIELD_NUMBER: _ClassVar[int]
    LOSS_ERROR_FIELD_NUMBER: _ClassVar[int]
    IDENTICAL_FIELD_NUMBER: _ClassVar[int]
    mean_bytes: float
    accuracy: float
    encode_milliseconds: float
    accuracy_low: float
    accuracy_high: float
    loss_error: float
    identical: float
    def __init__(self, mean_bytes: _Optional[float] = ..., accuracy: _Optional[float] = ..., encode_milliseconds: _Optional[float] = ..., accuracy_low: _Optional[float] = ..., accuracy_high: _Optional[float] = ..., loss_error: _Optional[float] = ..., identical: _Optional[float] = ...) -> None: ...

class MeasuredUpload(_message.Message):
    __slots__ = ("format", "quality", "mean_bytes", "accuracy", "accuracy_low", "accuracy_high", "loss_error", "identical", "scale", "encode_milliseconds")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    MEAN_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_LOW_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_HIGH_FIELD_NUMBER: _ClassVar[int]
    LOSS_ERROR_FIELD_NUMBER: _ClassVar[int]
    IDENTICAL_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    ENCODE_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    format: str
    quality: int
    mean_bytes: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    loss_error: float
    identical: float
    scale: float
    encode_milliseconds: float
    def __init__(self, format: _Optional[str] = ..., quality: _Optional[int] = ..., mean_bytes: _Optional[float] = ..., accuracy: _Optional[float] = ..., accuracy_low: _Optional[float] = ..., accuracy_high: _Optional[float] = ..., loss_error: _Optional[float] = ..., identical: _Optional[float] = ..., scale: _Optional[float] = ..., encode_milliseconds: _Optional[float] = ...) -> None: ...

class MeasuredLocal(_message.Message):
    __slots__ = ("accuracy", "prefill_milliseconds", "token_milliseconds", "accuracy_low", "accuracy_high", "loss_error", "identical", "calibration")
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PREFILL_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_LOW_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_HIGH_FIELD_NUMBER: _ClassVar[int]
    LOSS_ERROR_FIELD_NUMBER: _ClassVar[int]
    IDENTICAL_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    accuracy: float
    prefill_milliseconds: float
    token_milliseconds: float
    accuracy_low: float
    accuracy_high: float
    loss_error: float
    identical: float
    calibration: Calibration
    def __init__(self, accuracy: _Optional[float] = ..., prefill_milliseconds: _Optional[float] = ..., token_milliseconds: _Optional[float] = ..., accuracy_low: _Optional[float] = ..., accuracy_high: _Optional[float] = ..., loss_error: _Optional[float] = ..., identical: _Optional[float] = ..., calibration: _Optional[_Union[Calibration, _Mapping]] = ...) -> None: ...

class Calibration(_message.Message):
    __slots__ = ("knots", "count", "auroc", "error", "cut", "codec", "cascades", "promised", "unpromised")
    KNOTS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AUROC_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    CASCADES_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    UNPROMISED_FIELD_NUMBER: _ClassVar[int]
    knots: _containers.RepeatedCompositeFieldContainer[Knot]
    count: int
    auroc: float
    error: float
    cut: str
    codec: str
    cascades: _containers.RepeatedCompositeFieldContainer[Cascade]
    promised: Cascade
    unpromised: str
    def __init__(self, knots: _Optional[_Iterable[_Union[Knot, _Mapping]]] = ..., count: _Optional[int] = ..., auroc: _Optional[float] = ..., error: _Optional[float] = ..., cut: _Optional[str] = ..., codec: _Optional[str] = ..., cascades: _Optional[_Iterable[_Union[Cascade, _Mapping]]] = ..., promised: _Optional[_Union[Cascade, _Mapping]] = ..., unpromised: _Optional[str] = ...) -> None: ...

class Knot(_message.Message):
    __slots__ = ("raw", "agreement", "low", "high", "count")
    RAW_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    raw: float
    agreement: float
    low: float
    high: float
    count: int
    def __init__(self, raw: _Optional[float] = ..., agreement: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., count: _Optional[int] = ...) -> None: ...

class Cascade(_message.Message):
    __slots__ = ("escalated", "threshold", "accuracy", "accuracy_low", "accuracy_high", "loss_error", "identical", "kept", "kept_low", "agreement")
    ESCALATED_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_LOW_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_HIGH_FIELD_NUMBER: _ClassVar[int]
    LOSS_ERROR_FIELD_NUMBER: _ClassVar[int]
    IDENTICAL_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    KEPT_LOW_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    escalated: float
    threshold: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    loss_error: float
    identical: float
    kept: float
    kept_low: float
    agreement: float
    def __init__(self, escalated: _Optional[float] = ..., threshold: _Optional[float] = ..., accuracy: _Optional[float] = ..., accuracy_low: _Optional[float] = ..., accuracy_high: _Optional[float] = ..., loss_error: _Optional[float] = ..., identical: _Optional[float] = ..., kept: _Optional[float] = ..., kept_low: _Optional[float] = ..., agreement: _Optional[float] = ...) -> None: ...

class CloudCost(_message.Message):
    __slots__ = ("vision_milliseconds", "prefill_milliseconds", "token_milliseconds")
    VISION_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    PREFILL_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    vision_milliseconds: float
    prefill_milliseconds: float
    token_milliseconds: float
    def __init__(self, vision_milliseconds: _Optional[float] = ..., prefill_milliseconds: _Optional[float] = ..., token_milliseconds: _Optional[float] = ...) -> None: ...

class Precision(_message.Message):
    __slots__ = ("precision", "quantization", "activations", "calibration_method")
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_METHOD_FIELD_NUMBER: _ClassVar[int]
    precision: str
    quantization: str
    activations: str
    calibration_method: str
    def __init__(self, precision: _Optional[str] = ..., quantization: _Optional[str] = ..., activations: _Optional[str] = ..., calibration_method: _Optional[str] = ...) -> None: ...

class Preprocessing(_message.Message):
    __slots__ = ("resizes", "rescale", "mean", "std", "crop_height", "crop_width", "tiles")
    RESIZES_FIELD_NUMBER: _ClassVar[int]
    RESCALE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    CROP_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    CROP_WIDTH_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    resizes: _containers.RepeatedCompositeFieldContainer[Resize]
    rescale: float
    mean: _containers.RepeatedScalarFieldContainer[float]
    std: _containers.RepeatedScalarFieldContainer[float]
    crop_height: int
    crop_width: int
    tiles: Tiles
    def __init__(self, resizes: _Optional[_Iterable[_Union[Resize, _Mapping]]] = ..., rescale: _Optional[float] = ..., mean: _Optional[_Iterable[float]] = ..., std: _Optional[_Iterable[float]] = ..., crop_height: _Optional[int] = ..., crop_width: _Optional[int] = ..., tiles: _Optional[_Union[Tiles, _Mapping]] = ...) -> None: ...

class Tiles(_message.Message):
    __slots__ = ("side", "max", "filter")
    SIDE_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    side: int
    max: int
    filter: Resize.Filter
    def __init__(self, side: _Optional[int] = ..., max: _Optional[int] = ..., filter: _Optional[_Union[Resize.Filter, str]] = ...) -> None: ...

class Resize(_message.Message):
    __slots__ = ("filter", "longest_edge", "height", "width", "shortest_edge")
    class Filter(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FILTER_UNSPECIFIED: _ClassVar[Resize.Filter]
        BILINEAR: _ClassVar[Resize.Filter]
        BICUBIC: _ClassVar[Resize.Filter]
        LANCZOS: _ClassVar[Resize.Filter]
    FILTER_UNSPECIFIED: Resize.Filter
    BILINEAR: Resize.Filter
    BICUBIC: Resize.Filter
    LANCZOS: Resize.Filter
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LONGEST_EDGE_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    SHORTEST_EDGE_FIELD_NUMBER: _ClassVar[int]
    filter: Resize.Filter
    longest_edge: int
    height: int
    width: int
    shortest_edge: int
    def __init__(self, filter: _Optional[_Union[Resize.Filter, str]] = ..., longest_edge: _Optional[int] = ..., height: _Optional[int] = ..., width: _Optional[int] = ..., shortest_edge: _Optional[int] = ...) -> None: ...

class Prompt(_message.Message):
    __slots__ = ("template", "image_token", "image_tokens", "stop_tokens", "picture", "decoding")
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    IMAGE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STOP_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    DECODING_FIELD_NUMBER: _ClassVar[int]
    template: str
    image_token: int
    image_tokens: int
    stop_tokens: _containers.RepeatedScalarFieldContainer[int]
    picture: PictureText
    decoding: Decoding
    def __init__(self, template: _Optional[str] = ..., image_token: _Optional[int] = ..., image_tokens: _Optional[int] = ..., stop_tokens: _Optional[_Iterable[int]] = ..., picture: _Optional[_Union[PictureText, _Mapping]] = ..., decoding: _Optional[_Union[Decoding, _Mapping]] = ...) -> None: ...

class Decoding(_message.Message):
    __slots__ = ("repetition_penalty", "no_repeat_ngram_size", "suppressed_tokens", "first_suppressed_tokens", "min_new_tokens", "min_tokens")
    REPETITION_PENALTY_FIELD_NUMBER: _ClassVar[int]
    NO_REPEAT_NGRAM_SIZE_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FIRST_SUPPRESSED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MIN_NEW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MIN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    repetition_penalty: float
    no_repeat_ngram_size: int
    suppressed_tokens: _containers.RepeatedScalarFieldContainer[int]
    first_suppressed_tokens: _containers.RepeatedScalarFieldContainer[int]
    min_new_tokens: int
    min_tokens: int
    def __init__(self, repetition_penalty: _Optional[float] = ..., no_repeat_ngram_size: _Optional[int] = ..., suppressed_tokens: _Optional[_Iterable[int]] = ..., first_suppressed_tokens: _Optional[_Iterable[int]] = ..., min_new_tokens: _Optional[int] = ..., min_tokens: _Optional[int] = ...) -> None: ...

class PictureText(_message.Message):
    __slots__ = ("alone", "tile", "row_end", "whole")
    ALONE_FIELD_NUMBER: _ClassVar[int]
    TILE_FIELD_NUMBER: _ClassVar[int]
    ROW_END_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    alone: str
    tile: str
    row_end: str
    whole: str
    def __init__(self, alone: _Optional[str] = ..., tile: _Optional[str] = ..., row_end: _Optional[str] = ..., whole: _Optional[str] = ...) -> None: ...

class Matching(_message.Message):
    __slots__ = ("kind", "scale", "bias", "template", "width", "labels", "embeddings", "max_texts", "max_text_bytes", "tokenizer")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Matching.Kind]
        SOFTMAX: _ClassVar[Matching.Kind]
        SIGMOID: _ClassVar[Matching.Kind]
    KIND_UNSPECIFIED: Matching.Kind
    SOFTMAX: Matching.Kind
    SIGMOID: Matching.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXTS_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    kind: Matching.Kind
    scale: float
    bias: float
    template: str
    width: int
    labels: _containers.RepeatedScalarFieldContainer[str]
    embeddings: str
    max_texts: int
    max_text_bytes: int
    tokenizer: str
    def __init__(self, kind: _Optional[_Union[Matching.Kind, str]] = ..., scale: _Optional[float] = ..., bias: _Optional[float] = ..., template: _Optional[str] = ..., width: _Optional[int] = ..., labels: _Optional[_Iterable[str]] = ..., embeddings: _Optional[str] = ..., max_texts: _Optional[int] = ..., max_text_bytes: _Optional[int] = ..., tokenizer: _Optional[str] = ...) -> None: ...

class TensorSpec(_message.Message):
    __slots__ = ("name", "dtype", "shape")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ...) -> None: ...

class Piece(_message.Message):
    __slots__ = ("path", "cut", "inputs", "outputs")
    PATH_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    path: str
    cut: str
    inputs: _containers.RepeatedCompositeFieldContainer[TensorSpec]
    outputs: _containers.RepeatedCompositeFieldContainer[TensorSpec]
    def __init__(self, path: _Optional[str] = ..., cut: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[TensorSpec, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[TensorSpec, _Mapping]]] = ...) -> None: ...

class Cut(_message.Message):
    __slots__ = ("name", "boundary", "codecs")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BOUNDARY_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    name: str
    boundary: _containers.RepeatedCompositeFieldContainer[TensorSpec]
    codecs: _containers.RepeatedCompositeFieldContainer[Codec]
    def __init__(self, name: _Optional[str] = ..., boundary: _Optional[_Iterable[_Union[TensorSpec, _Mapping]]] = ..., codecs: _Optional[_Iterable[_Union[Codec, _Mapping]]] = ...) -> None: ...

class Codec(_message.Message):
    __slots__ = ("name", "tensors", "receiver", "kind", "sender", "encoder")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    ENCODER_FIELD_NUMBER: _ClassVar[int]
    name: str
    tensors: _containers.RepeatedCompositeFieldContainer[CodedTensor]
    receiver: str
    kind: str
    sender: str
    encoder: str
    def __init__(self, name: _Optional[str] = ..., tensors: _Optional[_Iterable[_Union[CodedTensor, _Mapping]]] = ..., receiver: _Optional[str] = ..., kind: _Optional[str] = ..., sender: _Optional[str] = ..., encoder: _Optional[str] = ...) -> None: ...

class CodedTensor(_message.Message):
    __slots__ = ("codes", "max_bytes")
    CODES_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    codes: TensorSpec
    max_bytes: int
    def __init__(self, codes: _Optional[_Union[TensorSpec, _Mapping]] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class Local(_message.Message):
    __slots__ = ("decoder", "embeddings", "tokenizer", "past_shape", "max_tokens", "precision", "own")
    DECODER_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    PAST_SHAPE_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    decoder: str
    embeddings: str
    tokenizer: str
    past_shape: _containers.RepeatedScalarFieldContainer[int]
    max_tokens: int
    precision: Precision
    own: Manifest
    def __init__(self, decoder: _Optional[str] = ..., embeddings: _Optional[str] = ..., tokenizer: _Optional[str] = ..., past_shape: _Optional[_Iterable[int]] = ..., max_tokens: _Optional[int] = ..., precision: _Optional[_Union[Precision, _Mapping]] = ..., own: _Optional[_Union[Manifest, _Mapping]] = ...) -> None: ...

class HeldOut(_message.Message):
    __slots__ = ("pictures", "max_tokens")
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    pictures: _containers.RepeatedCompositeFieldContainer[HeldOutPicture]
    max_tokens: int
    def __init__(self, pictures: _Optional[_Iterable[_Union[HeldOutPicture, _Mapping]]] = ..., max_tokens: _Optional[int] = ...) -> None: ...

class HeldOutPicture(_message.Message):
    __slots__ = ("file", "question", "answer")
    FILE_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    file: bytes
    question: str
    answer: str
    def __init__(self, file: _Optional[bytes] = ..., question: _Optional[str] = ..., answer: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_question_bytes", "max_prompt_tokens", "max_new_tokens", "max_picture_bytes", "max_picture_pixels")
    MAX_QUESTION_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_NEW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_PICTURE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PICTURE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    max_question_bytes: int
    max_prompt_tokens: int
    max_new_tokens: int
    max_picture_bytes: int
    max_picture_pixels: int
    def __init__(self, max_question_bytes: _Optional[int] = ..., max_prompt_tokens: _Optional[int] = ..., max_new_tokens: _Optional[int] = ..., max_picture_bytes: _Optional[int] = ..., max_picture_pixels: _Optional[int] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("path", "size", "sha256")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    path: str
    size: int
    sha256: str
    def __init__(self, path: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...
