"""The programs that run inside the sandbox for `functions`: one candidate, or a batch in forked children.

They are text, compiled once here and sent as code: nothing of assay is importable inside. They import no
module that is not built in before the candidate runs, which keeps a start near that of a bare interpreter.
What a candidate does to them (it shares their process) can only make its own results wrong: see `channel`.
"""

from assay.grading.channel import START
from assay.grading.values import MAX_DEPTH, MAX_NODES

# encode() writes the JSON of values.encode as text. Exact types only; anything else is refused.
_ENCODE = f"""
def quote(text):
    if text.isascii() and text.isprintable() and '"' not in text and "\\\\" not in text:
        return '"%s"' % text
    units = text.encode("utf-16-be", "surrogatepass").hex()
    return '"%s"' % "".join(["\\\\u" + units[at : at + 4] for at in range(0, len(units), 4)])

class Refused(Exception):
    pass

def refuse():
    raise Refused("too much text")

def encode(value):
    left = {MAX_NODES}
    def walk(value, depth):
        nonlocal left
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
            left -= len(value) >> 4
            return quote(value) if left > 0 else refuse()
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
        raise Refused("a value of type " + kind.__name__)
    return walk(value, 0)
"""

# play() imports one candidate, calls it on each input and sends what each call gave.
_PLAY = """
import sys
sys.path.append("/work")

def describe(error):
    try:
        return quote((type(error).__name__ + ": " + str(error))[:300])
    except BaseException:
        return '"an exception that cannot be shown"'

def play(request, send):
    stem = request["path"].rpartition("/")[2].removesuffix(".py")
    module = type(sys)(stem)
    module.__file__ = "/work/" + request["path"]
    sys.modules[stem] = module
    try:
        exec(compile(request["source"], module.__file__, "exec"), module.__dict__)
    except BaseException as error:
        send("status", '["import",%s]' % describe(error))
        return
    call = module
    try:
        for part in request["entry"].split("."):
            call = getattr(call, part)
        if not callable(call):
            raise TypeError("it cannot be called")
    except BaseException as error:
        send("status", '["no_entry",%s]' % describe(error))
        return
    for name, args in request["inputs"]:
        try:
            payload = '["value",%s]' % encode(call(*args))
            if len(payload) > request["room"]:
                payload = '["refused","a result much longer than expected"]'
        except Refused as error:
            payload = '["refused",%s]' % describe(error)
        except BaseException as error:
            payload = '["raised",%s]' % describe(error)
        send(name, payload)
    send("status", '["done"]')
"""

_SINGLE = f"""{START}{_ENCODE}{_PLAY}
try:
    play(request, send)
finally:
    posix._exit(0)
"""

# The server forks a child per candidate, reads its pipe until it ends or its time is up, and sends it on as one line.
_BATCH = f"""{START}{_ENCODE}{_PLAY}
import select, signal, time
from json.encoder import encode_basestring_ascii

def child(request, nonce, out):
    def own(name, payload):
        data = (nonce + " " + name + " " + payload + "\\n").encode()
        while data:
            data = data[posix.write(out, data):]
    own("ready", "null")
    play(request, own)

def serve(name, nonce, timeout_s, request):
    source, out = posix.pipe()
    pid = posix.fork()
    if pid == 0:
        try:
            posix.close(source)
            posix.close(channel)
            posix.setpgid(0, 0)
            child(request, nonce, out)
        finally:
            posix._exit(0)
    posix.close(out)
    end = time.monotonic() + timeout_s
    parts, size, late = [], 0, False
    poll = select.poll()
    poll.register(source, select.POLLIN | select.POLLHUP)
    while True:
        left = end - time.monotonic()
        if left <= 0 or size > request["capacity"]:
            late = left <= 0
            break
        if poll.poll(left * 1000):
            part = posix.read(source, 1 << 16)
            if not part:
                break
            parts.append(part)
            size += len(part)
    for target in (posix.kill, posix.killpg):
        try:
            target(pid, signal.SIGKILL)
        except OSError:
            pass
    status = posix.waitstatus_to_exitcode(posix.waitpid(pid, 0)[1])
    posix.close(source)
    text = b"".join(parts).decode("ascii", "replace")
    send(name, "[%d,%s,%s]" % (status, "true" if late else "false", encode_basestring_ascii(text)))

for candidate in request["candidates"]:
    serve(*candidate)
posix._exit(0)
"""

SINGLE = compile(_SINGLE, "<assay>", "exec", dont_inherit=True, optimize=0)
BATCH = compile(_BATCH, "<assay>", "exec", dont_inherit=True, optimize=0)
