"""What TAB offers: attributes through links, and the values that exist."""

import re
import sys

from awe.base.errors import AweError
from awe.process import Task
from awe.prompt.values import MOST_SHOWN, selectable, values_behind
from awe.store import current
from awe.store.attributes import attributes_behind, path_of
from awe.store.meta import DBMeta
from awe.store.objects import DBObject, OwnedRecord
from awe.store.query import Query
from awe.store.terms import Term

__all__ = ["Completer"]

_NAME = r"[^\W\d]\w*"
_DOTTED = rf"{_NAME}(?:\.{_NAME})*"
_TEXT = r"(?P<quote>['\"])(?P<typed>(?:(?!(?P=quote))[^\n])*)$"
_ATTRIBUTE = re.compile(rf"(?<![\w.)\]'\"])(?P<owner>{_DOTTED})\.(?P<typed>\w*)$")
_COMPARED = re.compile(rf"(?P<term>{_DOTTED})\s*[=!]=\s*{_TEXT}")
_EARLIER = r"(?:(?:['\"][^'\"\n]*['\"]|[\w.]+)\s*,\s*)*"
_LISTED = re.compile(
    rf"(?P<term>{_DOTTED})\.(?:in_\(\s*[\[(]\s*{_EARLIER}|like\(\s*|between\(\s*){_TEXT}"
)
_ARGUMENT = re.compile(
    rf"(?P<call>{_DOTTED})\((?P<before>[^()]*?)(?P<name>{_NAME})\s*=\s*"
    rf"(?:[\[(]\s*{_EARLIER})?{_TEXT}"
)
_NAMED = re.compile(
    rf"(?P<query>[\w)])\.(?:hist|max|min|order_by|plot|sky|stats|table|values)\(\s*{_EARLIER}"
    r"(?:(?:by|dec|ra)\s*=\s*)?(?P<quote>['\"])-?(?P<typed>[\w.]*)$"
)
_EXPLAINED = re.compile(rf"(?P<owner>{_DOTTED})\.explain\(\s*{_TEXT}")
_SEQUENCE = re.compile(rf"\b(?:Pars|dpu\.run|lpu\.run)\(\s*{_TEXT}")
_PROJECT = re.compile(rf"\bcontext\.(?:set_project|find_project)\(\s*{_TEXT}")
_IN_BRACES = re.compile(r"\b[rR]?[fF][rR]?(?P<quote>['\"])(?:(?!(?P=quote)).)*\{[^{}]*$")
# IPython's offers of names; those of files are wanted inside quotes that we know nothing of.
_OF_NAMES = ("jedi_matcher", "magic_matcher", "python_func_kw_matcher", "python_matcher")
_OF_FILES = ("file_matcher",)


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
        self._disabled = None

        @context_matcher()
        def awe_matcher(context):
            return self._match(context.text_until_cursor)

        awe_matcher.matcher_identifier = "awe"
        self.matcher = awe_matcher

    def _match(self, text):
        from IPython.core.completer import SimpleCompletion

        typed, kind, words = self.complete(text)
        found = [SimpleCompletion(text=word, type=kind) for word in words]
        self._hold_back({"value": (*_OF_NAMES, *_OF_FILES), "text": _OF_NAMES}.get(kind, ()))
        return {
            "completions": found,
            "matched_fragment": typed,
            "suppress": bool(found),
            "ordered": True,
        }

    def _hold_back(self, matchers):
        """Keep some of IPython's matchers, which come after us, from offering anything."""
        completer = self._shell.Completer
        if self._disabled is None:
            self._disabled = list(completer.disable_matchers)
        # An empty answer of ours suppresses nothing: `suppress` counts beside words only.
        held = [f"IPCompleter.{name}" for name in matchers]
        completer.disable_matchers = self._disabled + held

    def leave(self):
        """Let IPython's matchers offer as they did before."""
        if self._disabled is not None:
            self._shell.Completer.disable_matchers = self._disabled

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
            What the words are: 'value' or 'attribute'; where none are ours to know, 'text'
            inside quotes and 'code' elsewhere.
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
            return "", "text" if _inside_text(text) else "code", []
        finally:
            if context is not None and not held:
                context.session.end()

    def _complete(self, text):
        plain = _without_groups(text)
        for pattern, source, values in (
            (_COMPARED, text, self._compared),
            (_LISTED, plain, self._compared),
            (_PROJECT, text, self._projects),
            (_SEQUENCE, text, self._sequences),
            (_EXPLAINED, text, self._explained),
            (_ARGUMENT, plain, self._argument),
            (_NAMED, plain, lambda match: self._named(match, text)),
        ):
            match = pattern.search(source)
            words = None if match is None else values(match)
            if words is not None:
                typed = match["typed"]
                words = [_escaped(word, match["quote"]) for word in words]
                return typed, "value", _beginning(typed, words)[:MOST_SHOWN]
        if _inside_text(text):
            return "", "text", []
        match = _ATTRIBUTE.search(text)
        words = None if match is None else self._attributes(match["owner"], match["typed"])
        if words is not None:
            return match["typed"], "attribute", _beginning(match["typed"], words)
        return "", "code", []

    # --- values ---

    def _compared(self, match):
        term = self._resolve(match["term"])
        return values_behind(term._path, match["typed"]) if isinstance(term, Term) else None

    def _projects(self, match):
        return sorted(project.name for project in current.context().projects())

    def _explained(self, match):
        """Give the calibrations of which an object tells why they are chosen."""
        owner = self._resolve(match["owner"])
        names = getattr(owner, "calibration_names", None) if isinstance(owner, DBObject) else None
        return None if names is None else names()

    def _sequences(self, match):
        """Give the recipes that may come next in a sequence."""
        from awe.recipes import identifiers

        before = match["typed"].rpartition(">")
        return [f"{before[0]}{before[1]}{name}" for name in identifiers()]

    def _argument(self, match):
        owner, _, method = match["call"].rpartition(".")
        cls = self._resolve(owner) if method in ("select", "get", "get_or_create") else None
        if isinstance(cls, DBMeta):
            return selectable(cls, match["name"], match["typed"])
        task = self._resolve(match["call"])
        if isinstance(task, type) and issubclass(task, (Task, *_of_pars("Pars"))):
            return self._task_argument(task, match["name"], match["typed"])
        return None

    def _task_argument(self, task, name, typed):
        """Give what an argument such as ``chip`` may be.

        Names are those in the vocabulary, the rest is what the task's raw frames have.
        """
        if name not in task._arguments:
            return None
        name = {"raw_filenames": "filename"}.get(name, name)
        if name in ("date", "filename", "object", "template"):
            frames = getattr(task, "raw_class", None) or self._names.get("RawFrame")
            return selectable(frames, name, typed) if isinstance(frames, DBMeta) else None
        cls = self._names.get(name.capitalize())
        if not isinstance(cls, DBMeta) or not cls.vocabulary or "name" not in cls._attributes:
            return None
        return values_behind(path_of(cls, "name"), typed)

    def _named(self, match, text):
        """Give the attributes, also behind links, that a query's method may name."""
        cls = self._queried(text[: match.end("query")])
        if cls is None:
            return None
        way, dot, _ = match["typed"].rpartition(".")
        if way:
            names = attributes_behind(path_of(cls, way).kind)
        else:
            names = {**cls._attributes, **cls._inverses}
        return sorted(f"{way}{dot}{name}" for name in names)

    def _queried(self, text):
        """Give the class of the query that a text ends with: a name, or what stands in braces."""
        if not text.endswith(")"):
            owner = self._resolve(re.search(rf"{_DOTTED}$|$", text)[0])
            return owner._cls if isinstance(owner, Query) else None
        depth, start = 0, len(text)
        while start > 0:
            start -= 1
            depth += {")": 1, "(": -1}.get(text[start], 0)
            if depth == 0:
                break
        start = re.search(rf"(?:{_DOTTED})?$", text[:start]).start()
        for name in re.findall(_NAME, text[start:]):
            value = self._names.get(name)
            if isinstance(value, DBMeta):
                return value
            if isinstance(value, Query):
                return value._cls
        return None

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
        if isinstance(owner, _of_pars("Pars", "Branch")):
            return dir(owner)
        return None

    def _resolve(self, dotted):
        """Follow a dotted name through classes, terms, objects and records, or give None."""
        first, *others = dotted.split(".")
        value = self._names.get(first)
        for name in others:
            if isinstance(value, (DBMeta, DBObject, OwnedRecord)):
                known = {**value._attributes, **getattr(value, "_inverses", {})}
                value = getattr(value, name) if name in known else None
            elif isinstance(value, Term):
                value = getattr(value, name)
            elif isinstance(value, _of_pars("Pars", "Branch")):
                value = getattr(value, name) if name in value.branches() else None
            else:
                return None
        return value


def _of_pars(*names):
    """Give classes of the module of Pars, where it is loaded: who has none of them has it not."""
    module = sys.modules.get("awe.process.pars")
    return () if module is None else tuple(getattr(module, name) for name in names)


def _without_groups(text):
    """Give a text of the same length in which a letter stands for each closed group in brackets."""
    letters, opened, quote = list(text), [], ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            opened.append(at)
        elif character in ")]}" and opened:
            start = opened.pop()
            letters[start : at + 1] = "x" * (at + 1 - start)
    return "".join(letters)


def _escaped(word, quote):
    """Give a value as it stands inside quotes."""
    return word.replace("\\", "\\\\").replace(quote, f"\\{quote}")


def _beginning(typed, words):
    return [word for word in words if word.startswith(typed)]


def _inside_text(text):
    """Tell whether the cursor stands inside a text in quotes, or a comment."""
    if _IN_BRACES.search(text):
        return False
    quote = ""
    for character in text:
        if quote and character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote and character == "#":
            return True
    return bool(quote)
