"""A checkpoint's chat template, found where transformers finds it, and written out around one picture and one
question.
"""

import re
from typing import Any

from protos.errors import CheckpointError
from protos.text.prompt import QUESTION
from protos.text.template import literal

_DEFAULT = "default"
# Characters of private use stand for what is filled later: no template and no tokenizer writes them.
_QUESTION, _DATE, _DATE_END = "\ue000", "\ue001", "\ue002"
# What transformers gives templates for the date of the day, in a form that can be filled another day.
_UNDATED = f"{{% macro strftime_now(format) %}}{_DATE}{{{{ format }}}}{_DATE_END}{{% endmacro %}}"


def chat_template(processor: Any) -> str | None:
    """The template that transformers would take: the processor's before the tokenizer's, of several the
    default. Raises CheckpointError where none of several is the default.
    """
    found = getattr(processor, "chat_template", None) or processor.tokenizer.chat_template
    if not isinstance(found, dict):
        return found or None
    if _DEFAULT not in found:
        raise CheckpointError(
            f"this checkpoint has several chat templates ({', '.join(sorted(found))}) and none is named "
            f"{_DEFAULT}; write the one that is meant into chat_template.jinja",
            templates=sorted(found),
        )
    return str(found[_DEFAULT])


def rendered(tokenizer: Any, template: str) -> str:
    """The template around one picture, as it marks it, and `{question}`; dates as `{date:FORMAT}`.

    Raises CheckpointError where the template fails, or does not write the question as it is, once.
    """
    content = [{"type": "image"}, {"type": "text", "text": _QUESTION}]
    try:
        text: str = tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=_UNDATED + template,
            add_generation_prompt=True,
            tokenize=False,
        )
    except Exception as error:  # a template may raise whatever it likes
        raise CheckpointError(
            f"the chat template fails on a picture and a question ({error}); mend it"
        ) from error
    if text.count(_QUESTION) != 1:
        raise CheckpointError(
            f"the chat template writes the question {text.count(_QUESTION)} times, not once; mend it"
        )
    dated = re.sub(f"{_DATE}([^{_DATE_END}]*){_DATE_END}", r"{date:\1}", literal(text))
    return dated.replace(_QUESTION, QUESTION)
