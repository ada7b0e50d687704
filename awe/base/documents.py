"""Texts such as scripts and provenance, which may be written to a file."""

from awe.base.errors import AweValueError
from awe.base.paths import typed_path

__all__ = ["Document"]


class Document(str):
    """A text that the prompt shows as it is, or by its file where it was written to one.

    Attributes
    ----------
    path : pathlib.Path or None
        The file.
    """

    path = None
    _called = "document"

    def __repr__(self):
        return str(self) if self.path is None else f"Written to {self.path}"

    def write(self, path):
        """Write the text to a file.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Raises
        ------
        AweValueError
            It cannot be written.
        """
        try:
            typed_path(path).write_text(self, encoding="utf-8")
        except OSError as err:
            msg = f"The {self._called} cannot be written to {path}: {err}."
            raise AweValueError(msg) from err
        self.path = typed_path(path)
