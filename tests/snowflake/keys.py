"""RSA keys of a test, and users who log in with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True)
class KeyPair:
    """A private key as PEM text, and its public half in the form of CREATE USER."""

    private: str = field(repr=False)
    public: str

    def lines(self) -> list[str]:
        """Return the private key's lines, none of which may ever be shown."""
        return [line for line in self.private.splitlines() if not line.startswith("-----")]


@cache
def key_pair(name: str, passphrase: str | None = None) -> KeyPair:
    """Return a key pair, the same for the same name, because making one takes long."""
    key = _key(name)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = "".join(line for line in public.decode().splitlines() if not line.startswith("-----"))
    return KeyPair(private.decode(), body)


@cache
def _key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
