"""Errors of the shop's programs."""


class ShopError(Exception):
    """Something the caller can put right: the message says what is wrong, where, and what to do.

    The commands report it in one line and exit with code 2. It never holds a password.
    """
