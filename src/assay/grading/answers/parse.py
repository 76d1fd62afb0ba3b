"""Parses the text of an answer into a tree, by recursive descent and without evaluating anything.

A tree is a list: ["num", "1.5"], ["var", "x"], ["const", "pi"], ["add" | "mul" | "div" | "pow", a, b], ["neg" |
"fact", a], ["call", function, a, ..], and for the other forms ["tuple", [..]], ["set", [..]], ["matrix", [[..], ..]],
["interval", left open, right open, a, b], ["union" | "inter" | "minus", a, b], ["equation", a, b]. It holds texts only,
so it may cross into the sandbox as data.
"""

from collections.abc import Collection

from assay.grading.answers.expression import Expressions, Tree
from assay.grading.answers.tokens import Unreadable, tokens

FORMS = ("number", "expression", "tuple", "set", "interval", "matrix", "equation")
_MATRICES = {"matrix", "pmatrix", "bmatrix", "vmatrix", "Bmatrix", "array"}


def parse(text: str, form: str, variables: Collection[str] | None) -> tuple[Tree, frozenset[str]]:
    """Return the tree of `text` as an answer of `form`, and the variables in it.

    `variables` are the names that may occur; with None every single letter that is no constant may.
    Raises Unreadable.
    """
    parser = _Forms(tokens(text), variables)
    try:
        tree = getattr(parser, form)()
    except RecursionError as error:
        raise Unreadable("nested too deep") from error
    parser.end()
    if form == "number" and parser.seen:
        raise Unreadable(f"{sorted(parser.seen)[0]} in a number")
    return tree, frozenset(parser.seen)


class _Forms(Expressions):
    """The forms that an answer may have, one method each."""

    def expression(self) -> Tree:
        self.label()
        return self.sum()

    number = expression

    def label(self) -> None:
        """Pass over `x =` or `f(x) =` before an answer; a value such as 2 = is none."""
        if self.kind() != "name" or len(self.peek()) != 1:
            return
        if self.peek(1) == "=":
            self.at += 2
        elif (self.peek(1), self.peek(3), self.peek(4)) == ("(", ")", "="):
            self.at += 5

    def membership(self) -> None:
        r"""Pass over `x \in` before a set."""
        if self.kind() == "name" and len(self.peek()) == 1 and self.peek(1) == r"\in":
            self.at += 2

    def labels(self) -> None:
        """Pass over `(x, y) =`."""
        at = 0
        while self.peek(at) in ("(", ",") and len(self.peek(at + 1)) == 1 and self.peek(at + 1).isalpha():
            at += 2
        if at and self.peek(at) == ")" and self.peek(at + 1) == "=":
            self.at += at + 2

    def items(self, closing: tuple[str, ...], *separators: str) -> list[Tree]:
        found: list[Tree] = []
        if self.peek() in closing:
            return found
        while True:
            found.append(self.sum())
            if not self.take(*separators):
                return found

    def tuple(self) -> Tree:
        self.label()
        self.labels()
        opening = self.peek()
        pairs = {"(": ")", "[": "]", r"\langle": r"\rangle", "<": ">"}
        if opening not in pairs:
            raise Unreadable("a tuple begins with a bracket")
        self.at += 1
        found = self.items((pairs[opening],), ",", ";")
        self.need(pairs[opening])
        return self.node("tuple", found)

    def set(self) -> Tree:
        self.label()
        self.membership()
        if self.take(r"\emptyset"):
            return self.node("set", [])
        closing = {r"\{": r"\}", "{": "}"}.get(self.peek(), "")
        self.at += bool(closing)
        found: list[Tree] = []
        while not (closing and self.peek() == closing):
            self.label()
            found += self.both_signs()
            if not self.take(",", ";", "or", "and"):
                break
        if closing:
            self.need(closing)
        elif not found:
            raise Unreadable("no value")
        return self.node("set", found)

    def both_signs(self) -> list[Tree]:
        r"""Return one value, or two for `a \pm b`."""
        left = None if self.peek() == r"\pm" else self.sum()
        if not self.take(r"\pm"):
            return [left] if left is not None else []
        right = self.product()
        other = self.node("neg", right)
        return [right, other] if left is None else [self.node("add", left, right), self.node("add", left, other)]

    def interval(self) -> Tree:
        self.membership()
        left = self.deeper(self.part)
        while True:
            if self.take(r"\cup", "U", "or"):
                left = self.node("union", left, self.deeper(self.part))
            elif self.take(r"\cap", "and"):
                left = self.node("inter", left, self.deeper(self.part))
            elif self.take(r"\setminus"):
                left = self.node("minus", left, self.deeper(self.part))
            else:
                return left

    def part(self) -> Tree:
        if self.take(r"\emptyset"):
            return self.node("set", [])
        if self.take(r"\mathbb"):
            self.take("{")
            self.need("R")
            self.take("}")
            return self.node("interval", True, True, ["neg", ["const", "oo"]], ["const", "oo"])
        if self.peek() in (r"\{", "{"):
            return self.set()
        if self.peek() in ("(", "["):
            start = self.at
            left_open = self.peek() == "("
            self.at += 1
            low = self.sum()
            if self.take(",", ";"):
                high = self.sum()
                right_open = self.peek() == ")"
                if not self.take(")", "]"):
                    raise Unreadable("an interval ends with a bracket")
                return self.node("interval", left_open, right_open, low, high)
            self.at = start
        return self.chain()

    def chain(self) -> Tree:
        """Return the interval that `a < x <= b`, `x > a` or `a >= x` describes."""
        values = [self.sum()]
        signs: list[str] = []
        while self.peek() in ("<", "<=", ">", ">=") and len(signs) < 2:
            signs.append(self.peek())
            self.at += 1
            values.append(self.sum())
        middle = [place for place, value in enumerate(values) if value[0] == "var"]
        if not signs or len(middle) != 1 or (len(signs) == 2 and (middle != [1] or signs[0][0] != signs[1][0])):
            raise Unreadable("neither an interval nor an inequality of one variable")
        low: Tree = ["neg", ["const", "oo"]]
        high: Tree = ["const", "oo"]
        opens = [True, True]
        for place, sign in enumerate(signs):
            variable_left = values[place][0] == "var"
            other = values[place + 1] if variable_left else values[place]
            if (sign[0] == "<") == variable_left:
                high, opens[1] = other, len(sign) == 1
            else:
                low, opens[0] = other, len(sign) == 1
        return self.node("interval", *opens, low, high)

    def matrix(self) -> Tree:
        self.label()
        closing = {"[": "]", "(": ")"}.get(self.peek(), "") if self.peek(1) == r"\begin" else ""
        self.at += bool(closing)
        if self.take(r"\begin"):
            found = self.environment()
            if closing:
                self.need(closing)
            return found
        if self.kind() == "name" and self.peek() == "Matrix":
            self.at += 1
            self.need("(")
            found = self.rows()
            self.need(")")
            return found
        return self.rows()

    def rows(self) -> Tree:
        self.need("[")
        rows: list[list[Tree]] = []
        while self.take("["):
            rows.append(self.items(("]",), ","))
            self.need("]")
            if not self.take(","):
                break
        self.need("]")
        return self.node("matrix", rows)

    def environment(self) -> Tree:
        name = self.environment_name()
        if name == "array" and self.take("{"):  # how its columns are set: {cc|c}
            while self.kind() == "name" or self.peek() == "|":
                self.at += 1
            self.need("}")
        rows: list[list[Tree]] = [[]]
        while not self.take(r"\end"):
            rows[-1].append(self.sum())
            if self.take(r"\\"):
                if self.peek() != r"\end":
                    rows.append([])
            elif not self.take("&") and self.peek() != r"\end":
                raise Unreadable("a matrix that does not end")
        if self.environment_name() != name:
            raise Unreadable("a matrix that ends as another environment")
        return self.node("matrix", rows)

    def environment_name(self) -> str:
        self.need("{")
        name = self.peek()
        if name not in _MATRICES:
            raise Unreadable(f"no matrix: {name[:20]!r}")
        self.at += 1
        self.need("}")
        return name

    def equation(self) -> Tree:
        left = self.sum()
        self.need("=")
        return self.node("equation", left, self.sum())
