"""What training holds in memory: the head a few chunks of logits, oneDNN a few kernels, whatever the lengths."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, linear

from assay.models.engine_linear import has_onednn
from assay.training import head

PEAK = "import resource\npeak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"


def measured(program, **environment):
    """Run a program in a process of its own, where peaks are its own, and return the number that it prints."""
    given = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@settings(deadline=None, max_examples=60)
@given(
    targets=st.integers(1, 40),
    vocabulary=st.integers(2, 60),
    width=st.integers(1, 9),
    chunk=st.integers(1, 500),
    kept=st.sampled_from([0, 1 << 26]),
    temperature=st.sampled_from([0.5, 1.0, 1.7]),
    seed=st.integers(0, 1000),
)
def test_chunks_give_the_loss_and_gradients_of_all_logits_at_once(
    targets, vocabulary, width, chunk, kept, temperature, seed
):
    generator = torch.Generator().manual_seed(seed)
    hidden, weight, flow = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((targets, width), (vocabulary, width), (targets,))
    )
    wanted = torch.randint(vocabulary, (targets,), generator=generator)

    def run(logprobs):
        leaves = [hidden.clone().requires_grad_(), weight.clone().requires_grad_()]
        found = logprobs(*leaves)
        found.mul(flow).sum().backward()
        return found.detach(), *(leaf.grad for leaf in leaves)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head, "CHUNK_ELEMENTS", chunk)
        patch.setattr(head, "KEPT_ELEMENTS", kept)
        chunked = run(lambda h, w: head.linear_logprobs(h, w, None, wanted, temperature))
    whole = run(lambda h, w: -cross_entropy(linear(h, w) / temperature, wanted, reduction="none"))
    for mine, plain in zip(chunked, whole, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-10, atol=1e-10)


HEAD = (
    PEAK
    + """
import torch
from assay.training import head
torch.set_num_threads(1)
head.CHUNK_ELEMENTS = head.KEPT_ELEMENTS = 1 << 22
hidden = torch.randn(4096, 8).requires_grad_()
weight = torch.randn(49152, 8).requires_grad_()
targets = torch.randint(49152, (4096,))
before = peak()
head.linear_logprobs(hidden, weight, None, targets).sum().backward()
print(peak() - before)
"""
)


@pytest.mark.slow
def test_the_head_holds_a_few_chunks_of_logits():
    whole = 4096 * 49152 * 4 / 2**20  # 768 MB, of which a plain loss holds about three
    assert measured(HEAD) < whole / 4  # chunks of 16 MB


KERNELS = """
import torch
from assay.training.linear import times_transposed
torch.set_num_threads(1)
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
rows, weight = torch.randn(1000, 160), torch.randn(432, 160)
for count in (500, 501):
    times_transposed(rows[:count], weight)
before = resident()
for count in range(600, 1000):
    times_transposed(rows[:count], weight)
print(resident() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_rows_of_many_lengths_leave_few_kernels_behind():
    ours = measured(KERNELS)
    default = measured(KERNELS, ONEDNN_PRIMITIVE_CACHE_CAPACITY="1024", LRU_CACHE_CAPACITY="1024")
    assert ours < default / 3, (ours, default)
