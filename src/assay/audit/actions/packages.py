"""Packages: the programs that install or fetch, and what they are told to bring."""

from collections.abc import Iterator

from assay.audit.actions.kinds import Event
from assay.audit.actions.words import Command

CLIENTS = {
    "huggingface-cli": {"download", "scan-cache"}, "hf": {"download"}, "kaggle": {"download", "datasets"},
    "aws": {"s3", "s3api", "secretsmanager", "ssm"}, "gsutil": {"cp", "cat", "ls", "rsync"}, "dvc": {"get", "pull"},
    "gcloud": {"storage", "secrets"}, "az": {"storage", "keyvault"}, "skopeo": {"copy"}, "oras": {"pull"},
    "docker": {"pull", "cp", "save", "create", "export"}, "podman": {"pull", "cp", "save"}, "svn": {"co", "checkout"},
    "rclone": {"copy", "cat", "sync"}, "gem": {"fetch", "unpack", "install"}, "go": {"get", "mod"}, "hg": {"clone"},
    "cargo": {"download", "vendor", "add", "install"}, "npm": {"pack", "view", "info"}, "npx": {"degit", "tiged"},
    "mc": {"cp", "cat"}, "vault": {"read", "kv"}, "dig": {"TXT"}, "ollama": {"run", "pull"}, "llm": {"-m", "prompt"},
}  # fmt: skip
INSTALLERS = {"pip", "pip3", "uv", "conda", "mamba", "poetry", "pipx", "npm", "apt", "apt-get", "brew", "easy_install"}


def installs(command: Command) -> Iterator[Event]:
    """Yield the packages that a command installs, or fetches to run."""
    words = [word for word in command.words[1:] if word not in ("pip", "tool")]
    verb = next((word for word in words if not word.startswith("-")), "")
    for place, word in enumerate(words[:-1]):
        if word in ("--with", "--from", "--spec", "--with-requirements") and verb != "install":
            yield Event("install", command.line, path=words[place + 1], via=f"{command.name} run", words=command.words)
    if verb not in ("install", "download", "add", "wheel", "source", "index", "i", "show"):
        return
    skip = False
    for word in words[words.index(verb) + 1 :]:
        if skip or word.startswith("-"):
            skip = not skip and word in ("-r", "-c", "-t", "-d", "--target", "--dest", "-i", "--index-url", "--python")
            continue
        yield Event("install", command.line, path=word, via=f"{command.name} {verb}", words=command.words)
