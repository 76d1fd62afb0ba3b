"""leaks: what a dated model has read, or says, that was not in the world before its cutoff.

Enters: dated corpora, post-training data, a model's weights. Leaves: flagged passages with the terms and first-attested
years that flagged them, shares with their stated error, surprise by decade, choices before and after the cutoff.
"""
