"""What TAB offers: attributes through links, and the values that exist."""

import re

from awe.base.errors import AweError
from awe.process import Task
from awe.prompt import namespace
from awe.store import current
from awe.store.attributes import path_of
from awe.store.kinds import LinkKind, StrKind
from awe.store.meta import DBMeta
from awe.store.objects import DBObject, OwnedRecord
from awe.store.selection import values_of
from awe.store.terms import Term

__all__ = ["Completer"]

_NAME = r"[^\W\d]\w*"
_DOTTED = rf"{_NAME}(?:\.{_NAME})*"
_TEXT = r"(?P<quote>['\"])(?P<typed>(?:(?!(?P=quote))[^\n])*)$"
_ATTRIBUTE = re.compile(rf"(?<![\w.)\]'\"])(?P<owner>{_DOTTED})\.(?P<typed>\w*)$")
_COMPARED = re.compile(rf"(?P<term>{_DOTTED})\s*[=!]=\s*{_TEXT}")
_LISTED = re.compile(
    rf"(?P<term>{_DOTTED})\.(?:in_\(\s*[\[(]\s*(?:['\"][^'\"\n]*['\"]\s*,\s*)*|like\(\s*|"
    rf"between\(\s*){_TEXT}"
)
_ARGUMENT = re.compile(rf"(?P<call>{_DOTTED})\((?P<before>[^()]*?)(?P<name>{_NAME})\s*=\s*{_TEXT}")
_PROJECT = re.compile(rf"\bcontext\.(?:set_project|find_project)\(\s*{_TEXT}")
_WORD = re.compile(r"(?<![\w.])(?P<typed>\w+)$")
_LAST = "\U0010ffff"
_MOST_SHOWN = 200
_MOST_VALUES = 100_000


class Completer:
    """Offers completions; it resolves dotted names and evaluates nothing else.

    Parameters
    ----------
    shell : InteractiveShell
        The shell whose names are looked up.
    """

    def __init__(self, shell):
        from IPython.core.completer import context_matcher

        self._names = shell.user_ns
        self._shell = shell

        @context_matcher()
        def awe_matcher(context):
            return self._match(context.text_until_cursor)

        awe_matcher.matcher_identifier = "awe"
        self.matcher = awe_matcher

    def _match(self, text):
        from IPython.core.completer import SimpleCompletion

        typed, kind, words = self.complete(text)
        found = [SimpleCompletion(text=word, type=kind) for word in words]
        # Words of the language and other names are IPython's to offer beside ours.
        alone = bool(found) and kind != "class"
        return {
            "completions": found,
            "matched_fragment": typed,
            "suppress": alone,
            "ordered": True,
        }

    def complete(self, text):
        """Give what may follow a text.

        Parameters
        ----------
        text : str
            The line up to the cursor.

        Returns
        -------
        typed : str
            The end of the line that the words replace.
        kind : str
            What the words are: 'value', 'attribute' or 'class'.
        words : list of str
            Empty where it is not ours to know.
        """
        context = current.context() if current.has_context() else None
        held = context is not None and context.session.in_snapshot
        if context is not None and not held:
            context.session.begin()
        try:
            return self._complete(text)
        except AweError:
            # A path that does not exist, an object that was deleted: nothing can be offered.
            return "", "value", []
        finally:
            if context is not None and not held:
                context.session.end()

    def _complete(self, text):
        for pattern, values in (
            (_COMPARED, self._compared),
            (_LISTED, self._compared),
            (_PROJECT, self._projects),
            (_ARGUMENT, self._argument),
        ):
            match = pattern.search(text)
            if match is not None:
                typed = match["typed"]
                words = [_escaped(word, match["quote"]) for word in values(match)]
                return typed, "value", _beginning(typed, words)[:_MOST_SHOWN]
        if _inside_text(text):
            return "", "value", []
        match = _ATTRIBUTE.search(text)
        if match is not None:
            typed = match["typed"]
            return typed, "attribute", _beginning(typed, self._attributes(match["owner"], typed))
        match = _WORD.search(text)
        if match is not None:
            return match["typed"], "class", _beginning(match["typed"], namespace.lazy_names())
        return "", "value", []

    # --- values ---

    def _compared(self, match):
        term = self._resolve(match["term"])
        return _values(term._path, match["typed"]) if isinstance(term, Term) else []

    def _projects(self, match):
        return sorted(project.name for project in current.context().projects())

    def _argument(self, match):
        owner, _, method = match["call"].rpartition(".")
        cls = self._resolve(owner) if method in ("select", "get", "get_or_create") else None
        if isinstance(cls, DBMeta):
            other_names = getattr(cls, "select_names", {})
            name = other_names.get(match["name"], match["name"])
            return _values(path_of(cls, name), match["typed"])
        task = self._resolve(match["call"])
        if isinstance(task, type) and issubclass(task, Task):
            return self._task_argument(match["name"], match["typed"])
        return []

    def _task_argument(self, name, typed):
        """Give the names in the vocabulary that an argument such as ``chip`` stands for."""
        cls = self._names.get(name.capitalize())
        if not isinstance(cls, DBMeta) or not cls.vocabulary or "name" not in cls._attributes:
            return []
        return _values(path_of(cls, "name"), typed)

    # --- attributes ---

    def _attributes(self, dotted, typed):
        owner = self._resolve(dotted)
        hidden = typed.startswith("_")
        if isinstance(owner, Term):
            return dir(owner)
        if isinstance(owner, DBMeta) or (isinstance(owner, type) and issubclass(owner, Task)):
            return [n for n in dir(owner) if hidden or not n.startswith("_")]
        if isinstance(owner, (DBObject, OwnedRecord)):
            return [n for n in dir(type(owner)) if hidden or not n.startswith("_")]
        return []

    def _resolve(self, dotted):
        """Follow a dotted name through classes, terms, objects and records, or give None."""
        first, *others = dotted.split(".")
        if first not in self._names and first in namespace.lazy_names():
            self._shell.push(namespace.load_named(first), interactive=False)
        value = self._names.get(first)
        for name in others:
            if isinstance(value, (DBMeta, DBObject, OwnedRecord)):
                known = {**value._attributes, **getattr(value, "_inverses", {})}
                value = getattr(value, name) if name in known else None
            elif isinstance(value, Term):
                value = getattr(value, name)
            else:
                return None
        return value


def _values(path, typed):
    """Give texts that exist at the end of a path and begin with what was typed.

    For a link they are the names behind it.
    """
    if isinstance(path.kind, LinkKind):
        path = path.step("name")
    if not isinstance(path.kind, StrKind):
        return []
    rest = path.split()[1]
    if rest is not None:
        return _values(rest, typed)
    if not (path.attribute.unique and len(path.attributes) == 1):
        return values_of(path, most=_MOST_VALUES)
    # Every object has its own value: of a million only those that fit are read.
    term = Term(path)
    query = term.between(typed, typed + _LAST) if typed else path.cls.select_all()
    return sorted(filter(None, (getattr(obj, path.attribute.name) for obj in query[:_MOST_SHOWN])))


def _escaped(word, quote):
    """Give a value as it stands inside quotes."""
    return word.replace("\\", "\\\\").replace(quote, f"\\{quote}")


def _beginning(typed, words):
    return [word for word in words if word.startswith(typed)]


def _inside_text(text):
    """Tell whether the cursor stands inside a text in quotes."""
    quote = ""
    for character in text:
        if quote and character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote and character == "#":
            return True
    return bool(quote)
