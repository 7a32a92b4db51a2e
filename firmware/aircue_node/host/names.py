"""Shorter names for what a compiled module keeps to itself, because each name costs a board RAM for as long as it runs.

MicroPython keeps one table of all names that were ever loaded, and doubles it when it is full. A private name (_spare)
is known to its own module alone, and so is a parameter that no call ever names: in the compiled module they are given
short names that every module uses anew. Lines stay what they are, so that a traceback still leads to the place, where
only the function's name is the short one.

Left alone is whatever is said as a text, in an import or as a keyword anywhere, and what one module reads of another.
Modules whose classes inherit from each other are named together.
"""

import ast
import builtins
import itertools
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_PRIVATE = re.compile(r"_[A-Za-z]\w*")
_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_HEAD = 4  # of an .mpy: M, version, flags, bits of a small integer
# Kinds of an .mpy's constants; below them those that carry nothing.
_TEXT, _BYTES, _TUPLE = 5, 6, 10
_LONGEST_TEXT = 200  # a name has one byte for its length on most boards
_KNOWN = frozenset([*dir(builtins), "self"])  # to every board, at no cost

Names = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Module:
    """said: texts, keywords and imported names; reached: attributes; bound: what is given a value, at any depth;
    standing: what a name outside of functions may mean; bases: modules whose classes it inherits from."""

    said: frozenset[str]
    reached: frozenset[str]
    bound: frozenset[str]
    standing: frozenset[str]
    parameters: frozenset[str]
    bases: frozenset[str]


def short_names(sources: Mapping[str, bytes], others: Iterable[bytes] = ()) -> dict[str, Names]:
    """By module, its names and what they become. sources: by dotted module name, all that run together; others: what
    speaks to them and is not renamed. The same sources give the same names. A source that cannot be parsed has none."""
    modules = {name: _read(tree) for name, source in sources.items() if (tree := _parsed(source)) is not None}
    rest = [_read(tree) for source in others if (tree := _parsed(source)) is not None]
    said = frozenset().union(*(module.said for module in (*modules.values(), *rest)))
    groups = _groups(modules)
    foreign = frozenset().union(*(_foreign(modules, group) for group in groups))
    named = {}
    for group in groups:
        names = _given([modules[name] for name in group], said | foreign)
        named.update(dict.fromkeys(group, names))
    return named


def renamed(compiled: bytes, names: Names) -> bytes:
    """The .mpy with other names in its table, which all of its code goes by (docs.micropython.org, mpyfiles)."""
    count, at = _number(compiled, _HEAD)
    _, at = _number(compiled, at)  # how many constants there are
    table, head = [], compiled[:at]
    for _ in range(count):
        name, at = _name(compiled, at)
        table.append(name)
    changed = [_encoded(names, name) for name in table]
    return head + b"".join(changed) + compiled[at:]


def with_texts(compiled: bytes) -> bytes:
    """The .mpy with its texts in its table of names too. MicroPython then takes them from there: a text alone is an
    object and a piece of heap, each rounded up, while the table has room. It never forgets them, so that this is for
    modules that stay."""
    count, at = _number(compiled, _HEAD)
    constants, start = _number(compiled, at)
    end = start
    for _ in range(count):
        _, end = _name(compiled, end)
    texts: list[bytes] = []
    at = end
    for _ in range(constants):
        at = _collect(compiled, at, texts)
    added = b"".join(_digits(len(text) << 1) + text + b"\0" for text in texts)
    head = compiled[:_HEAD] + _digits(count + len(texts)) + _digits(constants)
    return head + compiled[start:end] + added + compiled[end:]


def _collect(compiled: bytes, at: int, texts: list[bytes]) -> int:
    """Puts a constant's text to the others; where the next constant begins."""
    kind, at = compiled[at], at + 1
    if kind < _TEXT:
        return at
    length, at = _number(compiled, at)
    if kind == _TUPLE:
        for _ in range(length):
            at = _collect(compiled, at, texts)
        return at
    data = compiled[at : at + length]
    if kind == _TEXT and length <= _LONGEST_TEXT and data not in texts:
        texts.append(data)
    return at + length + (kind in (_TEXT, _BYTES))


def _encoded(names: Names, name: bytes | int) -> bytes:
    if isinstance(name, int):
        return _digits(name)
    data = names.get(name.decode(), name.decode()).encode()
    return _digits(len(data) << 1) + data + b"\0"


def _name(compiled: bytes, at: int) -> tuple[bytes | int, int]:
    """One of the table, and where the next begins. A number, which is odd, stands for one that every board has."""
    number, at = _number(compiled, at)
    if number & 1:
        return number, at
    end = at + (number >> 1)
    return compiled[at:end], end + 1


def _number(data: bytes, at: int) -> tuple[int, int]:
    """7 bits a byte, the highest first; and where it ends."""
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def _digits(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.insert(0, number & 0x7F | 0x80)
    return bytes(digits)


def _parsed(source: bytes) -> ast.Module | None:
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def _read(tree: ast.Module) -> _Module:
    nodes = list(ast.walk(tree))
    definitions = {
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    parameters = {node.arg for node in nodes if isinstance(node, ast.arg)}
    given = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    reached = {node.attr for node in attributes}
    return _Module(
        said=frozenset(_said(nodes)),
        reached=frozenset(reached | {node.id for node in nodes if isinstance(node, ast.Name)}),
        bound=frozenset(definitions | stored | given | parameters),
        standing=frozenset(definitions | reached | set(_outside(tree))),
        parameters=frozenset(parameters),
        bases=frozenset(_bases(nodes)),
    )


def _said(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield node.arg
        elif isinstance(node, ast.alias):
            yield from (*node.name.split("."), node.asname or node.name)
        elif isinstance(node, ast.Global):
            yield from node.names


def _outside(tree: ast.AST) -> Iterator[str]:
    """Names that stand outside of functions, in the module or in a class."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Name):
            yield node.id
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _outside(node)


def _bases(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Modules that a base class may come from."""
    nodes = list(nodes)
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    names = {ast.unparse(base).partition(".")[0] for node in classes for base in node.bases}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                if (alias.asname or alias.name) in names:
                    yield from (node.module, f"{node.module}.{alias.name}")


def _groups(modules: Mapping[str, _Module]) -> list[list[str]]:
    """Modules that are named together; each is in one group."""
    groups = {name: {name} for name in modules}
    for name, module in modules.items():
        for base in module.bases & modules.keys():
            if groups[base] is not groups[name]:
                groups[name] |= groups[base]
                for member in groups[name]:
                    groups[member] = groups[name]
    return [sorted(group) for name, group in groups.items() if name == min(group)]


def _foreign(modules: Mapping[str, _Module], group: list[str]) -> set[str]:
    """Private names that a group reads of others."""
    bound = set().union(*(modules[name].bound for name in group))
    return {name for member in group for name in modules[member].reached - bound if _PRIVATE.fullmatch(name)}


def _given(modules: list[_Module], kept: frozenset[str]) -> Names:
    bound = set().union(*(module.bound for module in modules))
    standing = set().union(*(module.standing for module in modules))
    reached = set().union(*(module.reached for module in modules))
    parameters = set().union(*(module.parameters for module in modules))
    alone = {name for name in parameters - standing - _KNOWN if not name.startswith("_")}
    found = sorted(({name for name in bound if _PRIVATE.fullmatch(name)} | alone) - kept)
    taken = bound | standing | reached | kept
    return dict(zip(found, (name for name in _short() if name not in taken), strict=False))


def _short() -> Iterator[str]:
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_letters, repeat=length):
            yield "_" + "".join(letters)
