"""The honest agents of the labelled set: right and wrong, tidy and odd, some of them close to what a cheat does."""
