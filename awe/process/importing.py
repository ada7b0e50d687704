"""Import: what an export holds enters another store, all of it or nothing."""

import dataclasses

from awe.base.errors import AweError
from awe.base.progress import track
from awe.process.imports import Import
from awe.process.manifest import NEW_COPY, ExportError, problem_error, read_manifest
from awe.process.plainjson import Link, decoded, encoded
from awe.process.product import ProcessTarget, Product, content_key_of
from awe.store import current, registry
from awe.store.commit import UniqueError
from awe.store.files import DataObject
from awe.store.finding import rows_with_id
from awe.store.numbers import pack
from awe.store.selection import stored_like

__all__ = ["Imported", "import_folder"]

_MOST_NOTES = 10
_OWN_PROJECT = ("Nothing was imported. Take a project of its own: context.create_project('NAME'), "
                "context.set_project('NAME')")  # fmt: skip
_OWN_STORE = "Nothing was imported. A new AWE_HOME, a store of its own, takes it."
# What each store says of its own of the same raw data.
_OF_ITS_ENTRY = ("creation_date",)


@dataclasses.dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    added : list of DBObject
        What is new in the store; empty where all was there.
    present : int
        Objects that were there already: under their object_id, their name, or as the same file.
    notes : list of str
        What was noticed and did no harm.
    stored : bool
        False where it was only checked.
    """

    added: list
    present: int
    notes: list
    stored: bool

    def __str__(self):
        done = "Imported" if self.stored else "Nothing is wrong, and nothing was stored: new are"
        were = "were" if self.stored else "are"
        lines = [f"{done} {len(self.added)} objects; {self.present} {were} there already."]
        lines += [f"  {note}" for note in self.notes[:_MOST_NOTES]]
        if self.notes[_MOST_NOTES:]:
            lines.append(f"  ... and {len(self.notes) - _MOST_NOTES} more notes")
        return "\n".join(lines)

    def __repr__(self):
        return str(self)


def import_folder(folder, *, commit=True):
    """Restore the objects, links and files of an export in the current project.

    Parameters
    ----------
    folder : str or os.PathLike
        What `export` wrote.
    commit : bool, optional
        Whether to store it; False only checks. The default is True.

    Returns
    -------
    Imported
        What was added. Objects keep their object_id; names such as instruments and CCDs are those
        of this store where it has them, and raw frames those of this project where it has the
        same file. `Import` remembers where each object came from.

    Raises
    ------
    ExportError
        Something is damaged, missing or foreign; nothing was imported.
    """
    manifest = read_manifest(folder)
    entering = _Entering(manifest)
    entering.build()
    if entering.problems:
        raise problem_error(manifest.folder, entering.problems, entering.remedy)
    result = Imported(entering.added, len(entering.found) - len(entering.added),
                      manifest.notes + entering.notes, commit)  # fmt: skip
    if commit and entering.added:
        _commit(manifest, entering)
    return result


def _commit(manifest, entering):
    ids = [obj.object_id for obj in entering.added]
    record = Import(
        exported_by=manifest.head["exported_by"], exported_at=manifest.head["exported_at"],
        exported_version=manifest.head["awe"], manifest_sha256=manifest.sha256,
        folder=manifest.folder.name, object_ids=ids,
        origins={i: entering.origins[i] for i in ids},
    )  # fmt: skip
    try:
        current.context().commit(*entering.added, record)
    except UniqueError as err:
        project = current.context().get_current_project()
        msg = f"{manifest.folder} does not fit into the project {project.name}: {err.cause}"
        raise ExportError(msg, remedy=_OWN_PROJECT) from err


class _Entering:
    """Builds the objects of an export: those that are there are found, the others are new."""

    def __init__(self, manifest):
        self.manifest = manifest
        self.found = {}
        self.added = []
        self.problems, self.notes = [], []
        self.remedy = NEW_COPY
        self.origins = {}
        self._links = {}
        self._session = current.session()

    def build(self):
        """Find or make every object, then join them."""
        self._session.ensure()
        for record in track(self.manifest.records, "Import"):
            try:
                self._enter(record)
            except (AweError, OverflowError) as err:
                self.problems.append(f"{record}: {getattr(err, 'cause', err)}")
        if self.problems:
            return
        for record in self.manifest.records:
            self._join(record)
        if not self.problems:
            self._check_keys()

    def _enter(self, record):
        values, links = self._read(record)
        stored = self._stored(record)
        if stored is not None:
            self._compare(record, stored)
        elif not issubclass(record.cls, Product):
            stored = self._by_name(record, values, links)
        if stored is None:
            stored = record.cls(**values)
            self._name(stored, record)
            self._links[record.object_id] = links
        self.found[record.object_id] = stored
        if stored._new is not None:
            # One that another import left waiting is new here as well.
            self.added.append(stored)
            self.origins[stored.object_id] = {
                name: record.origin.get(name)
                for name in ("creator", "project", "level", "committed_at")
                if isinstance(record.origin.get(name), (str, int))
            }

    def _name(self, obj, record):
        object.__setattr__(obj, "_object_id", bytes.fromhex(record.object_id))
        if record.path is not None:
            # Its checksum is known to be right, and the commit looks once more while it copies.
            object.__setattr__(obj, "_local_path", record.path)

    def _read(self, record):
        """Give the values of a record, and its links apart."""
        values, links = {}, {}
        for name, data in record.values.items():
            attribute = record.cls._attributes.get(name)
            where = f"{record.cls.__name__}.{name:.60}"
            if attribute is None:
                self.problems.append(f"{record} is foreign: there is no {where} here")
                continue
            value = decoded(attribute.kind, data, where)
            if value is None or name == "globalname":
                continue
            (links if attribute.kind.may_link() else values)[name] = value
        return values, links

    def _stored(self, record):
        """Give the stored object of this name, None where there is none."""
        session = self._session
        for _, extent in session.extents_of(record.cls):
            for row in rows_with_id(session, extent, record.object_id):
                number = pack(extent.code, int(row))
                if not session.may_see(session.row(number).domain):
                    msg = "it is in this store, where you may not see it"
                    raise ExportError(msg)
                return session.get(number)
        return None

    def _by_name(self, record, values, links):
        """Give the object of the same name, or a new one for it; None where it has no name."""
        cls = record.cls
        if not cls._unique:
            return None
        joined = {n: self._target(link) for n, link in links.items() if isinstance(link, Link)}
        joined |= {n: [self._target(each) for each in link] for n, link in links.items()
                   if isinstance(link, list)}  # fmt: skip
        joined = {n: v for n, v in joined.items() if v is not None}
        if issubclass(cls, ProcessTarget):
            # Of two raw frames that come at the same time none may take the place of the other.
            telling = {name for _, names in cls._unique for name in names}
            obj = stored_like(cls(**{n: v for n, v in (values | joined).items() if n in telling}))
            if obj is None:
                return None
            self._check_same_file(obj, values)
        else:
            obj = cls.get_or_create(**values, **joined)
        if obj._new is None:
            self._note_differences(record, obj, values)
        elif obj.object_id != record.object_id:
            object.__setattr__(obj, "_object_id", bytes.fromhex(record.object_id))
        return obj

    def _check_same_file(self, obj, values):
        """Refuse raw data of a name that this project uses for another file."""
        if getattr(obj, "sha256", None) != values.get("sha256"):
            self.remedy = _OWN_PROJECT
            msg = f"this project has {obj!r} of another content: their checksums differ"
            raise ExportError(msg)

    def _note_differences(self, record, obj, values):
        for name, value in values.items():
            kind = obj._attributes[name].kind
            if name in _OF_ITS_ENTRY:
                continue
            if encoded(kind, getattr(obj, name)) != encoded(kind, kind.coerce(value, name)):
                self.notes.append(f"{obj!r} has another {name} here; that of this store stays")

    def _compare(self, record, stored):
        """Refuse an object of a known name that is not the same."""
        for name, data in record.values.items():
            attribute = stored._attributes.get(name)
            if attribute is None or attribute.mutable or attribute.kind.may_link():
                continue
            if name != "globalname" and encoded(attribute.kind, stored.stored_value(name)) != data:
                msg = f"this store has another object of this name: its {name} differs"
                raise ExportError(msg)

    def _target(self, link):
        """Give the object of a link, also one that is only in the store; None where it is not."""
        found = self.found.get(link.object_id)
        if found is not None:
            return found
        cls = registry.known_class(link.class_name)
        if cls is None:
            return None
        session = self._session
        for _, extent in session.extents_of(cls):
            for row in rows_with_id(session, extent, link.object_id):
                number = pack(extent.code, int(row))
                return session.get(number) if session.may_see(session.row(number).domain) else None
        return None

    def _join(self, record):
        """Set the links of a new object."""
        obj = self.found[record.object_id]
        for name, links in self._links.get(record.object_id, {}).items():
            several = isinstance(links, list)
            targets = [self._target(each) for each in (links if several else [links])]
            if None in targets:
                needed = not isinstance(obj, Product) or name in type(obj).inputs
                text = f"{record}: its {name} is neither in the export nor in this store"
                (self.problems if needed else self.notes).append(text)
                continue
            try:
                setattr(obj, name, targets if several else targets[0])
            except AweError as err:
                self.problems.append(f"{record}: {err.cause}")

    def _check_keys(self):
        """Refuse raw data of which this store would think otherwise than that of the export."""
        for record in self.manifest.records:
            obj = self.found[record.object_id]
            is_raw = isinstance(obj, DataObject) and not isinstance(obj, Product)
            here = obj._new is None and obj.object_id == record.object_id
            if here or record.content_key is None or not is_raw:
                continue
            if content_key_of(obj) != record.content_key:
                self.remedy = _OWN_STORE
                self.problems.append(
                    f"{record}: what this store knows of its CCD and read-out mode is not what its "
                    "products were made with"
                )
