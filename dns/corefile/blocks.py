"""Words to server blocks. What the directives mean is for the handlers to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from dns.corefile.tokens import CorefileError, Token, tokenize

MAX_IMPORT_DEPTH = 16


class Line(msgspec.Struct, frozen=True):
    """A directive or one of its options: its word, the words behind it, and the lines in its braces."""

    name: Token
    args: tuple[Token, ...] = ()
    body: tuple[Line, ...] = ()
    has_body: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(token.text for token in self.args)

    def error(self, message: str) -> CorefileError:
        return CorefileError(message, self.name)


class Block(msgspec.Struct, frozen=True):
    keys: tuple[Token, ...]
    lines: tuple[Line, ...]


# The texts of the files that an `import` pattern names, by path.
Importer = Callable[[str, Token], Sequence[tuple[str, str]]]


def no_imports(pattern: str, token: Token) -> Sequence[tuple[str, str]]:
    raise CorefileError(f"import {pattern}: there is no such snippet or file", token)


def parse_blocks(
    text: str, *, file: str = "Corefile", environment: Mapping[str, str], importer: Importer = no_imports
) -> tuple[Block, ...]:
    """All server blocks in order. Raises CorefileError with line and column."""
    return _Parser(tokenize(text, file, environment), environment, importer).blocks()


class _Parser:
    def __init__(self, tokens: list[Token], environment: Mapping[str, str], importer: Importer) -> None:
        self._tokens = tokens
        self._index = 0
        self._environment = environment
        self._importer = importer
        self._snippets: dict[str, list[Token]] = {}
        self._imports = 0

    def blocks(self) -> tuple[Block, ...]:
        found: list[Block] = []
        while self._index < len(self._tokens):
            keys, braced = self._keys()
            if not keys:
                continue
            if len(keys) == 1 and keys[0].text.startswith("(") and keys[0].text.endswith(")") and braced:
                self._snippets[keys[0].text[1:-1]] = self._raw_block(keys[0])
                continue
            lines = self._lines(keys[0], braced=braced)
            found.append(Block(tuple(keys), tuple(lines)))
        return tuple(found)

    def _peek(self) -> Token | None:
        return self._tokens[self._index] if self._index < len(self._tokens) else None

    def _keys(self) -> tuple[list[Token], bool]:
        """Zones up to an opening brace, or up to a line end that no comma carries over."""
        keys: list[Token] = []
        carried = False
        while (token := self._peek()) is not None:
            if token.is_brace("{"):
                if not keys:
                    raise CorefileError("a block without a zone in front: write `. {` for all names", token)
                self._index += 1
                return keys, True
            if token.is_brace("}"):
                raise CorefileError("this } closes nothing", token)
            if keys and token.line != keys[-1].line and not carried:
                return keys, False
            self._index += 1
            if token.text == "import" and not token.quoted and not keys:
                self._import(token)
                continue
            carried = token.text.endswith(",")
            text = token.text.removesuffix(",")
            if text.endswith("{") and len(text) > 1 and not token.quoted:
                raise CorefileError("put a space in front of the {", token)
            if text:
                keys.append(Token(text, token.line, token.column, token.file, token.quoted))
        return keys, False

    def _raw_block(self, opened: Token) -> list[Token]:
        """The words of a snippet, up to its closing brace."""
        depth, start = 1, self._index
        while (token := self._peek()) is not None:
            self._index += 1
            depth += token.is_brace("{") - token.is_brace("}")
            if not depth:
                return self._tokens[start : self._index - 1]
        raise CorefileError("this block is never closed: add a }", opened)

    def _lines(self, opened: Token, *, braced: bool) -> list[Line]:
        lines: list[Line] = []
        while (token := self._peek()) is not None:
            if token.is_brace("}"):
                if not braced:
                    raise CorefileError("this } closes nothing", token)
                self._index += 1
                return lines
            if token.is_brace("{"):
                raise CorefileError("a { must stand at the end of a directive's line", token)
            self._index += 1
            if token.text == "import" and not token.quoted:
                self._import(token)
                continue
            lines.append(self._line(token))
        if braced:
            raise CorefileError("this block is never closed: add a }", opened)
        return lines

    def _line(self, name: Token) -> Line:
        args: list[Token] = []
        while (token := self._peek()) is not None:
            if token.line != name.line or token.file != name.file or token.is_brace("}"):
                break
            self._index += 1
            if token.is_brace("{"):
                return Line(name, tuple(args), tuple(self._lines(name, braced=True)), has_body=True)
            args.append(token)
        return Line(name, tuple(args))

    def _import(self, word: Token) -> None:
        """Put the words of a snippet or of files in place of the import line."""
        token = self._peek()
        if token is None or token.line != word.line:
            raise CorefileError("import needs the name of a snippet or a file", word)
        self._index += 1
        self._imports += 1
        if self._imports > MAX_IMPORT_DEPTH * MAX_IMPORT_DEPTH:
            raise CorefileError("too many imports: does a file import itself?", word)
        if token.text in self._snippets:
            # Each use is a file of its own, so that its last line does not run into what follows.
            file = f"{token.file}:{token.line}({token.text})"
            words = [
                Token(t.text, t.line, t.column, t.file if t.file != token.file else file, t.quoted)
                for t in self._snippets[token.text]
            ]
        else:
            words = []
            for path, text in self._importer(token.text, token):
                words += tokenize(text, path, self._environment)
        self._tokens[self._index : self._index] = words
