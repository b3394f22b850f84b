"""RSA keys of a test, and users who log in by them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True)
class KeyPair:
    """A private key as PEM text, and its public half as CREATE USER takes it."""

    private: str = field(repr=False)
    public: str

    def lines(self) -> list[str]:
        """The private key's lines: none of them may ever be shown."""
        return [line for line in self.private.splitlines() if not line.startswith("-----")]


@cache
def key_pair(name: str, passphrase: str | None = None) -> KeyPair:
    """A key pair, the same one for the same name; they take long to make."""
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
