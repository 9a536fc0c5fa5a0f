"""`POST /v1/chat/completions`: what it may hold, and the one picture and question in it."""

from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from protos import inference_pb2 as pb
from protos.http.openai.reading import neutral
from protos.http.refusals import UNSUPPORTED, Refused

# parameters that would change the answer, and the values by which they ask for nothing
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "stop": (None, [], ""),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "logit_bias": (None, {}),
    "presence_penalty": (None, 0, 0.0),
    "frequency_penalty": (None, 0, 0.0),
    "response_format": (None, {"type": "text"}),
    "tools": (None, []),
    "tool_choice": (None, "none", "auto"),
    "functions": (None, []),
    "function_call": (None, "none", "auto"),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "prediction": (None,),
    "web_search_options": (None,),
    "reasoning_effort": (None, "none"),
}


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class ImageUrl(msgspec.Struct, frozen=True):
    """`detail` is a hint for another model: this one has the detail that its bundle was split with."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class Message(msgspec.Struct, frozen=True):
    role: str
    content: str | list[TextPart | ImagePart] | None = None

    @property
    def texts(self) -> list[str]:
        if isinstance(self.content, str):
            return [self.content]
        return [part.text for part in self.content or [] if isinstance(part, TextPart)]

    @property
    def pictures(self) -> list[str]:
        parts = self.content if isinstance(self.content, list) else []
        return [part.image_url.url for part in parts if isinstance(part, ImagePart)]


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = False


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OpenAI's parameters; a server may have more."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1, lt=1 << 32)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1, lt=1 << 32)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    seed: int | None = None
    # of _NEUTRAL
    n: Any = None
    stop: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    logit_bias: Any = None
    presence_penalty: Any = None
    frequency_penalty: Any = None
    response_format: Any = None
    tools: Any = None
    tool_choice: Any = None
    functions: Any = None
    function_call: Any = None
    modalities: Any = None
    audio: Any = None
    prediction: Any = None
    web_search_options: Any = None
    reasoning_effort: Any = None
    # these change no answer
    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    parallel_tool_calls: Any = None
    verbosity: Any = None

    def check(self) -> None:
        """Raises Refused for a parameter that asks for what our models cannot do."""
        for name, values in _NEUTRAL.items():
            if not neutral(getattr(self, name), values):
                words = f"{name} is not supported here: a model gives one answer, as text; leave it out"
                raise Refused(UNSUPPORTED, words, name)

    def generation(self) -> pb.Generation:
        """How the answer is generated: greedily, unless a temperature is given, whatever OpenAI's default."""
        return pb.Generation(
            max_tokens=self.max_completion_tokens or self.max_tokens or 0,
            temperature=self.temperature or 0.0,
            top_p=self.top_p or 0.0,
            seed=(self.seed or 0) % (1 << 64),
        )


class ChatQuestion(NamedTuple):
    """One picture's address, and what is asked about it; nothing of a dual encoder."""

    picture: str
    text: str


def question_of(request: ChatRequest, *, compares: bool) -> ChatQuestion:
    """The one picture and question of a conversation. `compares`: the bundle is a dual encoder, which chooses
    among labels. Raises Refused for what a bundle has no place for: it is never dropped in silence.
    """
    *before, last = request.messages
    for index, message in enumerate(before):
        if message.pictures or any(text.strip() for text in message.texts):
            raise Refused(UNSUPPORTED, _no_place(message.role), f"messages[{index}]")
    param = f"messages[{len(before)}]"
    if last.role != "user":
        raise Refused(
            UNSUPPORTED, f"the last message is of the role user, this is {last.role!r}", f"{param}.role"
        )
    if len(last.pictures) != 1:
        words = (
            f"the message has {len(last.pictures)} pictures, this model takes one; give one image_url part"
        )
        raise Refused(UNSUPPORTED, words, f"{param}.content")
    text = "\n".join(last.texts)
    if compares and text.strip():
        words = (
            "this model reads no question: it chooses among labels; leave the text out, and name them in "
            '`isthmus: {"labels": ["cat", "dog"]}`'
        )
        raise Refused(UNSUPPORTED, words, f"{param}.content")
    return ChatQuestion(last.pictures[0], text)


def _no_place(role: str) -> str:
    if role in {"system", "developer"}:
        return f"the model has no place for a {role} message; write what it says into the question"
    return "the model has no place for earlier turns; send one message, with the picture and the question"
