import os
import sys

place = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(place, "words.txt")) as file:
    known = {line.strip() for line in file}
print(len([word for line in sys.stdin for word in line.split() if word in known]))
