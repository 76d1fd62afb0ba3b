"""Keys: where they come from, and that they go into no pickle, no text and no other process."""

import pickle
import subprocess
import sys

import pytest

from assay.errors import UserError
from assay.models.endpoint import Endpoint
from assay.models.keys import named_key, read_key

KEY = "sk-planted-0123456789"


def test_a_variable_is_read_and_one_that_is_named_must_be_there(monkeypatch):
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert named_key("MY_KEY") == {"key": KEY, "key_from": "MY_KEY"}
    assert named_key(None) == {"key": "", "key_from": "OPENAI_API_KEY"}  # many servers want none
    with pytest.raises(UserError, match="NO_SUCH_KEY: this variable is not set"):
        named_key("NO_SUCH_KEY")


def test_a_keyring_is_read(monkeypatch):
    keyring = pytest.importorskip("keyring", reason="keyring is not installed: pip install 'assay[keyring]'")
    from keyring.backend import KeyringBackend
    from keyring.backends.fail import Keyring as Locked

    class Memory(KeyringBackend):
        priority = 1
        kept = {("assay", "me"): KEY}

        def get_password(self, service, username):
            return self.kept.get((service, username))

        def set_password(self, service, username, password):
            self.kept[service, username] = password

    before = keyring.get_keyring()
    try:
        keyring.set_keyring(Memory())
        assert read_key("keyring:assay/me") == KEY
        with pytest.raises(UserError, match="keyring set assay you"):
            read_key("keyring:assay/you")
        keyring.set_keyring(Locked())
        with pytest.raises(UserError, match="does not open"):
            read_key("keyring:assay/me")
    finally:
        keyring.set_keyring(before)


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UserError, match=r"pip install 'assay\[keyring\]'"):
        read_key("keyring:assay/me")
    for word in ("keyring:", "keyring:assay", "keyring:/me", "keyring:assay/"):
        with pytest.raises(UserError, match="keyring:SERVICE/NAME"):
            read_key(word)


def test_a_pickled_endpoint_carries_the_name_of_its_key_and_not_the_key(monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    endpoint = Endpoint.parse("openai:http://host:1/v1#m", **named_key("MY_KEY"), price=(1.0, 2.0))
    sent = pickle.dumps(endpoint)
    assert KEY.encode() not in sent
    assert pickle.loads(sent) == endpoint
    program = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).key == sys.argv[1])"
    words = [sys.executable, "-c", program, KEY]
    assert subprocess.run(words, input=sent, capture_output=True, check=True).stdout == b"True\n"
    monkeypatch.setenv("MY_KEY", "another")  # as on a machine with a key of its own
    assert pickle.loads(sent).key == "another"
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(UserError, match=r"the key of http://host:1/v1 is not on .*: set MY_KEY"):
        pickle.loads(sent)
    with pytest.raises(UserError, match="key_from"):
        pickle.dumps(Endpoint.parse("openai:http://host:1/v1#m", key=KEY))
    without = Endpoint.parse("openai:http://host:1/v1#m", **named_key(None))
    assert pickle.loads(pickle.dumps(without)) == without


def test_what_lets_somebody_in_is_hidden_wherever_it_stands():
    url = "openai:https://me:pass-word@host/v1?api-version=2024&api_key=query-secret#m"
    endpoint = Endpoint.parse(url, key=KEY, proxy="http://you:other-word@proxy:1")
    said = f"{KEY} pass-word query-secret other-word bWU6cGFzcy13b3Jk 2024 me"
    assert endpoint.hidden(said) == "*** *** *** *** *** 2024 me"
    assert "word" not in repr(endpoint)
    assert KEY not in repr(endpoint) + str(endpoint.described)
    assert Endpoint.parse("openai:http://h#m", key="ab").hidden("ab grab") == "ab grab"  # no key, but a word
