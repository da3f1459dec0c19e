"""Which local names surely have a value where a kernel reads them, and which of them a loop may change."""

from __future__ import annotations

import ast
from types import FunctionType

from schedproof_spec.gpu.reader import stored_names
from schedproof_spec.gpu.refusal import refuse

Names = frozenset[str] | None
"""Names that surely have a value; None where nothing gets to."""


def common(first: Names, second: Names) -> Names:
    """Return the names that have a value whichever way was taken."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


class Bindings:
    """Follows one function. A loop may run not at all, and its variable has no value behind it."""

    def __init__(self, function: FunctionType, definition: ast.FunctionDef) -> None:
        self.function = function
        self.carried: dict[ast.For, list[str]] = {}
        """Of each loop, the names that have a value before it and that it may change."""
        self.names = {argument.arg for argument in definition.args.args}
        self.locals = self.names | set(stored_names(definition))
        self.loop_variables = loop_variables(definition)
        end = self.block(definition.body, frozenset(self.names))
        returns = [each for each in ast.walk(definition) if isinstance(each, ast.Return)]
        bare = [each for each in returns if each.value is None]
        if len(bare) < len(returns) and (bare or end is not None):
            place = bare[0] if bare else definition.body[-1]
            refuse(
                function, place, "an end without a value, where others return one,", "return a value on every way"
            )

    def block(self, statements: list[ast.stmt], names: Names) -> Names:
        """Follow several statements; return what has a value behind them."""
        for statement in statements:
            names = self.statement(statement, names)
        return names

    def statement(self, node: ast.stmt, names: Names) -> Names:
        """Follow one statement."""
        match node:
            case ast.If():
                self.reads(node.test, names)
                return common(self.block(node.body, names), self.block(node.orelse, names))
            case ast.For():
                return self.loop(node, names)
            case ast.Return():
                self.reads(node, names)
                return None
            case ast.AugAssign(target=ast.Name(id=name)):
                self.reads(node.value, names)
                self.known(node.target, name, names)
                return names
        self.reads(node, names)
        return None if names is None else names | frozenset(stored_names(node))

    def loop(self, node: ast.For, names: Names) -> Names:
        """Follow a loop, whose body begins with what has a value both before it and at its own end."""
        self.reads(node.iter, names)
        if names is None:
            return None
        assert isinstance(node.target, ast.Name)
        stored = {name for part in node.body for name in stored_names(part)}
        before = names - loop_variables(node)
        self.carried[node] = sorted(stored & before)
        self.block(node.body, before | {node.target.id})
        return before

    def reads(self, node: ast.AST, names: Names) -> None:
        """Refuse the names in a part of the source that may have no value."""
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
                self.known(each, each.id, names)

    def known(self, node: ast.AST, name: str, names: Names) -> None:
        """Refuse a name that may have no value."""
        if names is None or name not in self.locals or name in names:
            return
        if name in self.loop_variables:
            instead = "keep what you need of it in a name that is assigned before the loop"
            refuse(self.function, node, f"the loop's variable `{name}` behind its loop", instead)
        refuse(
            self.function, node, f"`{name}`, which may have no value here,", "assign it on every way that gets here"
        )


def loop_variables(node: ast.AST) -> set[str]:
    """Return the variables of all loops in a part of the source."""
    loops = [each for each in ast.walk(node) if isinstance(each, ast.For)]
    return {loop.target.id for loop in loops if isinstance(loop.target, ast.Name)}
