"""A fork server for the rounds of one grading: what runs inside, under the Python of the task's own environment.

It imports, once, what gold's run was seen to import from outside of the repository, and forks a child a round. Nothing
of a candidate's is there yet: at the repository's place lies the tree as it was, read-only, or nothing. Each child
shuts itself in before it reads its request, in namespaces, file systems and limits of its own, and then does what
`suite_controller` does. The server never reads a request and never hears a child, so no round can find anything of
another in the memory that it was forked from.
Nothing of assay can be imported here; it keeps to what Python 3.6 knows.
"""

import base64
import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import socket
import sys

_NOISE = ("__main__", "__mp_main__", "sitecustomize", "usercustomize", "antigravity", "this")
_OURS = ("suite_server", "suite_runner", "suite_controller", "suite_sympy", "suite_kernel")
_OPEN_FILES = 256
_PLUGINS = "[pytest11]"


def refusal(tree):
    """Return why children must not be forked from this process as it is, "" when they may."""
    if len(os.listdir("/proc/self/task")) > 1:
        return "it has threads"
    with open("/proc/self/maps") as file:
        if any(line.split(None, 2)[1][1:4:2] == "ws" for line in file):
            return "it has memory that its children would share"
    for name, module in list(sys.modules.items()):
        if within(getattr(module, "__file__", None), tree):
            return f"{name} was imported from {tree}"
    return "" if os.getcwd() == "/" else "it has left its folder"


def within(path, folder):
    """Whether a module's file lies below a folder."""
    return isinstance(path, str) and os.path.abspath(path).startswith(folder + "/")


def proved(names, tree):
    """Return those of `names` that can be imported here without harm, each tried in a child first; import them."""
    good = []
    kept_out = _rewritten()
    for name in names:
        parts = name.split(".")
        above = {".".join(parts[:count]) for count in range(1, len(parts))}
        if name in sys.modules or name in _NOISE or parts[0] in _OURS or not kept_out.isdisjoint({name, *above}):
            continue
        child = os.fork()
        if child == 0:
            code = 1
            try:
                before = dict(os.environ), list(sys.path)
                importlib.import_module(name)
                code = int(bool(refusal(tree)) or (dict(os.environ), list(sys.path)) != before)
            finally:
                os._exit(code)
        if os.waitpid(child, 0)[1] == 0:
            importlib.import_module(name)
            good.append(name)
        else:
            kept_out.add(name)  # and what is below it need not be tried
    return good


def _rewritten():
    """Return the top names of distributions with plugins of pytest: it rewrites their asserts as it imports them."""
    found = set()
    for folder in sys.path:
        try:
            abouts = [name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info"))]
        except OSError:
            continue
        for about in abouts:
            place = os.path.join(folder, about)
            if _PLUGINS in _text(place, "entry_points.txt"):
                listed = _text(place, "RECORD") or _text(place, "SOURCES.txt")
                found |= {line.split(",")[0].split("/")[0].partition(".")[0] for line in listed.splitlines()}
                found |= set(_text(place, "top_level.txt").split())
    return found


def _text(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


class Server:
    """The server's side of the socket; `serve` returns in a child only."""

    def __init__(self, control):
        import suite_kernel  # beside this file inside the sandbox, where neither is part of a package

        self.control = control
        config = json.loads(control.recv(1 << 18).decode())
        self.tree = config["tree"]
        self.filtered = bool(config["rules"])
        self.kernel = suite_kernel.Kernel(base64.b64decode(config["rules"]))
        self.kernel.mount_proc(False)
        try:
            with open("/proc/sys/user/max_user_namespaces", "w") as file:
                file.write("0")
        except OSError:
            if not self.filtered:
                raise
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # rather this sandbox than anything else of the machine
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self.own = os.open("/proc/self/ns/pid", os.O_RDONLY)
        import suite_controller
        import suite_runner

        if config["own"]:  # our interpreter, which was started without looking for packages
            sys.path.append(suite_controller.LIBRARY)
            suite_runner.preload(config["runner"])
        self.layered = config["layered"]
        if config["trial"]:
            good = proved(config["imports"], self.tree)
        else:
            good = config["imports"]
            gc.disable()
            for name in good:
                importlib.import_module(name)
            gc.enable()
        fault = refusal(self.tree)
        if fault:
            raise RuntimeError(fault)
        gc.collect()
        if hasattr(gc, "freeze"):
            gc.freeze()
        self.children = set()  # type: set
        signal.signal(signal.SIGCHLD, self.reap)
        control.send(json.dumps({"ready": good if config["trial"] else len(good)}).encode())

    def serve(self):
        """Fork a child for each request until the socket closes, and end; in a child, return what it was given."""
        size = 2 * 4
        while True:
            data, extra, _, _ = self.control.recvmsg(1 << 12, socket.CMSG_SPACE(size), socket.MSG_CMSG_CLOEXEC)
            if not data:
                os._exit(0)
            if data == b"{}":
                for child in list(self.children):
                    with contextlib.suppress(OSError):
                        os.kill(child, signal.SIGKILL)  # which ends its whole namespace
                self.reap(wait=True)
                self.control.send(data)
                continue
            given = [int(number) for number in memoryview(extra[0][2][:size]).cast("i")]
            self.kernel.unshare(0x20000000)
            child = os.fork()
            if child == 0:
                return given, data
            self.children.add(child)
            for descriptor in given:
                os.close(descriptor)
            self.kernel.setns(self.own, 0x20000000)

    def reap(self, *_, wait=False):
        """Reap the children that have ended, or all, by which their times count as this process's."""
        for child in list(self.children):
            try:
                ended = os.waitpid(child, 0 if wait else os.WNOHANG)[0]
            except ChildProcessError:  # a signal came in between
                ended = child
            if ended:
                self.children.discard(child)

    def shut_in(self, limits, source, channel):
        """Leave this child nothing but what a round may have."""
        import suite_kernel

        kernel, root = self.kernel, self.tree
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        kernel.unshare(suite_kernel.NEWNS | suite_kernel.NEWIPC | suite_kernel.NEWNET)
        mode = os.stat(root).st_mode & 0o777
        if self.layered:
            kernel.mount_tmpfs("/tmp", limits["tmp"], limits["inodes"], 0o700)
            os.mkdir("/tmp/upper", mode | 0o700)
            os.mkdir("/tmp/work", 0o700)
            kernel.mount_overlay(root, "/tmp/upper", "/tmp/work", root)
        else:
            kernel.mount_tmpfs(root, limits["tmp"], limits["inodes"], 0o755)
        kernel.mount_tmpfs("/tmp", limits["tmp"], limits["inodes"], 0o1777)  # hides the overlay's folders
        kernel.mount_tmpfs("/dev/shm", limits["tmp"], limits["inodes"], 0o1777)
        kernel.mount_proc(True)
        suite_kernel.raise_loopback()
        for kind, value in (
            (resource.RLIMIT_AS, limits["memory"]),
            (resource.RLIMIT_FSIZE, limits["file"]),
            (resource.RLIMIT_NOFILE, _OPEN_FILES),
            (resource.RLIMIT_CPU, limits["cpu"]),
            (resource.RLIMIT_NPROC, limits["processes"]),
        ):
            if value:
                resource.setrlimit(kind, (value, value))
        kernel.disarm()
        places = {"/tmp": "tmpfs", "/dev/shm": "tmpfs", "/proc": "proc", root: "overlay" if self.layered else "tmpfs"}
        fault = suite_kernel.lacks(places, self.filtered, {0, 1, 2, source, channel})
        if fault:
            raise RuntimeError(fault)

    def apart(self, given):
        """Close everything but the two descriptors of the request, which go to high numbers drawn by chance."""
        import suite_controller

        taken = set()  # type: set
        source, channel = (suite_controller.moved(descriptor, taken) for descriptor in given)
        self.control.detach()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        low, high = sorted((source, channel))
        for first, last in ((3, low), (low + 1, high), (high + 1, 1 << 16)):
            os.closerange(first, last)
        return source, channel


def lay(root, path, data):
    """Write one file in place of whatever is there: links and files in the way of its folders too."""
    current = root
    for part in path.split("/")[:-1]:
        current = os.path.join(current, part)
        if os.path.islink(current) or (os.path.lexists(current) and not os.path.isdir(current)):
            os.unlink(current)
        if not os.path.isdir(current):
            os.mkdir(current, 0o755)
    whole = os.path.join(root, path)
    if os.path.islink(whole) or os.path.isfile(whole):
        os.unlink(whole)
    elif os.path.isdir(whole):
        import shutil

        shutil.rmtree(whole)
    with open(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
        file.write(data)


class Runner:
    """What becomes the process of one test file: it was not started as a program, so it can be looked at again."""

    @staticmethod
    def main(job, answer):
        import suite_kernel
        import suite_runner

        suite_kernel.set_dumpable(True)
        for name in ("random", "numpy.random"):  # else every round would draw what the server would
            if name in sys.modules:
                sys.modules[name].seed()
        suite_runner.main(job, answer)


def run_round(server, given, data):
    """Be the process 1 of a round. Never returns."""
    import suite_controller

    source, channel = server.apart(given)
    try:
        limits = json.loads(data.decode())
        server.shut_in(limits, source, channel)
        request = json.loads(os.pread(source, limits["size"], 0).decode())
        root = request["root"]
        for path, text in request.pop("texts").items():
            lay(root, path, text.encode("utf-8", "surrogateescape"))
        for path, coded in request.pop("bytes").items():
            lay(root, path, base64.b64decode(coded))
        suite_controller.make_gone(root, request["removed"], request["modes"])
        for entry in [entry for entry in sys.path_importer_cache if entry == root or within(entry, root)]:
            del sys.path_importer_cache[entry]  # it may remember what the folder held before
        suite_controller.hide()
    except BaseException as error:
        suite_controller.say(channel, {"fault": f"{type(error).__name__}: {error}"})
        os._exit(1)
    suite_controller.say(channel, {"hello": request["hello"], "ready": len(request["parts"])})
    try:
        reports = suite_controller.run_parts(Runner, request, {source, channel})
        nonce = os.pread(source, 1 << 12, limits["size"]).decode()
        suite_controller.say(channel, {"nonce": nonce, "parts": reports})
    finally:
        os._exit(0)


def main():
    """Serve until the socket, which is the standard input, closes."""
    os.closerange(3, 1 << 16)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=0)
    try:
        server = Server(control)
    except BaseException as error:
        control.send(json.dumps({"fault": f"{type(error).__name__}: {error}"}).encode())
        os._exit(1)
    run_round(server, *server.serve())


if __name__ == "__main__":
    main()
