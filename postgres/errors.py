"""Errors of the shop's programs."""


class ShopError(Exception):
    """An error that the caller can correct. The message names the fault, its place, and the remedy.

    The commands report it in one line and exit with code 2. It never holds a password.
    """
