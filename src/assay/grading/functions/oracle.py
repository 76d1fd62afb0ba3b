"""The oracle's own sandbox: where references, generators and test scripts run, and never a candidate.

`draw` asks for expected values, `replay` runs a test script with recorded answers in the candidate's place. The program
inside is text, sent as code, as in `runner`; it is third-party code that runs there, so it gets nothing but
the task's own texts, and its answer is read as data. What goes wrong there is the task's fault (OracleError) unless a
candidate's answers were played to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.grading.channel import START, hear, message, new_nonce
from assay.grading.functions.runner import ENCODE, MODULE
from assay.grading.runs import run_program
from assay.nouns import Limits
from assay.sandbox.programs import keep

_CAPACITY = 256 << 20  # bytes that the oracle may answer

_PROGRAM = f"""{START}{ENCODE}
import json, random, sys, time
{MODULE}

class Broken(Exception):
    pass

def describe(error):
    try:
        return (type(error).__name__ + ": " + str(error))[:300]
    except BaseException:
        return "an exception that cannot be shown"

def find(space, entry):
    first, _, rest = entry.partition(".")
    found = space[first.removesuffix("()")]
    if first.endswith("()"):
        found = found()
    for part in rest.split(".") if rest else ():
        found = getattr(found, part[:-2])() if part.endswith("()") else getattr(found, part)
    return found

def run_text(text, what, space):
    try:
        exec(compile(text, what, "exec"), space)
    except BaseException as error:
        raise Broken(what + " raised " + describe(error))
    return space

def loaded():
    module = made(request["path"])
    sys.modules["solution"] = module
    space = run_text(request["prelude"], "the prelude", module.__dict__)
    run_text(request["source"], "the reference", space)
    try:
        find(space, request["entry"])
    except BaseException:
        raise Broken("the reference has no " + request["entry"])
    return run_text(request["setup"], "the set-up", space)

def coded(value, what, wide=False):
    try:
        return encode(value, wide)
    except Refused as error:
        raise Broken(what + " is " + str(error) + ", which cannot be compared or passed on")

def asked(space, args, what):
    try:
        given = find(space, request["entry"])(*args)
        if not request["largest"]:
            return coded(given, "what the reference gives for " + what, request["wide"])
        try:
            text = encode(given, request["wide"])
            return text if len(text) <= request["largest"] else "false,true"
        except Refused:
            return "false,true"
    except Broken:
        raise
    except BaseException as error:
        raise Broken("the reference raised " + describe(error) + " for " + what)

def drawn(seed):
    space, found, began = loaded(), [], time.perf_counter()
    for name, args in request["inputs"]:
        found.append("[%s,null,%s]" % (quote(name), asked(space, args, name)))
    for name, source, count in request["generators"]:
        what = "the generator " + name
        own = run_text(source, what, {{"__name__": "generator"}})
        if not callable(own.get("generate")):
            raise Broken(what + " defines no function generate")
        rng = random.Random(seed + "/" + name)
        for number in range(count):
            try:
                args = own["generate"](rng)
            except BaseException as error:
                raise Broken(what + " raised " + describe(error))
            if type(args) not in (list, tuple):
                raise Broken(what + " gave no list of arguments")
            args = list(args)
            text, one = coded(args, "an argument that it drew: what " + what + " gave"), name + "-" + str(number)
            found.append("[%s,%s,%s]" % (quote(one), text, asked(space, args, one)))
    return "[%r,[%s]]" % (time.perf_counter() - began, ",".join(found))

def costs():
    space, found = loaded(), []
    for given in request["inputs"]:
        began = time.perf_counter()
        try:
            eval(given, space) if type(given) is str else find(space, request["entry"])(*given)
        except BaseException:
            pass
        found.append(time.perf_counter() - began)
    return json.dumps(found)

def expected(seed):
    random.seed(seed)
    space, found = dict(loaded()), []
    def expects(rule, value, /, *args, **kwargs):
        if len(found) >= {20_000}:
            raise Broken("the script makes too many calls")
        arguments = "[%s,%s]" % (coded(list(args), "an argument"), coded(kwargs, "an argument"))
        found.append("[%d,%s,%s]" % (rule, arguments, coded(value, "what the script expects", True)))
    space[request["expect"]] = expects
    def stays(*args, **kwargs):
        raise Broken("the script called the candidate where it should only say what it expects")
    run_text(request["script"], "the script", space)
    if request["call"]:
        try:
            space[request["call"]](stays)
        except Broken:
            raise
        except BaseException as error:
            raise Broken("the script raised " + describe(error))
    return "[" + ",".join(found) + "]"

class Opaque:
    def __init__(self, true):
        self.true = true
    def __bool__(self):
        return self.true

def decoded(data):
    if type(data) is list:
        return [decoded(item) for item in data]
    if type(data) is not dict:
        return data
    [(tag, body)] = data.items()
    if tag == "i":
        return int(body, 16)
    if tag == "f":
        return float(body)
    if tag == "c":
        return complex(body)
    if tag == "b":
        return bytes.fromhex(body)
    if tag == "o":
        return Opaque(body)
    if tag == "d":
        return {{decoded(key): decoded(value) for key, value in body}}
    parts = [decoded(item) for item in body]
    return {{"t": tuple, "s": set, "g": iter}}[tag](parts)

def given(payload):
    if payload[0] == "value":
        return decoded(payload[1])
    name, _, text = str(payload[1]).partition(": ")
    kind = __builtins__.get(name) if type(__builtins__) is dict else getattr(__builtins__, name, None)
    if payload[0] != "raised" or type(kind) is not type or not issubclass(kind, Exception):
        kind = RuntimeError
    if issubclass(kind, (StopIteration, StopAsyncIteration)):  # a script that maps the candidate would just stop
        kind = RuntimeError
    try:
        error = kind(text)
    except Exception:
        error = RuntimeError(text)
    raise error

def changed(args, kwargs, after):
    pairs = [*zip(args, after[0]), *((value, after[1].get(name)) for name, value in kwargs.items())]
    for mine, new in pairs:
        if type(mine) is type(new) and type(mine) is list:
            mine[:] = new
        elif type(mine) is type(new) and type(mine) in (dict, set):
            mine.clear()
            mine.update(new)

def replayed(seed, answers):
    random.seed(seed)
    space = loaded()
    gold, calls, sizes, changes, strange = find(space, request["entry"]), [], [], [], []
    def candidate(*args, **kwargs):
        coded([list(args), kwargs], "an argument")
        text = repr((args, kwargs))
        if len(calls) >= {20_000}:
            raise Broken("the script makes too many calls")
        calls.append(text)
        number = len(calls) - 1
        if not sizes and number < len(answers) and answers[number][0] == text:
            payload = answers[number][1]
            if len(payload) == 3:
                changed(args, kwargs, decoded(payload[2]))
            value = given(payload)
            # nan is not further off than a tolerance from anything.
            if value != value and (right := gold(*args, **kwargs)) == right:
                strange.append(number)
            return value
        value = gold(*args, **kwargs)
        sizes.append(len(encode(value, True)))
        if repr((args, kwargs)) != text:
            changes.append(number)
            sizes.append(len(encode([list(args), kwargs], True)))
        return value
    space = dict(space)
    if not request["call"]:
        space[request["entry"]] = candidate
    said = "passed"
    try:
        exec(compile(request["script"], "the script", "exec"), space)
        if request["call"]:
            space[request["call"]](candidate)
    except Broken:
        raise
    except BaseException as error:
        said = "failed: " + describe(error)
    if said == "passed" and strange:
        said = "failed: nan, where the reference gives something else"
    return json.dumps([said, calls, sizes, bool(changes)])

def answer():
    if request["mode"] == "draw":
        return "[%s]" % ",".join([drawn(seed) for seed in request["seeds"]])
    if request["mode"] == "cost":
        return costs()
    if request["mode"] == "replay" and request["answers"]:
        return replayed(request["seeds"][0], json.loads(request["answers"]))
    runs = [expected(seed) if request["mode"] == "expect" else replayed(seed, []) for seed in request["seeds"]]
    if not request["check"]:
        return "[false,[%s]]" % ",".join(runs)
    if runs[0] != runs[1]:
        raise Broken("the script does not repeat itself when its random numbers do")
    return "[%s,[%s]]" % ("true" if runs[0] == runs[2] else "false", runs[2])

try:
    result = '["found",%s]' % answer()
except Broken as error:
    result = '["broken",%s]' % quote(str(error))
except MemoryError:
    result = '["broken","it ran out of memory"]'
send("answer", result)
posix._exit(0)
"""
PROGRAM = keep(_PROGRAM)


class OracleError(Exception):
    """The task's own code did not give an answer; the message says why. `late`: it ran out of time."""

    def __init__(self, why: str, late: bool = False) -> None:
        super().__init__(why)
        self.late = late


@dataclass(frozen=True)
class Place:
    """Where an oracle runs: the limits of its sandbox, its wall clock in seconds and the files beside the reference."""

    limits: Limits
    timeout_s: float
    files: Mapping[str, bytes] = field(default_factory=dict)


async def ask(place: Place, request: dict[str, Any]) -> Any:
    """Run the program on `request` in a sandbox of its own and return its answer, decoded from JSON.

    Raises OracleError when the task's code raises, ends or gives nothing in time, MachineryError when ours fails.
    """
    nonce = new_nonce()
    ended = await run_program(
        message(PROGRAM, request, nonce),
        files=place.files,
        limits=place.limits,
        timeout_s=place.timeout_s,
        capacity=_CAPACITY,
    )
    heard = hear(ended, nonce, ["answer"], "the oracle's runner")
    answer = heard.payloads.get("answer")
    if heard.problems or type(answer) is not list or len(answer) != 2:
        if ended.timed_out:
            raise OracleError(f"it did not finish within {place.timeout_s:g} s", late=True)
        raise OracleError(f"it ended early, with {ended.returncode}")
    if answer[0] != "found":
        raise OracleError(str(answer[1])[:500])
    return answer[1]
