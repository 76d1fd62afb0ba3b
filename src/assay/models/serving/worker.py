"""The decode engine in a thread of its own, so that the server answers while a step is computed.

The engine knows one event loop, its thread's; requests come to it from the server's loop, and a request that is
cancelled there is cancelled here, which frees its row.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.models.engine import Sampled
    from assay.models.local import LocalModel

OnToken = Callable[[int, float], bool]


class Worker:
    """A local model that other threads may sample from. `load` is called in the worker's thread."""

    def __init__(self, load: "Callable[[], LocalModel]") -> None:
        self._load = load
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._ready: Future[LocalModel] = Future()
        self.model: LocalModel

    @property
    def alive(self) -> bool:
        """Whether the thread is there."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Load the model; raises what loading raises."""
        self._thread.start()
        self.model = self._ready.result()

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            model = self._load()
        except BaseException as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result(model)
        self._loop.run_forever()

    async def sample(
        self,
        prompt: Sequence[int],
        *,
        most: int,
        stops: frozenset[int],
        temperature: float,
        top_p: float,
        seed: int,
        on_token: OnToken | None = None,
    ) -> "Sampled":
        """Sample as `Engine.sample` does. `on_token` is called in the worker's thread."""
        work = self.model.engine.sample(
            prompt, most=most, stops=stops, temperature=temperature, top_p=top_p, seed=seed, on_token=on_token
        )
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def close(self) -> None:
        """End the thread, once the step that is being computed is done."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=30)
