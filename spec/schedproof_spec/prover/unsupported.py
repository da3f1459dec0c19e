"""What is raised where the prover cannot follow; a rule cannot catch it, because `try` is not on the list."""


class UnsupportedError(TypeError):
    """An operation that has no symbolic meaning, such as using an unknown number as a list length."""


class TextAskedError(UnsupportedError):
    """A symbol is to be put into a text."""
