"""A shell's patterns: where a text matches one, in time that grows with both and no faster."""

from __future__ import annotations

from dataclasses import dataclass

MAX_STEPS = 200_000
"""Characters times tokens of one replacement; more is left to a shell."""


@dataclass(frozen=True, slots=True)
class Token:
    """What one place of a pattern takes."""

    characters: str | None
    """Those that it takes; None for any."""
    is_repeated: bool = False
    is_negated: bool = False

    def takes(self, character: str) -> bool:
        """Return whether it takes a character."""
        return self.characters is None or (character in self.characters) is not self.is_negated


Pattern = tuple[Token, ...]
STAR = Token(None, is_repeated=True)


def literal(text: str) -> Pattern:
    """Return the pattern of a text that is quoted."""
    return tuple(Token(character) for character in text)


def pattern(text: str) -> Pattern | None:
    """Return the pattern of a text that is not quoted; None for a form that only a shell knows."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if text.startswith("(", position) and character in "?*+@!":
            return None
        if character == "*":
            tokens.append(STAR)
        elif character == "?":
            tokens.append(Token(None))
        elif character == "\\":
            return None
        elif character == "[" and (end := text.find("]", position + 1)) >= 0:
            inside = text[position:end]
            position = end + 1
            is_negated = inside[:1] in ("!", "^")
            members = characters_of(inside[is_negated:])
            if members is None:
                return None
            tokens.append(Token(members, is_negated=is_negated))
        else:
            tokens.append(Token(character))
    return tuple(tokens)


def characters_of(inside: str) -> str | None:
    """Return the characters of a bracket; None where they depend on the locale."""
    if "[" in inside or not inside.isascii():
        return None
    found: list[str] = []
    position = 0
    while position < len(inside):
        first = inside[position]
        if inside[position + 1 : position + 2] == "-" and position + 2 < len(inside):
            last = inside[position + 2]
            if not (first + last).isdigit():
                return None
            found += [chr(code) for code in range(ord(first), ord(last) + 1)]
            position += 3
        else:
            found.append(first)
            position += 1
    return "".join(found)


def ends(tokens: Pattern, text: str, start: int = 0) -> list[int]:
    """Return where the matches end that begin at a position, the shortest first."""
    states, found = closed({0}, tokens), []
    for position in range(start, len(text) + 1):
        if len(tokens) in states:
            found.append(position)
        if position == len(text) or not states:
            break
        character = text[position]
        after = set()
        for state in states:
            if state < len(tokens) and tokens[state].takes(character):
                after.add(state if tokens[state].is_repeated else state + 1)
        states = closed(after, tokens)
    return found


def closed(states: set[int], tokens: Pattern) -> set[int]:
    """Return the states with those that a star reaches without a character."""
    found = set(states)
    for state in states:
        place = state
        while place < len(tokens) and tokens[place].is_repeated:
            place += 1
            found.add(place)
    return found


def matches(tokens: Pattern, text: str) -> bool:
    """Return whether a pattern matches the whole text."""
    found = ends(tokens, text)
    return bool(found) and found[-1] == len(text)


def without_prefix(tokens: Pattern, text: str, is_longest: bool) -> str:
    """Return a text without the shortest or longest beginning that matches."""
    found = ends(tokens, text)
    return text[found[-1 if is_longest else 0] :] if found else text


def without_suffix(tokens: Pattern, text: str, is_longest: bool) -> str:
    """Return a text without the shortest or longest end that matches."""
    return without_prefix(tokens[::-1], text[::-1], is_longest)[::-1]


def replaced(tokens: Pattern, text: str, replacement: str, is_every: bool) -> str | None:
    """Return a text with its first match, or every one, replaced by another; None where that takes too long."""
    if len(text) * (len(text) + 1) * (len(tokens) + 1) > MAX_STEPS:
        return None
    if not tokens:
        return text
    parts: list[str] = []
    position = 0
    while position < len(text):
        found = ends(tokens, text, position)
        if found and found[-1] > position:
            parts.append(replacement)
            position = found[-1]
            if not is_every:
                break
        else:
            parts.append(text[position])
            position += 1
    return "".join(parts) + text[position:]
