"""What the annotations of some sources declare: types of attributes, of constants, of what functions return.

A type is the text of its annotation. Names are taken as they stand: where two sources declare one name, the later
source counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from proofs.mutation.expressions import bound_by, type_of

Types = dict[str, str]
"""Types by name, in the order of their declaration."""

ENUMS = ("Enum", "IntEnum", "StrEnum")


@dataclass(frozen=True, slots=True)
class Declared:
    """What some sources declare."""

    attributes: dict[str, Types] = field(default_factory=dict)
    """Fields and properties by class; members by ``type[...]`` of an enum."""
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What `replace` takes for a class: its attributes without its properties."""
    methods: dict[str, Types] = field(default_factory=dict)
    """What methods return, by class."""
    functions: Types = field(default_factory=dict)
    """What functions return."""
    constants: Types = field(default_factory=dict)
    unions: Types = field(default_factory=dict)
    """Names for one class or another."""

    @classmethod
    def read(cls, sources: Iterable[str]) -> Declared:
        """Read all sources, and then what follows from all of them."""
        declared = cls()
        bodies = [ast.parse(source).body for source in sources]
        for body in bodies:
            declared.read_annotations(body)
        for body in bodies:
            declared.infer(body)
        return declared

    def read_annotations(self, body: list[ast.stmt]) -> None:
        """Note what a module's annotations say."""
        for node in body:
            if isinstance(node, ast.ClassDef):
                self.fields[node.name] = tuple(name for name, _ in fields_of(node))
                self.attributes[node.name] = dict(fields_of(node)) | dict(properties_of(node))
                self.attributes[f"type[{node.name}]"] = dict.fromkeys(members_of(node), node.name)
                self.methods[node.name] = dict(returned_by(node.body))
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
                self.unions.update(dict.fromkeys(names_in(node.targets), ast.unparse(node.value)))
        self.functions.update(returned_by(body))

    def infer(self, body: list[ast.stmt]) -> None:
        """Note what no annotation says: the constants of a module, and what ``__init__`` gives to ``self``."""
        for node in body:
            self.constants.update((name, type_) for name, type_ in bound_by(node, {}, self) if type_ is not None)
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    self.attributes[node.name].update(self.own_attributes(method, node.name))

    def own_attributes(self, method: ast.FunctionDef, owner: str) -> Iterator[tuple[str, str]]:
        """Yield the attributes that a method gives to ``self``, with their types."""
        scope = {"self": owner} | dict(parameters(method))
        for node in method.body:
            if isinstance(node, ast.Assign):
                target, type_ = node.targets[0], type_of(node.value, scope, self)
            elif isinstance(node, ast.AnnAssign):
                target, type_ = node.target, text(node.annotation)
            else:
                continue
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self" and type_ is not None:
                yield target.attr, type_

    def attributes_of(self, type_: str | None) -> Types:
        """Return the attributes of a type with their types; of a union, those that all of its classes have."""
        found = [self.attributes.get(name, {}) for name in self.classes_in(type_) if name != "None"]
        if not found:
            return {}
        return {name: kind for name, kind in found[0].items() if all(each.get(name) == kind for each in found)}

    def classes_in(self, type_: str | None) -> Iterator[str]:
        """Yield the classes that a union has, or the class that the type is."""
        if type_ is None:
            return
        node = ast.parse(self.unions.get(type_, type_), mode="eval").body
        if isinstance(node, ast.BinOp):
            yield from self.classes_in(ast.unparse(node.left))
            yield from self.classes_in(ast.unparse(node.right))
        else:
            yield ast.unparse(node)


def text(annotation: ast.expr) -> str:
    """Return an annotation as text, without the quotes of a name that is not defined yet."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def fields_of(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield the annotated names of a class with their types."""
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id, text(each.annotation)


def properties_of(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield the properties of a class with their types."""
    functions = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    yield from returned_by(each for each in functions if any(map(is_property, each.decorator_list)))


def is_property(decorator: ast.expr) -> bool:
    """Return whether a decorator makes a property."""
    return ast.unparse(decorator) in ("property", "cached_property", "functools.cached_property")


def members_of(node: ast.ClassDef) -> Iterator[str]:
    """Yield the members of an enum; nothing of another class."""
    if any(ast.unparse(base).split(".")[-1] in ENUMS for base in node.bases):
        for each in node.body:
            if isinstance(each, ast.Assign):
                yield from names_in(each.targets)


def returned_by(body: Iterable[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield the functions among some statements, with the types of what they return."""
    for each in body:
        if isinstance(each, ast.FunctionDef) and each.returns is not None:
            yield each.name, text(each.returns)


def names_in(targets: Iterable[ast.expr]) -> Iterator[str]:
    """Yield the plain names among some targets."""
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def parameters(node: ast.FunctionDef) -> Iterator[tuple[str, str | None]]:
    """Yield the parameters of a function with their types."""
    for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        if each.arg != "self":
            yield each.arg, None if each.annotation is None else text(each.annotation)
