"""Any value anywhere in a source: an import reads what it can or is one sentence, and never a score out of nothing."""

import copy
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.ledger.exchange.importing import bring
from assay.ledger.exchange.registry import known
from assay.ledger.exchange.run import Run
from assay.nouns import Status
from tests.ledger.exchange_runs import held, scratch
from tests.ledger.test_exchange_foreign import sample
from tests.ledger.test_exchange_inspect_real import run_of

VALUES = st.recursive(
    st.sampled_from([None, True, 0, -1, 1.5, 2**70, float("nan"), "", "x", "\ud800", [], {}, "C", "1"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["role", "id", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
LAW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def places(value, path=()):
    """Yield the place of every value inside one, the whole left out."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


def spoilt(data, draw_place, value):
    """Return the data with one value in it replaced."""
    found = copy.deepcopy(data)
    every = list(places(found))
    *path, last = every[draw_place % len(every)]
    inner = found
    for key in path:
        inner = inner[key]
    inner[last] = value
    return found


def survives(source: Path, folder: Path, form: str) -> None:
    try:
        found = bring(source, folder / "back", word=form)
    except UserError:
        return
    for _, attempt, _ in held(folder / "back"):
        if attempt is not None and attempt.status is Status.MACHINERY:
            assert attempt.verdict is None or attempt.verdict.value is None
    assert found.account.read == sum(attempt is not None for _, attempt, _ in held(folder / "back"))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """For each format the JSON files of an export, by their place below it."""
    folder = tmp_path_factory.mktemp("sources")
    run_of(folder / "run")
    found = {}
    for name, form in known().items():
        out = folder / ("rows.jsonl" if name == "chat" else name)
        form.write(Run(folder / "run", ["one"]), out)
        if name == "chat":
            found[name] = {"rows.json": [json.loads(line) for line in out.read_text().splitlines()]}
        elif name == "inspect":
            with zipfile.ZipFile(next(out.glob("*.eval"))) as file:
                found[name] = {member: json.loads(file.read(member)) for member in file.namelist()}
        else:
            found[name] = {str(f.relative_to(out)): json.loads(f.read_text()) for f in sorted(out.rglob("*.json"))}
    return found


@pytest.mark.parametrize("form", sorted(known()))
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "anothers"])
def test_one_odd_value_never_breaks_an_import(form, ours, sources):
    files = copy.deepcopy(sources[form])
    if not ours:  # without what assay wrote beside it, every file is another tool's
        files = json.loads(json.dumps(files).replace('"assay"', '"other"').replace('"assay_plan"', '"plan"'))

    @LAW
    @given(st.integers(0, 10**6), st.integers(0, 10**6), VALUES)
    def law(which, where, value):
        name = sorted(files)[which % len(files)]
        changed = files | {name: spoilt(files[name], where, value)}
        with scratch() as place:
            folder = Path(place)
            if form == "inspect":
                source = folder / "log.eval"
                with zipfile.ZipFile(source, "w") as out:
                    for member, data in changed.items():
                        out.writestr(member, json.dumps(data))
            else:
                source = folder / "source"
                for member, data in changed.items():
                    (source / member).parent.mkdir(parents=True, exist_ok=True)
                    (source / member).write_text(json.dumps(data))
            survives(source, folder, form)

    law()


@LAW
@given(st.integers(0, 10**6), VALUES)
def test_one_odd_value_never_breaks_a_log_that_inspect_wrote(where, value):
    event = {
        "event": "model",
        "output": {"choices": [{"message": {"id": "m1"}, "logprobs": {"content": [{"logprob": -1}]}}], "usage": {}},
    }
    spec = {"task": "t", "model": "m", "dataset": {"sample_ids": ["a"]}, "config": {"epochs": 1}}
    samples = [sample("a", "C", events=[event], limit={"type": "time", "limit": 1}), sample("b", "I", 2)]
    log = {"version": 2, "status": "success", "eval": spec, "samples": samples}
    with scratch() as place:
        source = Path(place) / "log.json"
        source.write_text(json.dumps(spoilt(log, where, value)))
        survives(source, Path(place), "inspect")
