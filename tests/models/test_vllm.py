"""vLLM itself, in its own process and environment: our agent, the token ids and the log-probabilities against it.

It needs an environment with vLLM, whose recipe is in docs/models.md, and SmolLM2 (`assay models fetch smollm2`). A
server that runs already as the recipe says is taken from ASSAY_VLLM_URL: to start one takes a minute of both cores.
"""

import asyncio
import os
import socket
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import torch

from assay.agents import ShellAgent
from assay.agents.shell import ShellConfig
from assay.models.chosen import open_model
from assay.models.fetch import default_place
from assay.models.formats import load_format
from assay.models.weights import load_model, use_one_thread
from assay.nouns import Exit, Finish, Message, Role
from assay.sandbox import open_sandbox
from assay.tasks.chosen import chosen

PYTHON = Path(os.environ.get("ASSAY_VLLM_PYTHON", Path.home() / ".cache/assay-bench/vllm/bin/python"))
MODEL = Path(os.environ.get("ASSAY_SMOLLM2", default_place("smollm2")))
CONTEXT = 2048
TEMPERATURE = 0.7
START_S = 600.0
AGENT = ShellConfig(
    system="You mend a bug by shell commands. Reply with one fenced bash block, such as\n```bash\ncat mod.py\n```"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"no vLLM: {PYTHON} is not there (docs/models.md has the recipe)"),
    pytest.mark.skipif(not (MODEL / "config.json").exists(), reason="no SmolLM2: run `assay models fetch smollm2`"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Start vLLM as docs/models.md says, with log-probabilities of the distribution that is sampled from."""
    if running := os.environ.get("ASSAY_VLLM_URL"):
        yield running
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("vllm") / "log"
    words = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", MODEL, "--served-model-name", "smollm2"]
    words += ["--host", "127.0.0.1", "--port", port, "--dtype", "float32", "--max-model-len", CONTEXT]
    words += ["--logprobs-mode", "processed_logprobs", "--generation-config", "vllm", "--enforce-eager"]
    env = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as said:
        process = subprocess.Popen([*map(str, words)], stdout=said, stderr=said, env=env, start_new_session=True)
    try:
        until = time.monotonic() + START_S
        while not _healthy(port):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < until, log.read_text()[-3000:]
            time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def form():
    return load_format(MODEL)


@pytest.fixture(scope="module")
def transformer():
    use_one_thread(0)
    return load_model(MODEL).eval()


def exact(transformer, prompt, ids) -> list[float]:
    """Return the log-probabilities of the ids by one plain forward pass over the whole."""
    with torch.inference_mode():
        logits = transformer(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1].double()
    found = torch.log_softmax(logits / TEMPERATURE, dim=-1)
    return found[range(len(ids)), list(ids)].tolist()


def model(url, kind, **options):
    given = {"temperature": TEMPERATURE, "max_tokens": 48, "check": True} | options
    return open_model(f"{kind}:{url}#smollm2", tokenizer=MODEL, **given)


@pytest.mark.parametrize("kind", ["completions", "openai"])
@pytest.mark.parametrize("stream", [False, True])
def test_ids_and_log_probabilities_are_those_of_the_weights(url, form, transformer, kind, stream):
    asked = [Message(role=Role.USER, content="Name the capital of France, in one word.")]

    async def inside():
        async with model(url, kind, stream=stream) as smollm2:
            return await smollm2.reply(asked, seed=5), await smollm2.reply(asked, seed=5)

    reply, again = asyncio.run(inside())
    assert reply.token_ids == again.token_ids
    assert reply.sampled_tokens == len(reply.token_ids) == len(reply.logprobs)
    assert reply.text == form.decode(reply.token_ids)
    assert (reply.token_ids[-1] in form.stops) == (reply.finish is Finish.STOP)
    prompt = form.prompt(asked)
    assert reply.prompt_tokens == len(prompt)
    assert list(reply.logprobs) == pytest.approx(exact(transformer, prompt, reply.token_ids), abs=5e-4)


def test_the_servers_own_rendering_is_ours(url, form):
    turns = [("system", "Be brief."), ("user", "grün \U0001f600?")]
    messages = [{"role": role, "content": content} for role, content in turns]
    body = {"model": "smollm2", "messages": messages, "max_tokens": 1, "return_token_ids": True}
    answer = httpx.post(f"{url}/chat/completions", json=body, timeout=120).json()
    ours = form.prompt([Message(role=Role(role), content=content) for role, content in turns])
    assert answer["prompt_token_ids"] == ours


def test_the_agent_works_against_it_and_every_turn_reads_the_ids_that_were_sampled(url, form, transformer):
    (task,) = chosen("drills", split="train", count=1, seed=0, options={}).tasks
    task = task.model_copy(update={"limits": task.limits.model_copy(update={"steps": 4})})

    async def inside():
        async with model(url, "completions") as smollm2, open_sandbox(task.files) as sandbox:
            return await ShellAgent(AGENT.model_copy(update={"format_errors": 4})).run(task, smollm2, sandbox, seed=1)

    trajectory = asyncio.run(inside())
    assert trajectory.exit is not Exit.MACHINERY, trajectory.error
    assert len(trajectory.steps) >= 2
    conversation = list(trajectory.prompt)
    prompts = []
    for step in trajectory.steps:
        reply = step.reply
        prompts.append(form.prompt(conversation))
        assert reply.prompt_tokens == len(prompts[-1])
        assert list(reply.logprobs) == pytest.approx(exact(transformer, prompts[-1], reply.token_ids), abs=5e-4)
        conversation.append(Message(role=Role.ASSISTANT, content=reply.text, token_ids=reply.token_ids))
        conversation.append(Message(role=Role.USER, content=step.observation))
    for before, after, step in zip(prompts, prompts[1:], trajectory.steps, strict=False):
        assert after[: len(before) + len(step.reply.token_ids)] == [*before, *step.reply.token_ids]
    assert all(len(before) < len(after) for before, after in pairwise(prompts))


def test_a_conversation_that_outgrows_the_context_ends_as_such(url):
    long = [Message(role=Role.USER, content="word " * 3 * CONTEXT)]

    async def inside(kind):
        async with model(url, kind) as smollm2:
            return await smollm2.reply(long, seed=0)

    assert asyncio.run(inside("completions")).finish is Finish.CONTEXT
    assert asyncio.run(inside("openai")).finish is Finish.CONTEXT
