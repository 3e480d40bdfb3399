"""The filter language of get_all_records_where, over rows as the database keeps them.

Grammar: `field "name"` and `"literal"` are values; `value = value`, `true`, `false`, `not e`, `e and e`,
`e or e` and `( e )` are expressions. `and` and `or` bind alike, from the left; `not` takes all that follows.
Field names are those of the database, as in name__label. Source: xapi 6.0.2, module Db_filter.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from simulator.call import XapiError

Text = Mapping[str, str]
"""A row with its values as the database's text."""
Expression = Callable[[Text], bool]
Value = Callable[[Text], str]

_TOKEN: Final = re.compile(r'[ \t\n]*(=|true|false|\(|\)|field|and|or|not|"[^"]*")')


def parse(text: str) -> Expression:
    """Read a query; raise INTERNAL_ERROR if it is not of the grammar."""
    parser = _Parser(_tokens(text))
    expression = parser.expression()
    if parser.next():
        raise _syntax_error()
    return expression


def _tokens(text: str) -> list[str]:
    tokens, position, end = [], 0, len(text.rstrip(" \t\n"))
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            raise XapiError("INTERNAL_ERROR", 'Failure("lexing: empty token")')
        tokens.append(found[1])
        position = found.end()
    return tokens


def _syntax_error() -> XapiError:
    return XapiError("INTERNAL_ERROR", "Parsing.Parse_error")


@dataclass
class _Parser:
    """Recursive descent over the tokens that are left."""

    tokens: list[str]

    def next(self) -> str:
        return self.tokens.pop(0) if self.tokens else ""

    def expression(self) -> Expression:
        left = self._term()
        while self.tokens and self.tokens[0] in ("and", "or"):
            left = _joined(self.next(), left, self._term())
        return left

    def _term(self) -> Expression:
        match self.next():
            case "true":
                return lambda _: True
            case "false":
                return lambda _: False
            case "not":
                inner = self.expression()
                return lambda row: not inner(row)
            case "(":
                inner = self.expression()
                self._expect(")")
                return inner
            case first:
                return self._comparison(first)

    def _comparison(self, token: str) -> Expression:
        left = self._value(token)
        self._expect("=")
        right = self._value(self.next())
        return lambda row: left(row) == right(row)

    def _value(self, token: str) -> Value:
        if token == "field":  # noqa: S105  # a word of the grammar
            name = self._literal(self.next())
            return lambda row: _field(row, name)
        literal = self._literal(token)
        return lambda _: literal

    def _literal(self, token: str) -> str:
        if not token.startswith('"'):
            raise _syntax_error()
        return token[1:-1]

    def _expect(self, token: str) -> None:
        if self.next() != token:
            raise _syntax_error()


def _joined(operator: str, left: Expression, right: Expression) -> Expression:
    if operator == "and":
        return lambda row: left(row) and right(row)
    return lambda row: left(row) or right(row)


def _field(row: Text, name: str) -> str:
    try:
        return row[name]
    except KeyError:
        raise XapiError("INTERNAL_ERROR", "missing field", name, "") from None
