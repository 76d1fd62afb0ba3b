"""The decode engine behind the OpenAI API, so that other tools can use a checkpoint of ours.

Enters: a checkpoint directory, and requests over HTTP. Leaves: answers with token ids and log-probabilities.
"""

from assay.models.serving.app import app
from assay.models.serving.run import listen, serve
from assay.models.serving.worker import Worker

__all__ = ["Worker", "app", "listen", "serve"]
