"""The chat template: whether the assistant's turn ends with a token that stops sampling, and what it starts with."""

from collections.abc import Iterator
from contextlib import suppress

from assay.errors import AssayError
from assay.models.formats import ChatFormat
from assay.models.formats.scaffold import Scaffold, TemplateRefusal
from assay.models.formats.template import TemplateFormat
from assay.nouns import Message, Role
from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.turns import USER

NEEDS = ("tokenizer",)
TURN = Message(role=Role.ASSISTANT, content="Blue.")


def check(patient: Patient) -> Iterator[Finding]:
    """Render a short conversation, and look at its ids and at what the template itself writes."""
    yield _end(patient)
    yield _start(patient)
    yield _prefix(patient)


def _scaffold(format: ChatFormat) -> Scaffold | None:
    """Return the template as it is written, without what our format mends of it, or None for the twins' format."""
    if not isinstance(format, TemplateFormat):
        return None
    named = {key: value for key, value in format.config.items() if key.endswith("_token")}
    texts = {key: value.get("content") if isinstance(value, dict) else value for key, value in named.items()}
    return Scaffold(format.template, {key: text for key, text in texts.items() if isinstance(text, str)}, format.name)


def _end(patient: Patient) -> Finding:
    format = patient.format
    ids, in_loss = format.render([USER, TURN])
    learned = [token for token, learn in zip(ids, in_loss, strict=True) if learn]
    value = {"format": format.name, "stops": sorted(format.stops), "last_in_loss": learned[-1] if learned else None}
    scaffold = _scaffold(format)
    unwritten = False
    if scaffold is not None and isinstance(format, TemplateFormat):
        with suppress(TemplateRefusal):
            after = scaffold.pieces((Role.USER, Role.ASSISTANT), asks=False)[2]
            unwritten = not any(format.spell([stop]) in after for stop in format.stops)
    if learned and learned[-1] in format.stops and not unwritten:
        return Finding(check="template.end", status=Status.OK, value=value)
    return Finding(
        check="template.end",
        status=Status.FAIL,
        value=value,
        advice=f"The template of {patient.format_folder} writes no end token after the assistant's turn: a model "
        "trained on it is never shown where to stop. Write one inside the assistant's turn.",
    )


def _start(patient: Patient) -> Finding:
    format = patient.format
    prompt = format.prompt([USER])
    doubled = len(prompt) > 1 and prompt[0] == prompt[1]
    scaffold = _scaffold(format)
    if scaffold is not None and isinstance(format, TemplateFormat):
        opening = format.spell(prompt[:1])
        doubled |= scaffold.pieces((Role.USER,), asks=True)[0].lstrip().startswith(opening * 2)
    return Finding(
        check="template.bos",
        status=Status.FAIL if doubled else Status.OK,
        value={"first_ids": prompt[:3]},
        advice=f"The template of {patient.format_folder} writes the token that begins a text (id {prompt[0]}) twice. "
        "This program reads it once; others train and sample on both: take one out of the template."
        if doubled
        else "",
    )


def _prefix(patient: Patient) -> Finding:
    format = patient.format
    said = TURN.model_copy(update={"token_ids": tuple(format.turn_ids(TURN.content))})
    prompt = format.prompt([USER])
    whole, _ = format.render([USER, said])
    longer, _ = format.render([USER, said, USER])
    try:
        again = format.prompt([USER, said, USER])
    except AssayError as error:
        return Finding(check="template.prefix", status=Status.FAIL, value="refused", advice=str(error))
    held = (
        whole == [*prompt, *(said.token_ids or ())] and longer[: len(whole)] == whole and again[: len(whole)] == whole
    )
    return Finding(
        check="template.prefix",
        status=Status.OK if held else Status.FAIL,
        value={"prefix_law": held},
        advice=""
        if held
        else "A conversation rendered with one turn more does not begin with the ids of the shorter one: the template "
        "rewrites earlier turns, so what is trained on is not what was sampled.",
    )
