"""Builds the twins' text corpora: what it is for is the same amount of clean prose from two eras.
What enters: a recipe naming packages pinned by version and sha256, and a folder to write in.
What leaves: a folder holding documents.jsonl and card.json, and readers that check them."""

from assay.corpus.build import build_corpus
from assay.corpus.model import Card, Document
from assay.corpus.store import read_documents, verify_corpus

__all__ = ["Card", "Document", "build_corpus", "read_documents", "verify_corpus"]
