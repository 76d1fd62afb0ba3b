"""The program that runs inside the sandbox for `functions`, with one candidate.

It is text, compiled once here and sent as code: nothing of assay is importable inside. It imports no module that is
not built in before the candidate runs, which keeps a start near that of a bare interpreter.
What a candidate does to it (they share a process) can only make its own results wrong: see `channel`.
"""

from assay.grading.channel import START
from assay.grading.values import MAX_DEPTH, MAX_NODES, MAX_TEXT
from assay.sandbox.programs import keep

# encode() writes the JSON of values.encode as text: of exact types only, anything else is refused. With `wide` an
# instance of a subclass goes as the plain value that it holds, a Decimal or a Fraction as the number that it equals,
# what can be iterated over as {"g": its items} and any other object as {"o": its truth}; the items of an iterator count
# as parts, so an endless one is refused. `room` is how much text there may be in all.
ENCODE = f"""
def quote(text):
    if text.isascii() and text.isprintable() and '"' not in text and "\\\\" not in text:
        return '"%s"' % text
    units = text.encode("utf-16-be", "surrogatepass").hex()
    return '"%s"' % "".join(["\\\\u" + units[at : at + 4] for at in range(0, len(units), 4)])

class Refused(Exception):
    pass

def refuse():
    raise Refused("too much text")

def encode(value, wide=False, room={MAX_TEXT}):
    left = {MAX_NODES}
    def walk(value, depth):
        nonlocal left, room
        left -= 1
        if left < 0 or depth > {MAX_DEPTH}:
            raise Refused("too many parts, or nested too deep")
        kind = type(value)
        if value is None:
            return "null"
        if kind is bool:
            return "true" if value else "false"
        if kind is int:
            return repr(value) if -9007199254740992 <= value <= 9007199254740992 else '{{"i":"%s"}}' % hex(value)
        if kind is str:
            room -= len(value)
            return quote(value) if room >= 0 else refuse()
        if kind is float:
            return '{{"f":"%r"}}' % value
        if kind is list:
            return "[%s]" % ",".join([walk(item, depth + 1) for item in value])
        if kind is tuple:
            return '{{"t":[%s]}}' % ",".join([walk(item, depth + 1) for item in value])
        if kind is dict:
            pairs = ["[%s,%s]" % (walk(k, depth + 1), walk(v, depth + 1)) for k, v in value.items()]
            return '{{"d":[%s]}}' % ",".join(pairs)
        if kind is set:
            return '{{"s":[%s]}}' % ",".join([walk(item, depth + 1) for item in value])
        if kind is complex:
            return '{{"c":"%r"}}' % value
        if kind is bytes:
            room -= len(value)
            return '{{"b":"%s"}}' % value.hex() if room >= 0 else refuse()
        if not wide:
            raise Refused("a value of type " + kind.__name__)
        for base, plain in PLAIN:
            if isinstance(value, base):
                return walk(plain(value), depth + 1)
        for plain in (int, float) if kind.__name__ in ("Decimal", "Fraction") else ():
            try:
                if plain(value) == value:
                    return walk(plain(value), depth + 1)
            except (ValueError, OverflowError):
                pass
        if hasattr(kind, "__next__") or (hasattr(kind, "__iter__") and hasattr(kind, "__len__")):
            return '{{"g":[%s]}}' % ",".join([walk(item, depth + 1) for item in value])
        return '{{"o":%s}}' % ("true" if value else "false")
    return walk(value, 0)

PLAIN = (
    (dict, lambda held: dict(dict.items(held))), (list, lambda held: list(list.__iter__(held))),
    (tuple, lambda held: tuple(tuple.__iter__(held))), (set, lambda held: set(set.__iter__(held))),
    (frozenset, lambda held: set(frozenset.__iter__(held))), (str, str.__str__), (int, int.__pos__),
    (float, float.__pos__), (bytearray, bytes),
)
"""

# describe() quotes what an exception is and says, whatever it does when it is asked.
DESCRIBE = """
def describe(error):
    try:
        return quote((type(error).__name__ + ": " + str(error))[:300])
    except BaseException:
        return '"an exception that cannot be shown"'
"""

# made() makes the module that a candidate's text becomes. In a folder it has its siblings beside it, by their own names
# and as parts of its package.
MODULE = """
def made(path):
    folder, _, name = path.removesuffix(".py").rpartition("/")
    module = type(sys)(name)
    module.__file__, module.__package__ = "/work/" + path, folder.replace("/", ".")
    sys.modules[name] = module
    sys.path.append("/work")
    if folder:
        sys.path.append("/work/" + folder)
        if name == "__init__":
            module.__path__ = ["/work/" + folder]
            sys.modules[module.__package__] = module
    return module
"""

# play() imports one candidate, calls it on each input and sends what each call gave. An input is a list of arguments,
# or the text of an expression: a whole call over the candidate's own names, or with "calls" a pair (args, kwargs);
# with "after" what the call has made of these is sent too.
_PLAY = """
import sys

def find(module, entry):
    found = module
    for part in entry.split("."):
        found = getattr(found, part[:-2])() if part.endswith("()") else getattr(found, part)
    if not callable(found):
        raise TypeError("it cannot be called")
    return found

def answer(module, call, request, given):
    if type(given) is not str:
        if "()" in request["entry"]:
            call = find(module, request["entry"])
        return call(*given), None
    if not request.get("calls"):
        return eval(given, module.__dict__), None
    numbers = {"nan": float("nan"), "inf": float("inf"), "nanj": complex("nanj"), "infj": complex("infj")}
    args, kwargs = eval(given, numbers)
    value = call(*args, **kwargs)
    return value, [list(args), kwargs] if request["after"] else None

class Late(BaseException):
    pass

def late(number, frame):
    raise Late

def play(request, send):
    module = made(request["path"])
    try:
        if request.get("prelude"):
            exec(request["prelude"], module.__dict__)
        exec(compile(request["source"], module.__file__, "exec"), module.__dict__)
    except BaseException as error:
        send("status", '["import",%s]' % describe(error))
        return
    try:
        call = find(module, request["entry"])
    except BaseException as error:
        send("status", '["no_entry",%s]' % describe(error))
        return
    try:
        if request.get("setup"):
            exec(request["setup"], module.__dict__)
    except BaseException as error:
        send("status", '["setup",%s]' % describe(error))
        return
    call_s = request.get("call_s", 0)
    if call_s:
        import _signal
        _signal.signal(_signal.SIGALRM, late)
    for name, given in request["inputs"]:
        try:
            if call_s:
                _signal.setitimer(_signal.ITIMER_REAL, call_s)
            value, after = answer(module, call, request, given)
            payload = '["value",%s]' % encode(value, request["wide"], request["room"])
            if after is not None:
                payload = payload[:-1] + ",%s]" % encode(after, True, request["room"])
            if len(payload) > request["room"]:
                payload = '["refused","a result much longer than expected"]'
        except Refused as error:
            payload = '["refused",%s]' % describe(error)
        except Late:
            send("status", '["late"]')
            return
        except BaseException as error:
            payload = '["raised",%s]' % describe(error)
        send(name, payload)
    send("status", '["done"]')
"""

_SINGLE = f"""{START}
try:
    play(request, send)
finally:
    posix._exit(0)
"""

SINGLE = keep(_SINGLE, definitions=ENCODE + DESCRIBE + MODULE + _PLAY)
