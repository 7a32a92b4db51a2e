"""Constants of a module put where other modules use them, because a module's constant costs a board its name and a
place in the module, for as long as it runs.

A constant is `NAME = value` at the top of a module: a number or a text in one line, given once. What says `module.NAME`
or imports NAME gets the value; a constant that nothing else reaches becomes a private one (_NAME), which MicroPython's
compiler keeps nowhere (image.with_constants). Lines stay what they are.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_PUBLIC = re.compile(r"(?!MYPY$)[A-Z][A-Z0-9_]*")
Edits = list[tuple[int, int, int, str]]  # line, first column, column behind the last (in bytes), what stands there then


@dataclass(kw_only=True)
class _Module:
    """constants: value by name, as source; known: module by the name it has here."""

    tree: ast.Module
    constants: dict[str, str]
    known: dict[str, str]
    edits: Edits = field(default_factory=list)


def inlined(sources: Mapping[str, bytes], others: Iterable[bytes] = ()) -> dict[str, bytes]:
    """The sources, by dotted module name, with each other's constants in place. others: what speaks to them and stays
    as it is. A source that cannot be parsed comes back as it is."""
    trees = {name: tree for name, source in sources.items() if (tree := _parsed(source)) is not None}
    modules = {
        name: _Module(tree=tree, constants=_constants(tree), known=_known(tree, sources))
        for name, tree in trees.items()
    }
    reached = {word for source in others if (tree := _parsed(source)) is not None for word in _words(tree)}
    for module in modules.values():
        reached |= _put(module, modules)
    for module in modules.values():
        _hide(module, reached)
    return {
        name: _edited(source, modules[name].edits) if name in modules else source for name, source in sources.items()
    }


def is_constant(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return type(value.value) in (int, bool, str)
    if isinstance(value, ast.UnaryOp):
        return isinstance(value.op, ast.USub) and is_constant(value.operand)
    return isinstance(value, ast.BinOp) and all(
        isinstance(side, ast.Constant) and type(side.value) is int for side in (value.left, value.right)
    )


def given(tree: ast.Module, pattern: "re.Pattern[str]") -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of each `NAME = value`, a number or a text in one line, whose name is given no other value."""
    times = Counter(_bound(tree))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name) and len(node.targets) == 1:
            alone = pattern.fullmatch(name.id) and times[name.id] == 1
            if alone and node.lineno == node.end_lineno and is_constant(node.value):
                yield name.id, node.value


def _constants(tree: ast.Module) -> dict[str, str]:
    return {name: f"({ast.unparse(value)})" for name, value in given(tree, _PUBLIC)}


def _bound(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            yield from (alias.asname or alias.name for alias in node.names)


def _known(tree: ast.Module, sources: Mapping[str, bytes]) -> dict[str, str]:
    """Modules of the package by the one name that they have in this one."""
    bound = set(_bound(tree))
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, set()).add(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, set()).add(alias.name)
    return {
        name: module for name, (module, *more) in found.items() if not more and name not in bound and module in sources
    }


def _put(module: _Module, modules: Mapping[str, _Module]) -> set[str]:
    """Puts values in place of `other.NAME`; gives the words that may still mean somebody's constant."""
    inside = _in_f_strings(module.tree)
    left = _put_imported(module, modules, inside)
    for node in ast.walk(module.tree):
        value = _value(node, module, modules)
        if isinstance(node, ast.ImportFrom | ast.alias):
            continue
        if value is None or id(node) in inside or not isinstance(node, ast.expr) or node.lineno != node.end_lineno:
            left |= set(_word(node))
        else:
            module.edits.append((node.lineno, node.col_offset, node.end_col_offset or 0, value))
    return left


def _put_imported(module: _Module, modules: Mapping[str, _Module], inside: set[int]) -> set[str]:
    """The same for `from other import NAME`, where another name is imported beside it."""
    bound = set(_bound(module.tree))
    names = [node for node in ast.walk(module.tree) if isinstance(node, ast.Name)]
    bound |= {node.id for node in names if id(node) in inside}
    bound |= {name for name, times in Counter(_imported(module.tree)).items() if times > 1}
    left = set()
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        other = modules.get(node.module or "")
        values = {} if other is None else other.constants
        gone = [alias for alias in node.names if alias.name in values and not alias.asname and alias.name not in bound]
        rest = [alias for alias in node.names if alias not in gone]
        if not gone or not rest or node.lineno != node.end_lineno:
            left |= {alias.name for alias in node.names}
            continue
        left |= {alias.name for alias in rest}
        shorter = ast.unparse(ast.ImportFrom(module=node.module, names=rest, level=node.level))
        module.edits.append((node.lineno, node.col_offset, node.end_col_offset or 0, shorter))
        put = {alias.name: values[alias.name] for alias in gone}
        module.edits += [
            (name.lineno, name.col_offset, name.end_col_offset or 0, put[name.id]) for name in names if name.id in put
        ]
    return left


def _value(node: ast.AST, module: _Module, modules: Mapping[str, _Module]) -> str | None:
    if (
        not isinstance(node, ast.Attribute)
        or not isinstance(node.value, ast.Name)
        or not isinstance(node.ctx, ast.Load)
    ):
        return None
    other = modules.get(module.known.get(node.value.id, ""))
    return None if other is None else other.constants.get(node.attr)


def _hide(module: _Module, reached: set[str]) -> None:
    """Constants that nothing else reaches become private."""
    inside = _in_f_strings(module.tree)
    names = [node for node in ast.walk(module.tree) if isinstance(node, ast.Name)]
    taken = {node.id for node in names} | set(_bound(module.tree))
    kept = {node.id for node in names if id(node) in inside} | reached
    hidden = {name for name in module.constants if name not in kept and "_" + name not in taken}
    for node in names:
        if node.id in hidden:
            module.edits.append((node.lineno, node.col_offset, node.end_col_offset or 0, "_" + node.id))


def _in_f_strings(tree: ast.Module) -> set[int]:
    """Nodes whose place in the source CPython did not know before 3.12."""
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    return {id(node) for text in texts for node in ast.walk(text)}


def _words(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        yield from _word(node)


def _word(node: ast.AST) -> Iterator[str]:
    """What this node itself may name of another module."""
    if isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.alias):
        yield node.name
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _edited(source: bytes, edits: Edits) -> bytes:
    lines = source.splitlines(keepends=True)
    for number, start, end, text in sorted(edits, reverse=True):
        line = lines[number - 1]
        lines[number - 1] = line[:start] + text.encode() + line[end:]
    return b"".join(lines)


def _parsed(source: bytes) -> ast.Module | None:
    try:
        return ast.parse(source)
    except SyntaxError:
        return None
