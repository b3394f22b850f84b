"""RSA keys of users, and the tokens that they sign."""

from __future__ import annotations

import base64
import hashlib

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from local.snowflake.emulator.account.objects import User
from local.snowflake.emulator.errors import SnowflakeError

ACCOUNT = "EMULATED"
"""The account's name, which a token must name."""
CLOCK_SKEW_SECONDS = 60


def check_public_key(text: str) -> str:
    """Check a public key in the form that ALTER USER takes, and return it: base64 of its DER form, without the PEM's
    frame.
    """
    try:
        _public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        raise SnowflakeError(
            2, "42601", "New public key rejected by current policy. Reason: 'Invalid public key'."
        ) from None
    return "".join(text.split())


def fingerprint(text: str) -> str:
    """Return the key's fingerprint as DESCRIBE USER shows it: `SHA256:` and the base64 of its hash."""
    digest = hashlib.sha256(base64.b64decode(text)).digest()
    return f"SHA256:{base64.b64encode(digest).decode()}"


class TokenRefused(Exception):
    """A login token was refused. `reason` is the text that SYSTEM$GET_LOGIN_FAILURE_DETAILS returns."""

    def __init__(self, reason: str = "JWT_TOKEN_INVALID") -> None:
        super().__init__(reason)
        self.reason = reason


def verify_token(token: str, user: User | None) -> None:
    """Raise TokenRefused unless one of the user's keys has recently signed the token for this account and user."""
    if user is None:
        raise TokenRefused("JWT_TOKEN_INVALID_USER_IN_ISSUER")
    if _claimed_account(token) not in (None, ACCOUNT):
        raise TokenRefused("JWT_TOKEN_ACCOUNT_MISMATCH")
    subject = f"{ACCOUNT}.{user.name}".upper()
    for text in user.public_keys.values():
        try:
            claims = jwt.decode(
                token, _public_key(text), algorithms=["RS256"], leeway=CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "iat", "iss", "sub"]},
            )  # fmt: skip
        except jwt.PyJWTError:
            continue
        if claims["sub"].upper() == subject and claims["iss"] in (
            f"{subject}.{fingerprint(text)}",
            f"{claims['sub']}.{fingerprint(text)}",
        ):
            return
    raise TokenRefused


def _claimed_account(token: str) -> str | None:
    """Return the account that a token names, before any of the token is checked."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    return str(claims.get("sub", "")).partition(".")[0].upper() or None


def _public_key(text: str) -> RSAPublicKey:
    key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ValueError("no RSA key of at least 2048 bits")
    return key
