"""Opens the chat format of a checkpoint directory: the small twins' own, or a Hugging Face tokenizer's template."""

import json
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.models.chat import CHAT_TOKENS, Chat
from assay.models.formats.base import ChatFormat
from assay.models.formats.template import CONFIG_FILE, STOPS, TEMPLATE_FILE, TemplateFormat
from assay.models.tokens import read_tokenizer


def load_format(directory: Path, template: str | Path | None = None) -> ChatFormat:
    """Return the chat format of a directory with `tokenizer.json`.

    `template` (a Jinja text, or the path of a file with one) goes before `chat_template.jinja` and the template in
    `tokenizer_config.json`. A tokenizer of the twins without any template has the twins' format. Raises UserError
    where there is no tokenizer or template, or where they do not fit the model beside them or training.
    """
    tokenizer, saved = read_tokenizer(directory)
    config = _json(directory / CONFIG_FILE)
    text = _given(template) if template is not None else _found(directory, config)
    name = directory.resolve().name
    form: ChatFormat
    if text is not None:
        stops = _stops(directory, config)
        form = TemplateFormat(name, tokenizer, text, {**_special(directory), **config}, stops, saved)
    elif all(tokenizer.token_to_id(token) is not None for token in CHAT_TOKENS):
        form = Chat(tokenizer, saved)
    else:
        raise UserError(
            f"There is no chat template in {directory}: put one there as {TEMPLATE_FILE}, or give one with --template."
        )
    _check_fits(form, directory)
    return form


def _given(template: str | Path) -> str:
    if isinstance(template, str) and "{" in template:
        return template
    try:
        return Path(template).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The chat template {template} cannot be read ({error}): name a file of Jinja text.") from error


def _found(directory: Path, config: dict[str, Any]) -> str | None:
    """Return the template that a directory has: of several in the configuration the one called default."""
    path = directory / TEMPLATE_FILE
    if path.is_file():
        return _given(path)
    found = config.get("chat_template")
    if isinstance(found, list):
        found = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}.get("default")
    return found if isinstance(found, str) else None


def _special(directory: Path) -> dict[str, Any]:
    """Return the special tokens that older tokenizers name in a file of their own."""
    found = _json(directory / "special_tokens_map.json")
    return {key: value for key, value in found.items() if key in ("bos_token", "eos_token", "pad_token", "unk_token")}


def _stops(directory: Path, config: dict[str, Any]) -> list[int]:
    """Return the ids at which the model beside the tokenizer is said to stop, and those that a format of ours kept."""
    found = [config.pop(STOPS, None)]
    for name in ("generation_config.json", "config.json"):
        found.append(_json(directory / name).get("eos_token_id"))
        if found[-1] is not None:
            break
    listed = [stop for stops in found for stop in (stops if isinstance(stops, list) else [stops])]
    return [stop for stop in listed if isinstance(stop, int)]


def _check_fits(form: ChatFormat, directory: Path) -> None:
    """Raise UserError where the model beside the tokenizer has fewer rows in its embedding than there are ids."""
    config = _json(directory / "config.json")
    rows = config.get("vocab_size", (config.get("text_config") or {}).get("vocab_size"))
    if isinstance(rows, int) and form.vocabulary > rows:
        raise UserError(
            f"The tokenizer in {directory} has {form.vocabulary} ids and the model's embedding {rows} rows: "
            "they are not of one model, so put the model's own tokenizer there."
        )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}): make it again.") from error
    return found if isinstance(found, dict) else {}
