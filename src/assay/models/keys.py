"""Where an API key comes from: a variable of the environment, or a keyring. What is kept and sent is the name of it.

VARIABLE                the value of an environment variable
keyring:SERVICE/NAME    what the system's keyring holds for NAME at SERVICE; needs the package keyring
"""

import os

from assay.errors import UserError

USUAL = "OPENAI_API_KEY"  # the variable that is looked at where nothing is said
_KEYRING = "keyring:"


def read_key(name: str) -> str:
    """Return the key that `name` names, empty where no such variable is set. Raises UserError for a keyring's."""
    if not name.startswith(_KEYRING):
        return os.environ.get(name, "").strip()
    service, slash, user = name.removeprefix(_KEYRING).rpartition("/")
    if not (service and slash and user):
        raise UserError(f"{name} names no key: write keyring:SERVICE/NAME")
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError as error:
        raise UserError(f"{name} needs the package keyring: pip install 'assay[keyring]'") from error
    try:
        found = keyring.get_password(service, user)
    except KeyringError as error:
        raise UserError(f"{name}: the keyring does not open ({error}): unlock it, or name a variable") from error
    if not found:
        raise UserError(f"{name}: the keyring holds no such key: store it with `keyring set {service} {user}`")
    return found.strip()


def named_key(name: str | None) -> dict[str, str]:
    """Return what an endpoint is told of its key: the key itself, and where another process finds it.

    None is the usual variable, which may be unset. Raises UserError where a name is given and nothing is there.
    """
    key = read_key(name or USUAL)
    if name and not key:
        raise UserError(f"--key-from {name}: this variable is not set: set it, or name another")
    return {"key": key, "key_from": name or USUAL}
