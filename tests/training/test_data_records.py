"""Records: each format says the same things of a trajectory, and results are joined to what they are of."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.nouns import (
    Attempt,
    Exit,
    Finish,
    Message,
    PlannedAttempt,
    Reason,
    Reply,
    Role,
    Status,
    Step,
    Trajectory,
    Verdict,
)
from assay.training.data.recipe import Recipe, read_splits, repository_of, task_of
from assay.training.data.records import Record, of_attempt, of_json, patched
from assay.training.data.results import read_results
from assay.training.data.scan import checked, content_digest
from assay.training.data.sources import SourceReader, open_sources, units

CODE = "diff --git a/src/m.py b/src/m.py\n--- a/src/m.py\n+++ b/src/m.py\n@@ -1 +1 @@\n-a\n+b\n"
TESTS = CODE.replace("src/m.py", "tests/test_m.py")
TURNS = (Message(role=Role.USER, content="Mend it."), Message(role=Role.ASSISTANT, content="Done."))


WHOLE = (
    {
        "instance_id": "o__p-1",
        "resolved": True,
        "flags": ["x"],
        "messages": [
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "a", "token_ids": [1, 2], "tool_calls": [{"function": {"name": "bash"}}]},
        ],
    },
    {
        "info": {"exit_status": "Submitted", "submission": CODE, "assay": {"verdict": {"value": 1.0}, "flags": []}},
        "instance_id": "o__p-1",
        "messages": [
            {"role": "user", "content": "u"},
            {
                "role": "assistant",
                "content": "a",
                "extra": {"actions": [{"command": "ls"}], "token_ids": [1], "usage": {"prompt_tokens": 3}, "cost": 0.1},
            },
            {"role": "user", "content": "seen", "extra": {"returncode": 0}},
            {"role": "exit", "content": "", "extra": {}},
        ],
        "trajectory_format": "mini-swe-agent-1.1",
    },
    {
        "schema_version": "ATIF-v1.6",
        "session_id": "s",
        "agent": {"name": "a", "version": "1", "model_name": "m", "extra": {"tokenizer_sha256": "0"}},
        "extra": {"instance_id": "o__p-1"},
        "steps": [
            {"step_id": 1, "source": "user", "message": "u"},
            {
                "step_id": 2,
                "source": "agent",
                "message": "a",
                "tool_calls": [{"tool_call_id": "1", "function_name": "bash", "arguments": {"command": "ls"}}],
                "observation": {"results": [{"source_call_id": "1", "content": "seen"}]},
                "metrics": {"prompt_tokens": 3, "completion_token_ids": [1, 2], "logprobs": [-1.0], "cost_usd": 0.1},
            },
        ],
    },
)
KEYS = ("role", "content", "messages", "source", "function", "name", "arguments", "text", "results", "value")


def path_of(exit=Exit.SUBMITTED, **more):
    steps = (
        Step(reply=Reply(text="look", finish=Finish.STOP), command="look", observation="seen"),
        Step(reply=Reply(text="done", finish=Finish.STOP, reasoning="it was easy"), command="done", observation="end"),
    )
    return Trajectory(task_id="t", agent="a", model="m", prompt=TURNS[:1], steps=steps, exit=exit, **more)


def attempt(status, verdict=None, **more):
    plan = PlannedAttempt(arm="a", seed=0, dose=0, task_id="t", split="train")
    return Attempt(plan=plan, status=status, verdict=verdict, **more)


@pytest.mark.parametrize(
    ("ended", "value", "flags"),
    [
        (attempt(Status.SOLVED, Verdict.score(1.0, Reason.PASSED)), 1.0, ()),
        (attempt(Status.FAILED, Verdict.score(0.5, Reason.WRONG)), 0.5, ()),
        (attempt(Status.LIMIT), 0.0, ()),
        (attempt(Status.MACHINERY), None, ()),
        (attempt(Status.FAILED, Verdict.invalid(Reason.BAD_TASK, "x")), None, ()),
        (attempt(Status.CHEATED, Verdict.score(0.0, Reason.CHEATED)), 0.0, ("cheated",)),
    ],
)
def test_a_failure_of_ours_has_no_value_and_a_cheat_has_a_flag(ended, value, flags):
    record = of_attempt(ended, path_of())
    assert (record.value, record.flags, record.exit) == (value, flags, ended.status.value)


def test_nothing_is_kept_after_the_last_turn_of_the_assistant():
    for end in Exit:
        assert [m.content for m in of_attempt(attempt(Status.LIMIT), path_of(end)).conversation] == [
            *("Mend it.", "look", "seen", "done"),
        ]
    thought = of_attempt(attempt(Status.SOLVED), path_of(), thinking=True).conversation[-1]
    assert thought.content == "<think>\nit was easy\n</think>\n\ndone"


def test_a_command_that_was_called_and_not_said_stands_in_the_turn():
    data = {
        "info": {"exit_status": "Submitted", "submission": CODE},
        "instance_id": "o__p-1",
        "messages": [
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "I look.", "extra": {"actions": [{"command": "ls"}]}},
            {"role": "tool", "content": "a"},
            {"role": "assistant", "content": "```bash\nls -a\n```", "extra": {"actions": [{"command": "ls -a"}]}},
        ],
        "trajectory_format": "mini-swe-agent-1.1",
    }
    record = of_json(data, "x.traj.json")
    assert [m.content for m in record.conversation] == ["u", "I look.\n\n```bash\nls\n```", "a", "```bash\nls -a\n```"]
    assert (record.kind, record.task_id, record.value, record.exit) == ("mini-swe-agent", "o__p-1", None, "submitted")
    ours = {**data, "info": {**data["info"], "assay": {"status": "solved", "verdict": {"value": 1.0}, "flags": ["x"]}}}
    record = of_json(ours, "x.traj.json")
    assert (record.value, record.exit, record.flags) == (1.0, "solved", ("x",))


def test_nothing_but_messages_is_a_conversation():
    assert [
        m.content
        for m in of_json([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "x").conversation
    ] == ["a", "b"]


@pytest.mark.parametrize(
    "data", [None, 5, [], {}, {"text": "a"}, {"instance_id": "x", "model_patch": ""}, {"trajectory_format": "other-2"}]
)
def test_an_unknown_format_is_one_sentence(data):
    with pytest.raises(UserError, match=r"^file, line 3: "):
        of_json(data, "file, line 3")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just({"role": "assistant"}),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(KEYS), values, max_size=3),
    max_leaves=6,
)


def places(value, before=()):
    """Every place in a JSON value."""
    yield before
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*before, key))


def replaced(value, place, new):
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_file_is_a_record_or_one_sentence(data, tmp_path):
    whole = data.draw(st.sampled_from(WHOLE))
    for _ in range(data.draw(st.integers(1, 3))):
        whole = replaced(whole, data.draw(st.sampled_from(list(places(whole)))), data.draw(JUNK))
    file = tmp_path / "x.jsonl"
    file.write_text(json.dumps(whole) + "\n")
    sources = open_sources([file])
    found = [record for unit in units(0, sources[0]) for _, record in SourceReader(sources, thinking=True).scan(unit)]
    assert len(found) == 1
    try:
        record = checked(found[0], "x.jsonl, line 1", read_results([], []))
    except UserError as error:
        said = str(error)
    else:
        assert record.conversation[-1].role is Role.ASSISTANT
        assert len(content_digest(record.conversation)) == 16
        assert task_of(record)
        said = "x.jsonl, line 1: "
    assert said.startswith("x.jsonl, line 1: ")


def test_only_tests_is_seen_from_the_patch():
    assert patched(CODE) == ["src/m.py", "src/m.py"]
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert [of_json({**row, "patch": patch}, "x").test_only for patch in (CODE, TESTS, CODE + TESTS, "")] == [
        *(False, True, False, False),
    ]
    assert of_attempt(attempt(Status.FAILED, test_only=True), path_of()).test_only


def test_filters_are_asked_in_their_order():
    record = Record("chat", TURNS, value=0.0, exit="limit", flags=("odd",), test_only=True)
    every = {"verified": True, "exits": ("solved",), "unflagged": True, "no_test_only": True}
    names = []
    while every:
        names.append(Recipe(**every).refuses(record))
        every.pop(next(iter(every)))
    assert names == ["not verified", "exit status", "audit flag", "test-only edit"]
    assert Recipe().refuses(record) is None
    assert Recipe(verified=True).refuses(Record("chat", TURNS, value=None)) == "not verified"


def test_a_result_counts_for_the_patch_that_was_evaluated(tmp_path):
    report, predictions = tmp_path / "report.json", tmp_path / "preds.json"
    report.write_text(json.dumps({"resolved_ids": ["a", "b"], "unresolved_ids": ["c"], "submitted_ids": ["d"]}))
    predictions.write_text(json.dumps({name: {"instance_id": name, "model_patch": CODE} for name in "abc"}))
    records = {
        name: Record("chat", TURNS, task_id=name, patch=patch)
        for name, patch in {"a": CODE + "\n", "b": TESTS, "c": CODE, "d": CODE}.items()
    }
    joined = read_results([report], [predictions])
    assert {name: joined.join(record).value for name, record in records.items()} == {
        **{"a": 1.0, "b": None, "c": 0.0, "d": None},
    }
    assert read_results([report], []).join(records["b"]).value == 1.0


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"resolved": true}, "b": {"resolved": false}}',
        '{"instance_id": "a", "resolved": true}\n{"instance_id": "b", "resolved": false}\n',
    ],
)
def test_tables_and_lines_of_results_are_read(tmp_path, text):
    (tmp_path / "r").write_text(text)
    assert read_results([tmp_path / "r"], []).resolved == {"a": True, "b": False}


def test_results_that_say_nothing_or_differ_are_one_sentence(tmp_path):
    for text in ("{}", "no json", '{"a": {"tests": 3}}'):
        (tmp_path / "r").write_text(text)
        with pytest.raises(UserError, match="name a report"):
            read_results([tmp_path / "r"], [])
    (tmp_path / "r").write_text('{"resolved_ids": ["a"]}')
    (tmp_path / "s").write_text('{"unresolved_ids": ["a"]}')
    with pytest.raises(UserError, match="another result for a"):
        read_results([tmp_path / "r", tmp_path / "s"], [])


@pytest.mark.parametrize(
    ("task", "repository"),
    [
        ("sympy__sympy-1234", "sympy__sympy"),
        ("scikit-learn__scikit-learn-99", "scikit-learn__scikit-learn"),
        ("oauthlib__oauthlib.1fd52536.combine_file__09vlzwgc", "oauthlib__oauthlib"),
        ("drills/train/00001", "drills/train/00001"),
    ],
)
def test_repositories_are_read_from_the_names_in_use(task, repository):
    assert repository_of(Record("chat", TURNS), task) == repository
    assert repository_of(Record("chat", TURNS, repository="Sympy/Sympy"), task) == "sympy__sympy"


def test_a_task_without_a_name_is_known_by_what_was_asked():
    named = task_of(Record("chat", TURNS))
    assert named == task_of(Record("chat", (Message(role=Role.USER, content=" mend\nIT."), TURNS[1])))
    assert named != task_of(Record("chat", (Message(role=Role.USER, content="break it."), TURNS[1])))


def test_shares_of_splits_are_kept_and_hang_on_task_and_seed_alone():
    recipe = Recipe(splits={"train": 0.8, "validation": 0.15, "test": 0.05})
    drawn = [recipe.split_of(f"task {n}") for n in range(4000)]
    for name, share in recipe.splits.items():
        assert abs(drawn.count(name) / 4000 - share) < 4 * (share * (1 - share) / 4000) ** 0.5
    assert drawn == [recipe.split_of(f"task {n}") for n in range(4000)]
    other = recipe.model_copy(update={"seed": 1})
    assert drawn != [other.split_of(f"task {n}") for n in range(4000)]


@pytest.mark.parametrize("text", ["train", "train=0.5", "train=2,test=-1", "a=0.5,a=0.5", "a b=1", "train=x"])
def test_shares_that_do_not_add_up_are_one_sentence(text):
    with pytest.raises(UserError, match=r"^--splits"):
        read_splits(text)
