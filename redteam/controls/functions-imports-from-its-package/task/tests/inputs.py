def generate(rng):
    return [rng.choice(["double", "triple"]), [rng.randint(-99, 99) for _ in range(rng.randint(1, 5))]]
