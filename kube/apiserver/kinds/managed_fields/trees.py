"""FieldsV1 in the form it is stored in: trees of elements, worked on as they are.

`{}` is a field that is owned; a node with members is owned itself when it has the member `.`. Every write goes
through here, so nothing is unfolded into sets of paths: parts that stay are kept as they are and never changed.
"""

from typing import Any

Tree = dict[str, Any]


def plus(first: Tree, second: Tree) -> Tree:
    """Both together; neither is changed. The root is owned by nobody."""
    united = dict(first)
    for element, below in second.items():
        there = united.get(element)
        if there is None or there == below:
            united[element] = below
        elif element != ".":
            united[element] = plus(_opened(there), _opened(below))
    return dict(sorted(united.items()))


def _opened(node: Tree) -> Tree:
    """A node with its own mark written out."""
    return node or {".": {}}


def minus(tree: Tree, taken: Tree) -> Tree | None:
    """What is left of a tree without exactly those fields; None for nothing, the tree itself when all of it."""
    left = tree
    for element, below in taken.items():
        there = left.get(element)
        if there is None:
            continue
        rest = _node_without(there, below)
        if rest is there:
            continue
        if left is tree:
            left = dict(tree)
        if rest is None:
            del left[element]
        else:
            left[element] = rest
    return left or None


def _node_without(node: Tree, taken: Tree) -> Tree | None:
    """As `minus`, for a node below the root, which may be owned itself."""
    if not node:
        return None if not taken or "." in taken else node
    if not taken:
        taken = {".": {}}
    left = minus(node, taken)
    if left is not None and left.keys() == {"."}:
        return {}
    return left


def without(tree: Tree, gone: Tree) -> Tree | None:
    """What is left of a tree when whole branches go: in `gone`, `{}` ends a branch with all that is below it."""
    left = tree
    for element, below in gone.items():
        there = left.get(element)
        if there is None:
            continue
        rest = without(there, below) if below and there else (there if below else None)
        if rest is there:
            continue
        if left is tree:
            left = dict(tree)
        if rest is None:
            del left[element]
        else:
            left[element] = {} if rest.keys() == {"."} else rest
    return left or None
