"""Training: from text and verified trajectories to checkpoints.

Enters: a corpus, or trajectories with the ids that were sampled. Leaves: safetensors checkpoints and their cards.
"""
