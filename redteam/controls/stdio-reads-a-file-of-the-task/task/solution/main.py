import sys

known = set(open("words.txt").read().split())
print(sum(word in known for word in sys.stdin.read().split()))
