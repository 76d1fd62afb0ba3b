"""Shared by the sandbox's tests: one command in a fresh sandbox, synchronously."""

import asyncio

import pytest

from assay.sandbox import CommandResult, open_sandbox


@pytest.fixture
def shell():
    """Run one command in a fresh sandbox: shell(command, files={}, timeout_s=20, **limits)."""

    def call(command: str, files=None, *, timeout_s: float = 20, stdin: bytes = b"", **limits) -> CommandResult:
        async def inside() -> CommandResult:
            async with open_sandbox(files or {}, **limits) as sandbox:
                return await sandbox.run(command, timeout_s=timeout_s, stdin=stdin)

        return asyncio.run(inside())

    return call
