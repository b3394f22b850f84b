"""A token reader for statements that name account objects, stages and options."""

from __future__ import annotations

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from local.snowflake.emulator.errors import syntax_error, unsupported

_TEXT = {TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING}


class Tokens:
    """The tokens of one statement, read from left to right. Keywords are case-insensitive."""

    def __init__(self, sql: str) -> None:
        try:
            tokens = sqlglot.tokenize(sql, read="snowflake")
        except SqlglotError as error:
            raise syntax_error(str(error)) from None
        self._sql = sql
        self._tokens = [token for token in tokens if token.token_type is not TokenType.SEMICOLON]
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self._tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def word(self, ahead: int = 0) -> str:
        """Return the next token's text in upper case. It is empty at the end, for a quoted name and for text."""
        token = self.peek(ahead)
        if token is None or token.token_type in _TEXT or token.token_type is TokenType.IDENTIFIER:
            return ""
        return token.text.upper()

    def accept(self, *words: str) -> bool:
        """Consume these keywords or symbols if all of them come next. Return whether they did."""
        # sqlglot reads some keywords of several words as one token ("MASKING POLICY" is not, "FILE FORMAT" may be).
        at, wanted = 0, list(words)
        while wanted:
            parts = self.word(at).split()
            if not parts or parts != wanted[: len(parts)]:
                return False
            wanted = wanted[len(parts) :]
            at += 1
        self._at += at
        return True

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.unexpected(f"expected {' '.join(words)}")

    def one_of(self, *words: str) -> str:
        for word in words:
            if self.accept(*word.split()):
                return word
        raise self.unexpected(f"expected one of {', '.join(words)}")

    def emulated(self, statement: str, *words: str) -> str:
        """Consume and return the next token, which must be one of `words`.

        Raises SnowflakeError 000002 for any other.
        """
        for word in words:
            if self.accept(*word.split()):
                return word
        raise unsupported(f"{statement} {self.rest()[:60]}")

    def identifier(self) -> str:
        token = self._take("a name")
        if token.token_type is TokenType.IDENTIFIER:
            return token.text.replace('""', '"')
        if token.token_type in _TEXT or not (token.text[0].isalpha() or token.text[0] == "_"):
            self._at -= 1
            raise self.unexpected("expected a name")
        return token.text.upper()

    def name(self) -> tuple[str, ...]:
        """Return a dotted name of one to three parts."""
        parts = [self.identifier()]
        while self.accept("."):
            parts.append(self.identifier())
        if len(parts) > 3:
            raise syntax_error(f"too many parts in {'.'.join(parts)}")
        return tuple(parts)

    def text(self) -> str:
        token = self._take("a text")
        if token.token_type not in _TEXT:
            self._at -= 1
            raise self.unexpected("expected a text in single quotes")
        return token.text

    def at_text(self) -> bool:
        token = self.peek()
        return token is not None and token.token_type in _TEXT

    def number(self) -> int:
        token = self._take("a number")
        if token.token_type is not TokenType.NUMBER or not token.text.isdigit():
            self._at -= 1
            raise self.unexpected("expected a whole number")
        return int(token.text)

    def value(self) -> str:
        """Return a word, number or text, as the value of an option. Words are in upper case."""
        if self.at_text():
            return self.text()
        token = self._take("a value")
        return token.text if token.token_type is TokenType.IDENTIFIER else token.text.upper()

    def path(self) -> str:
        """Return a path such as `/a/b=1/c.parquet` up to the next blank or bracket, unchanged; empty if there
        is none.
        """
        token = self.peek()
        if token is None or token.text != "/":
            return ""
        start = end = token.start
        while (token := self.peek()) is not None and token.start == end and token.text not in "()":
            self._at += 1
            end = token.end + 1
        return self._sql[start + 1 : end]

    def rest(self) -> str:
        """Return the remaining text unchanged."""
        token = self.peek()
        self._at = len(self._tokens)
        return self._sql[token.start :].rstrip().rstrip(";") if token else ""

    def end(self) -> None:
        if not self.done:
            raise self.unexpected("expected the end")

    def unexpected(self, expected: str) -> Exception:
        token = self.peek()
        return syntax_error(f"unexpected '{token.text if token else '<EOF>'}', {expected}")

    def _take(self, expected: str) -> Token:
        token = self.peek()
        if token is None:
            raise self.unexpected(f"expected {expected}")
        self._at += 1
        return token


def texts(tokens: Tokens) -> list[str]:
    """Parse a list of texts: `('a', 'b')`."""
    tokens.expect("(")
    found: list[str] = []
    while not tokens.accept(")"):
        if found:
            tokens.expect(",")
        found.append(tokens.text())
    return found
