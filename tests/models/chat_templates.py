"""Chat templates as the public models carry them, each with a small tokenizer that has its special tokens.

Written from the models' published formats, without their branches for tools. `FORMATS` builds each one once.
"""

from functools import cache
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from assay.models.formats.template import TemplateFormat

CHATML = (
    "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}" + CHATML.removeprefix("{% for message in messages %}")
)
LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
QWEN3 = r"""
{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and
        not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or (not loop.last and reasoning_content)) %}
            {{- '<|im_start|>' + message.role + '\n<think>\n' + reasoning_content.strip('\n') + '\n</think>\n\n'
                + content.lstrip('\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}"""
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
# Version 3 writes the system message into the last user's, wherever that is, and the markers are special tokens.
MISTRAL3 = (
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
    "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}"
    "{%- for message in loop_messages %}{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{- raise_exception('After the optional system message, conversation roles must alternate') }}{%- endif %}"
    "{%- if message['role'] == 'user' %}{%- if loop.last and system_message is defined %}"
    "{{- '[INST] ' + system_message + '\n\n' + message['content'] + '[/INST]' }}"
    "{%- else %}{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}"
    "{%- elif message['role'] == 'assistant' %}{{- ' ' + message['content'] + eos_token}}{%- endif %}{%- endfor %}"
)
TALKIE = (
    "{% for message in messages %}"
    "{{ '<|' + ('user' if message['role'] == 'system' else message['role']) + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
# Here an assistant's turn ends with the marker of the turn that follows it.
GLM4 = (
    "[gMASK]<sop>{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
PHI3 = (
    "{% for message in messages %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' + '\n' }}{% endif %}"
)
# The generation prompt opens the thinking, which the history does not have.
DEEPSEEK_R1 = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}{{ '<|User|>' + message['content'] }}"
    "{% else %}{{ '<|Assistant|>' + message['content'].split('</think>')[-1] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|Assistant|><think>\n' }}{% endif %}"
)
# No special token between turns, and a generation prompt of plain text.
VICUNA = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ 'USER: ' + message['content'] + '\n' }}"
    "{% elif message['role'] == 'system' %}{{ message['content'] + '\n' }}"
    "{% else %}{{ 'ASSISTANT: ' + message['content'] + eos_token + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT: ' }}{% endif %}"
)

_SAMPLE = [
    "plain words, numbers such as 1859, `code()`, user assistant system and some more of them\n\n    indented",
    "Grüße aus Köln, 東京から、Привет, 🙂 and <tags> of <|some|> kinds [INST]",
] * 20


def byte_level(special: tuple[str, ...], more: tuple[AddedToken, ...] = ()) -> Tokenizer:
    """A byte-level BPE tokenizer, as GPT-2's, Llama 3's and Qwen's are, of under 400 ids and those of `more`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_SAMPLE, trainer)
    tokenizer.add_tokens(list(more))
    return tokenizer


def sentence_piece(special: tuple[str, ...]) -> Tokenizer:
    """A BPE tokenizer with byte fallback that writes spaces as U+2581, as Llama 2's and Mistral's first are."""
    texts = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    letters = sorted({letter for text in _SAMPLE for letter in text if not letter.isspace()})
    vocabulary = {text: number for number, text in enumerate([*texts, *letters, "▁p", "la", "in", "▁w", "or", "ds"])}
    merges = [("▁", "p"), ("l", "a"), ("i", "n"), ("▁", "w"), ("o", "r"), ("d", "s")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def _thinking(special: tuple[str, ...]) -> Tokenizer:
    return byte_level(special, tuple(AddedToken(text, normalized=False) for text in ("<think>", "</think>")))


def _phi() -> Tokenizer:
    marks = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
    tokenizer = byte_level(("<s>", "<|endoftext|>"))
    tokenizer.add_special_tokens([AddedToken(mark, rstrip=True, normalized=False) for mark in marks])
    return tokenizer


_CHATML_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_LLAMA3_TOKENS = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
# name: template, tokenizer, configuration, the end token that is to be found
KNOWN = {
    "chatml": (CHATML, lambda: byte_level(_CHATML_TOKENS), {"eos_token": "<|im_end|>"}, "<|im_end|>"),
    "llama3": (
        LLAMA3,
        lambda: byte_level(_LLAMA3_TOKENS),
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"},
        "<|eot_id|>",
    ),
    "qwen3": (
        QWEN3,
        lambda: _thinking(_CHATML_TOKENS),
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
        "<|im_end|>",
    ),
    "mistral": (
        MISTRAL,
        lambda: sentence_piece(("<unk>", "<s>", "</s>")),
        {"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False}},
        "</s>",
    ),
    "mistral3": (
        MISTRAL3,
        lambda: byte_level(("<s>", "</s>", "[INST]", "[/INST]")),
        {"bos_token": "<s>", "eos_token": "</s>"},
        "</s>",
    ),
    "smollm2": (SMOLLM2, lambda: byte_level(_CHATML_TOKENS), {"bos_token": "<|im_start|>"}, "<|im_end|>"),
    "talkie": (TALKIE, lambda: byte_level(("<|pad|>", "<|user|>", "<|assistant|>", "<|end|>")), {}, "<|end|>"),
    "gemma": (
        GEMMA,
        lambda: byte_level(("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>")),
        {"bos_token": "<bos>", "eos_token": "<eos>"},
        "<end_of_turn>",
    ),
    "glm4": (
        GLM4,
        lambda: byte_level(("[gMASK]", "<sop>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>")),
        {"eos_token": "<|endoftext|>"},
        "<|user|>",
    ),
    "phi3": (PHI3, _phi, {"eos_token": "<|endoftext|>"}, "<|end|>"),
    "deepseek-r1": (
        DEEPSEEK_R1,
        lambda: _thinking(("<|begin|>", "<|end|>", "<|User|>", "<|Assistant|>")),
        {"bos_token": "<|begin|>", "eos_token": "<|end|>"},
        "<|end|>",
    ),
    "vicuna": (VICUNA, lambda: byte_level(("<s>", "</s>")), {"bos_token": "<s>", "eos_token": "</s>"}, "</s>"),
}


@cache
def format_of(name: str) -> TemplateFormat:
    """The format of that name, built once."""
    template, tokenizer, config, _ = KNOWN[name]
    return TemplateFormat(name, tokenizer(), template, config)


def write(name: str, directory: Path) -> Path:
    """Lay the tokenizer of that name and its template down as a directory of Hugging Face's; return it."""
    directory.mkdir(parents=True, exist_ok=True)
    format_of(name).save(directory)
    return directory
