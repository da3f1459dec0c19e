"""What a name stands for, in the middle of a function."""

from __future__ import annotations

import ast

from schedproof_spec.prover.subset.scopes import Scope


class Names:
    """The functions and comprehensions around the place that is read, from the outermost in."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.own_object: str | None = None
        """The first parameter, where it always is the object that the method was asked of."""

    def scope_with(self, name: str) -> Scope | None:
        """Return the innermost function that binds a name; None for a name from outside."""
        return next((scope for scope in reversed(self.scopes) if name in scope.bound), None)

    def is_own_object(self, name: str) -> bool:
        """Return whether a name is the object of the method that is read."""
        return name == self.own_object and self.scope_with(name) is self.scopes[0]

    def is_own_list(self, node: ast.expr) -> bool:
        """Return whether an expression is a list that the function itself has made."""
        if not isinstance(node, ast.Name):
            return False
        scope = self.scope_with(node.id)
        return scope is not None and node.id in scope.lists

    def is_from_outside(self, node: ast.expr) -> bool:
        """Return whether an expression is a name from outside the function, or of its object."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and (self.scope_with(node.id) is None or self.is_own_object(node.id))

    def is_of_own_object(self, node: ast.expr) -> bool:
        """Return whether an expression is an attribute of the method's object."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and self.is_own_object(node.id)
