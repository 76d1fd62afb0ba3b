"""What runs one test file inside the sandbox for the kind `tests`, in the process that the candidate shares.

It says which of the tests it was asked for ran, and how each ended. Nothing it says is believed by itself: the
candidate's code could make it say anything. Some of the tests were given a wrong expected value beforehand, nobody
in this process knows which, and the report counts only if exactly those failed.
It runs under the interpreter of a task's own environment too, so it keeps to what Python 3.6 knows.
"""

import importlib
import json
import os
import sys

PASSED, FAILED, ERROR, SKIPPED, XFAILED, XPASSED = "passed", "failed", "error", "skipped", "xfailed", "xpassed"


def preload(runner):
    """Import the runner's own modules, before anything of a repository can be found under their names."""
    import argparse  # noqa: F401
    import site
    import unittest.runner  # noqa: F401

    # We start without `site`, whose search for packages has no place here; programs count on these names of it.
    site.setquit()
    site.setcopyright()
    site.sethelper()
    if runner == "pytest":
        import pygments  # noqa: F401
        import pytest  # noqa: F401
        from _pytest import config as configuration

        for name in configuration.default_plugins:  # else they are imported anew for each file
            importlib.import_module("_pytest." + name)


class Report:
    """The line to the controller. It holds what it needs itself, since a candidate replaces names in modules."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.count = 0
        self.notes = []
        self._write = os.write
        self._dumps = json.dumps

    def _send(self, message):
        data = (self._dumps(message) + "\n").encode()
        while data:
            data = data[self._write(self.descriptor, data) :]

    def test(self, name, outcome, why="", described=""):
        self.count += 1
        self._send({"t": name, "o": outcome, "w": _plain(why)[:300], "d": _plain(described)[:300]})

    def end(self):
        self._send({"end": self.count, "note": "; ".join(self.notes)[:600]})


def _plain(text):
    return str(text).encode("utf-8", "backslashreplace").decode()


class PytestPlugin:
    """Picks the tests that were asked for, in the order asked for, and reports how each ended."""

    def __init__(self, job, report):
        self.place = {name: number for number, name in enumerate(job["ids"])}
        self.shuffled = job["shuffled"]
        self.whole = job["whole"]
        self.survey = job["survey"]
        self.all = job["all"]
        self.report = report
        self.chosen = set()
        self.phases = {}

    def _asked_for(self, item):
        return self.survey or (item.nodeid.split("[", 1)[0] if self.whole else item.nodeid) in self.place

    def pytest_collection_modifyitems(self, session, config, items):
        self.chosen = {item.nodeid for item in items if self._asked_for(item)}
        if self.all:
            return
        left = [item for item in items if item.nodeid not in self.chosen]
        items[:] = [item for item in items if item.nodeid in self.chosen]
        if self.shuffled:
            items.sort(key=lambda item: self.place[item.nodeid])
        if left:
            config.hook.pytest_deselected(items=left)

    def pytest_collectreport(self, report):
        if report.failed:
            self.report.notes.append(f"{report.nodeid}: {str(report.longrepr)[-400:]}")

    def pytest_runtest_logreport(self, report):
        if report.nodeid not in self.chosen:
            return
        seen = self.phases.setdefault(report.nodeid, [])
        seen.append((report.when, self._outcome(report), self._why(report)))
        if report.when == "teardown":
            del self.phases[report.nodeid]
            outcome, why = self._whole(seen)
            self.report.test(report.nodeid, outcome, why)

    @staticmethod
    def _outcome(report):
        if hasattr(report, "wasxfail"):
            if report.skipped:
                # pytest.xfail() called as the test runs, by whomever, is no mark of the test file.
                return SKIPPED if str(report.wasxfail).startswith("reason: ") else XFAILED
            return XPASSED if report.passed else FAILED
        if report.passed:
            return PASSED
        if report.skipped:
            return SKIPPED
        return FAILED if report.when == "call" else ERROR

    @staticmethod
    def _why(report):
        crash = getattr(report.longrepr, "reprcrash", None)
        return getattr(crash, "message", "") or (str(report.longrepr)[-300:] if report.longrepr else "")

    @staticmethod
    def _whole(seen):
        for _, outcome, why in seen:
            if outcome != PASSED:
                return outcome, why
        whens = [when for when, _, _ in seen]  # a sub-test is one more call
        whole = whens[0] == "setup" and whens[-1] == "teardown" and set(whens[1:-1]) == {"call"}
        return (PASSED, "") if whole else (ERROR, "cut short")


def run_pytest(job, report):
    import pytest

    plugin = PytestPlugin(job, report)
    # Last of all: a plugin of the repository's may deselect, but what it adds is not run.
    last = pytest.hookimpl(trylast=True)
    modify = PytestPlugin.pytest_collection_modifyitems
    PytestPlugin.pytest_collection_modifyitems = last(modify)  # type: ignore[method-assign]
    words = ["-p", "no:cacheprovider", "-q"]
    if tuple(map(int, pytest.__version__.split(".")[:2])) >= (3, 5):  # older ones know no --rootdir
        words += ["--rootdir", job["root"]]
    code = pytest.main(words + list(job["args"]) + [job["file"]], plugins=[plugin])
    if report.count < max(1, len(job["ids"])):
        report.notes.append(f"pytest ended with {int(code)}")


def names_of(test):
    """Return the ids by which a test of unittest may be asked for."""
    dotted = test.id()
    owner, _, method = dotted.rpartition(".")
    described = getattr(test, "shortDescription", lambda: None)()
    return [dotted, f"{method} ({owner})", f"{method} ({dotted})", described]


def flattened(suite):
    """Return the tests of a suite of suites, in order."""
    if hasattr(suite, "__iter__"):
        return [test for part in suite for test in flattened(part)]
    return [suite]


def make_result(report, wanted, survey=False):
    """Return a unittest result that reports the tests in `wanted` (id(test) -> name asked for)."""
    import unittest

    class Result(unittest.TestResult):
        def startTest(self, test):
            super().startTest(test)
            self.word, self.why = None, ""

        def say(self, test, word, err=None):
            if id(test) not in wanted:
                if word in (FAILED, ERROR):  # a class or a module that could not be set up
                    report.notes.append(f"{test}: {word}")
            elif self.word in (None, PASSED):
                self.word = word
                self.why = "{}: {}".format(getattr(err[0], "__name__", ""), err[1]) if err else ""

        def addSuccess(self, test):
            self.say(test, PASSED)

        def addError(self, test, err):
            self.say(test, ERROR, err)

        def addFailure(self, test, err):
            self.say(test, FAILED, err)

        def addSkip(self, test, reason):
            self.say(test, SKIPPED)

        def addExpectedFailure(self, test, err):
            self.say(test, XFAILED)

        def addUnexpectedSuccess(self, test):
            self.say(test, XPASSED)

        def addSubTest(self, test, subtest, err):
            if err is not None:
                self.say(test, FAILED, err)

        def stopTest(self, test):
            super().stopTest(test)
            if id(test) in wanted:
                described = getattr(test, "shortDescription", lambda: "")() if survey else ""
                report.test(wanted[id(test)], self.word or ERROR, self.why, described or "")

    return Result()


def chosen(suite, job):
    """Return the tests asked for, in the order in which they are to run, and {id(test): name asked for}."""
    place = {name: number for number, name in enumerate(job["ids"])}
    found = []  # type: list
    tests = flattened(suite)
    if job["survey"]:
        return tests, {id(test): test.id() for test in tests if not _is_failed_import(test)}
    for test in tests:
        for name in names_of(test):
            if name in place:
                found.append((place[name], len(found), name, test))
    if job["all"]:
        return tests, {id(entry[3]): entry[2] for entry in found}
    if job["shuffled"]:
        found.sort(key=lambda entry: entry[:2])
    return [entry[3] for entry in found], {id(entry[3]): entry[2] for entry in found}


def _is_failed_import(test):
    return type(test).__name__ in ("_FailedTest", "ModuleImportFailure", "LoadTestsFailure")


def run_unittest(job, report):
    import unittest

    loader = unittest.TestLoader()
    suite = loader.loadTestsFromName(job["module"])
    for error in getattr(loader, "errors", []):
        report.notes.append(str(error)[-400:])
    tests, wanted = chosen(suite, job)
    unittest.TestSuite(tests).run(make_result(report, wanted, job["survey"]))


def run_script(job, report):
    """Run Django's runner, or any script that ends in unittest's text runner, with our choice and our report."""
    import runpy
    import unittest

    def run(self, suite):
        tests, wanted = chosen(suite, job)
        result = make_result(report, wanted, job["survey"])
        unittest.TestSuite(tests).run(result)
        return result

    unittest.TextTestRunner.run = run  # type: ignore
    script = os.path.join(job["root"], job["script"])
    os.chdir(os.path.dirname(script))
    sys.path.insert(0, os.path.dirname(script))
    sys.argv = [script, *job["args"], job["module"]]
    runpy.run_path(script, run_name="__main__")


def tell_comparisons(report, file):
    """Make known what the asserts of an instrumented test, and assertEqual, compare. Only gold is run so."""
    import builtins
    import unittest

    plain = (int, float, complex, str, bytes, bool, tuple, list, dict, set, frozenset)
    told = []  # type: list

    def tell(left, right):
        if type(left) in plain and type(right) in plain and len(told) < 300:
            text = json.dumps([sys._getframe(2).f_code.co_name, repr(left), repr(right)])
            if len(text) <= 300:
                told.append(text)
                report.test(f"seen:{file}:{len(told)}", PASSED, text)

    def compare(left, right):
        tell(left, right)
        return left == right

    def assert_equal(self, first, second, *more, _real=unittest.TestCase.assertEqual, **named):
        tell(first, second)
        return _real(self, first, second, *more, **named)

    builtins.__assay_compare__ = compare  # type: ignore[attr-defined]
    unittest.TestCase.assertEqual = assert_equal  # type: ignore


def tell_modules(report, job):
    """Report what is imported from outside of the repository, in the order of its import. Only gold is run so."""
    names = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        outside = isinstance(file, str) and not os.path.abspath(file).startswith(job["root"] + "/")
        if outside and getattr(module, "__name__", "") == name and name != "__main__":
            names.append(name)
    for number, first in enumerate(range(0, len(names), 6)):
        text = json.dumps(names[first : first + 6])
        if len(text) <= 300:
            report.test(f"modules:{job['file']}:{number}", PASSED, text)


def set_paths(job):
    """Let imports find the repository first, then what the task's PYTHONPATH names; our own folder goes last."""
    own = os.path.dirname(os.path.abspath(__file__))
    rest = [entry for entry in sys.path if entry not in ("", own)]
    extra = [os.path.join(job["root"], entry) for entry in job["env"].get("PYTHONPATH", "").split(":") if entry]
    roots = [job["root"]]
    if job["test_root"] and job["runner"] == "unittest":
        roots.insert(0, os.path.join(job["root"], job["test_root"]))
    sys.path[:] = roots + extra + [entry for entry in rest if entry not in roots + extra]


def main(job, descriptor):
    """Run the tests of one file and report on `descriptor`. Never returns."""
    leave = os._exit
    report = Report(descriptor)
    os.environ.update(job["env"])
    runs = {"pytest": run_pytest, "unittest": run_unittest, "django": run_script}
    if job["runner"] == "sympy":
        import suite_sympy  # beside this file inside the sandbox, where neither is part of a package

        runs["sympy"] = suite_sympy.run
    run = runs[job["runner"]]
    set_paths(job)
    if job["whole"]:
        tell_comparisons(report, job["file"])
    try:
        run(job, report)
    except BaseException as error:
        if not isinstance(error, SystemExit) or report.count < len(job["ids"]):
            report.notes.append(f"{type(error).__name__}: {str(error)[-400:]}")
    if job["whole"]:
        tell_modules(report, job)
    try:
        report.end()
    finally:
        leave(0)


if __name__ == "__main__":
    os.set_inheritable(int(sys.argv[1]), False)
    main(json.loads(sys.stdin.read()), int(sys.argv[1]))
