print(sum(int(word) ** 2 for word in input().split()))
