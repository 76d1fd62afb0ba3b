import subprocess
import sys


def printed(line):
    command = [sys.executable, "/app/squares.py"]
    return subprocess.run(command, input=line, capture_output=True, text=True, timeout=10).stdout.strip()


assert printed("3 1 2") == "14"
assert printed("10") == "100"
assert printed("-7 4") == "65"
assert printed("12 5") == "169"
