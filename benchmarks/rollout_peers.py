"""What assay's rollouts are measured against: Inspect AI and verifiers, each with a scripted model and its own loop.

Each runs in its own process, in a virtual environment of the peers, through its public interface at its defaults,
without isolation (`local`, `subprocess`): every command is a `true` of ours. A peer says "ready" after one rollout that
warms it; then it is told how many to run, and only these are measured.
"""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from assay.errors import MachineryError, UserError

INSTALL = "uv venv --python 3.11 {0} && uv pip install --python {0}/bin/python inspect-ai==0.3.285 verifiers==0.4.0"

# basic_agent's loop with the bash tool in the local sandbox; the model is Inspect's own mock.
_INSPECT = """
import json, sys, tempfile
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.solver import basic_agent
from inspect_ai.tool import bash

turns = int(sys.argv[1])

def says(messages, tools, choice, config):
    more = sum(message.role == "assistant" for message in messages) < turns
    call = ("bash", {"cmd": "true"}) if more else ("submit", {"answer": "done"})
    output = ModelOutput.for_tool_call("mockllm/model", *call)
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # else it counts, with a download
    return output

def rollouts(count):
    samples = [Sample(input="Do it.", target="done") for _ in range(count)]
    task = Task(dataset=samples, solver=basic_agent(tools=[bash(timeout=30)]), sandbox="local")
    with tempfile.TemporaryDirectory() as logs:
        model = get_model("mockllm/model", custom_outputs=says)
        (log,) = eval(task, model=model, display="none", log_dir=logs, max_samples=1)
        assert log.status == "success", log.error
        return [sum(m.role == "tool" and m.function == "bash" for m in sample.messages) for sample in log.samples]
"""

# The bash harness in the subprocess runtime, asked through verifiers' own interception of an endpoint of ours.
_VERIFIERS = """
import asyncio, http.server, json, sys, threading
import verifiers.v1 as vf
from verifiers.v1.harnesses.bash import BashHarnessConfig

turns = int(sys.argv[1])

class Says(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(b'{"object": "list", "data": [{"id": "scripted", "object": "model"}]}', "application/json")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        turn = sum(message["role"] == "assistant" for message in asked["messages"])
        said = {"role": "assistant", "content": "done"}
        if turn < turns:
            call = {"name": "bash", "arguments": json.dumps({"command": "true"})}
            calls = [{"index": 0, "id": f"call{turn}", "type": "function", "function": call}]
            said = {"role": "assistant", "content": None, "tool_calls": calls}
        stop = "tool_calls" if turn < turns else "stop"
        head = {"id": "x", "created": 1, "model": "scripted"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        if not asked.get("stream"):
            choices = [{"index": 0, "message": said, "finish_reason": stop}]
            body = {**head, "object": "chat.completion", "choices": choices, "usage": usage}
            return self.answer(json.dumps(body).encode(), "application/json")
        kind = {**head, "object": "chat.completion.chunk"}
        events = [
            {**kind, "choices": [{"index": 0, "delta": said, "finish_reason": None}]},
            {**kind, "choices": [{"index": 0, "delta": {}, "finish_reason": stop}]},
            {**kind, "choices": [], "usage": usage},
        ]
        body = b"".join(b"data: " + json.dumps(event).encode() + b"\\n\\n" for event in events)
        self.answer(body + b"data: [DONE]\\n\\n", "text/event-stream")

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Says)
threading.Thread(target=server.serve_forever, daemon=True).start()
config = vf.AgentConfig(
    harness=BashHarnessConfig(id="bash", edit=False, compaction=None),
    runtime=vf.SubprocessConfig(),
    model="scripted",
    client=vf.EvalClientConfig(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key_var="NO_SUCH_KEY"),
    sampling=vf.types.SamplingConfig(),
)

async def several(count):
    found = []
    async with vf.make_agent(config) as agent:
        for number in range(count):
            trace = await agent.run(vf.Task(vf.TaskData(idx=number, prompt="Do it."), vf.TaskConfig()))
            assert trace.ok, trace
            found.append(sum(node.message.role == "tool" for node in trace.nodes))
    return found

def rollouts(count):
    return asyncio.run(several(count))
"""

_LOOP = """
assert rollouts(1) == [turns]
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(rollouts(int(line))), flush=True)
"""
PEERS = {"Inspect AI 0.3.285": _INSPECT, "verifiers 0.4.0": _VERIFIERS}


class Peer:
    """One peer's process, warmed. Raises UserError, with the command that makes it, where it is not installed."""

    def __init__(self, folder: Path, name: str, turns: int) -> None:
        python = folder / "bin" / "python"
        if not python.exists():
            raise UserError(f"the peers are not installed in {folder}; run: {INSTALL.format(folder)}")
        self.name = name
        self.turns = turns
        self._process = subprocess.Popen(
            [str(python), "-c", PEERS[name] + _LOOP, str(turns)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Peer":
        self._hear("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def rollouts(self, count: int) -> None:
        """Run so many, and see that each ran every command."""
        assert self._process.stdin is not None
        print(count, file=self._process.stdin, flush=True)
        if (ran := json.loads(self._hear())) != [self.turns] * count:
            raise MachineryError(f"{self.name} ran {ran} commands in place of {self.turns} in each rollout")

    def _hear(self, wanted: str = "") -> Any:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for line in self._process.stdout:
            if line.startswith(wanted or "["):
                return line
        raise MachineryError(f"{self.name} ended: {self._process.stderr.read()[-2000:]}")
