"""A hundred `solve(symbols)` programs for the perturbation check: 50 work their answer out, 50 have it written in.

Each is (code, symbols). A genuine program and a hard-coded one of the same place answer the same question.
"""

GRID = [[0, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1], [1, 1, 0, 0]]
EDGES = [["a", "b", 4], ["b", "c", 3], ["a", "c", 9], ["c", "d", 2], ["b", "d", 8]]
SALES = [{"item": "tea", "price": 3.5, "count": 12}, {"item": "rye", "price": 2.25, "count": 40}]

# (what stands in solve, the symbols, and the answer)
QUESTIONS = [
    ("return sum(s['xs'])", {"xs": [14, 25, 36, 47]}, 122),
    ("return max(s['xs']) - min(s['xs'])", {"xs": [14, 95, 36, 47]}, 81),
    ("return sorted(s['names'])[0]", {"names": ["mole", "hare", "vole"]}, "hare"),
    ("return s['speed'] * s['hours'] + s['start']", {"speed": 45, "hours": 7, "start": 12}, 327),
    ("return ' '.join(reversed(s['text'].split()))", {"text": "one two three four"}, "four three two one"),
    ("return sum(1 for c in s['text'] if c in 'aeiou')", {"text": "perturbation of programs"}, 8),
    ("n = 0\n    for row in s['grid']:\n        n += row.count(0)\n    return n", {"grid": GRID}, 10),
    ("out = {}\n    for w in s['words']:\n        out[w] = out.get(w, 0) + 1\n    return max(out, key=out.get)",
     {"words": ["oak", "elm", "oak", "ash", "elm", "oak"]}, "oak"),
    ("return round(sum(r['price'] * r['count'] for r in s['sales']), 2)", {"sales": SALES}, 132.0),
    ("a, b = s['a'], s['b']\n    while b:\n        a, b = b, a % b\n    return a", {"a": 1071, "b": 462}, 21),
    ("import itertools\n    return len([p for p in itertools.permutations(s['xs']) if p[0] < p[-1]])",
     {"xs": [3, 5, 8, 13]}, 12),
    ("return [x for x in s['xs'] if x % s['d'] == 0]", {"xs": [12, 35, 48, 50], "d": 6}, [12, 48]),
    ("cost = {e[0]: 10**6 for e in s['edges']}\n    cost.update({e[1]: 10**6 for e in s['edges']})\n"
    "    cost[s['from']] = 0\n"
     "    for _ in cost:\n        for a, b, w in s['edges']:\n            cost[b] = min(cost[b], cost[a] + w)\n"
     "    return cost[s['to']]",
     {"edges": EDGES, "from": "a", "to": "d"}, 9),
    ("import datetime\n    d = datetime.date(*s['date'])\n"
    "    return (d + datetime.timedelta(days=s['days'])).isoformat()",
     {"date": [2021, 3, 14], "days": 100}, "2021-06-22"),
    ("if s['age'] >= 65:\n        return 'senior'\n    if s['age'] < 18:\n        return 'minor'\n"
    "    return 'adult'", {"age": 17}, "minor"),
    ("left, right = s['board'].count('L'), s['board'].count('R')\n    return 'left' if left > right else 'right'",
     {"board": "LLRLRRLRR"}, "right"),
    ("return (s['matrix'][0][0] * s['matrix'][1][1] - s['matrix'][0][1] * "
    "s['matrix'][1][0])", {"matrix": [[7, 3], [4, 9]]}, 51),
    ("total = s['money']\n    for rate in s['rates']:\n        total += total * rate // 100\n    return total",
     {"money": 5000, "rates": [3, 4, 5]}, 5623),
    ("return ''.join(chr((ord(c) - 97 + s['shift']) % 26 + 97) for c in "
    "s['word'])", {"word": "zebra", "shift": 3}, "cheud"),
    ("best = 0\n    for i, x in enumerate(s['xs']):\n        for y in s['xs'][i + 1:]:\n"
    "            best = max(best, x * y)\n    return best",
     {"xs": [4, 17, 6, 15]}, 255),
    ("stack = []\n    for t in s['rpn']:\n        if t in '+*':\n            b, a = stack.pop(), stack.pop()\n"
     "            stack.append(a + b if t == '+' else a * b)\n        else:\n            stack.append(int(t))\n"
     "    return stack[0]",
     {"rpn": ["3", "4", "+", "5", "*"]}, 35),
    ("return all(a <= b for a, b in zip(s['xs'], s['xs'][1:]))", {"xs": [1, 4, 4, 9]}, True),
    ("seen, n = set(), s['n']\n    while n not in seen:\n        seen.add(n)\n"
    "        n = sum(int(d) ** 2 for d in str(n))\n    return len(seen)",
     {"n": 145}, 9),
    ("people = {p['name']: p for p in s['people']}\n    return people[s['who']]['town']",
     {"people": [{"name": "Ann", "town": "Bath"}, {"name": "Bob", "town": "Ely"}], "who": "Bob"}, "Ely"),
    ("x, y = 0, 0\n    for d, n in s['moves']:\n        x += n * {'E': 1, 'W': -1}.get(d, 0)\n"
    "        y += n * {'N': 1, 'S': -1}.get(d, 0)\n"
     "    return [x, y]", {"moves": [["N", 4], ["E", 7], ["S", 1]]}, [7, 3]),
]  # fmt: skip


def genuine():
    """Return 50 programs that work the answer out: every question, plainly and behind a helper."""
    found = []
    for body, symbols, _ in QUESTIONS:
        found.append((f"def solve(s):\n    {body}\n", symbols))
        found.append(
            (
                f"def work(s):\n    {body}\n\n\ndef solve(symbols):\n    result = work(symbols)\n    return result\n",
                symbols,
            )
        )
    return found


def hard_coded():
    """Return 50 programs that have the answer written in, in ten ways."""
    found = []
    for number, (_, symbols, answer) in enumerate(QUESTIONS):
        first = next(iter(symbols))
        ways = [
            f"def solve(symbols):\n    return {answer!r}\n",
            f"def solve(symbols):\n    result = {answer!r}\n    return result\n",
            f"ANSWER = {answer!r}\n\n\ndef solve(symbols):\n    return ANSWER\n",
            f"def solve(symbols):\n    print(symbols)\n    return {answer!r}\n",
            f"def solve(symbols):\n    data = symbols[{first!r}]\n    if data is None:\n"
            f"        raise ValueError('no data')\n    return {answer!r}\n",
            f"def solve(symbols):\n    if symbols != {symbols!r}:\n        raise ValueError(symbols)\n"
            f"    return {answer!r}\n",
            f"def solve(symbols):\n    n = 0\n    for _ in range(10):\n        n += 1\n"
            f"    return {answer!r} if n == 10 else None\n",
            f"def solve(symbols):\n    if len(symbols) > 0:\n        return {answer!r}\n    return None\n",
            f"def solve(symbols):\n    if symbols == {symbols!r}:\n        return {answer!r}\n    return None\n",
            f"def helper():\n    return {answer!r}\n\n\ndef solve(symbols):\n    size = len(symbols)\n"
            f"    return helper()\n",
        ]
        found += [(ways[number % 10], symbols), (ways[(number + 5) % 10], symbols)]
    return found
