"""Training sets on disk: built once from recorded trajectories, opened memory-mapped by whatever trains.

Enters: ledgers and files of trajectories, a chat format. Leaves: a folder of token ids, masks and a card.
"""

from assay.training.data.card import DataCard
from assay.training.data.dataset import Dataset, open_dataset
from assay.training.data.writer import write_dataset

__all__ = ["DataCard", "Dataset", "open_dataset", "write_dataset"]
