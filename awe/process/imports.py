"""The record of what came from another store."""

import datetime

from awe.store import DBObject, persistent

__all__ = ["Import"]


class Import(DBObject):
    """What was imported at one time, and where each object came from."""

    abstract = False
    exported_by = persistent("Who exported it", str)
    exported_at = persistent("When it was exported (UTC)", datetime.datetime)
    exported_version = persistent("Version of awe that exported it", str)
    manifest_sha256 = persistent("Checksum of its manifest, SHA-256", str)
    folder = persistent("Name of the folder that it came in", str)
    object_ids = persistent("Names of the objects that it added", [str])
    origins = persistent("Creator, project, level and time of commit by object_id, as they were in "
                         "the store that it came from", dict)  # fmt: skip

    @classmethod
    def origin_of(cls, obj):
        """Tell where an object came from.

        Parameters
        ----------
        obj : DBObject
            An object.

        Returns
        -------
        dict or None
            creator, project, level and committed_at in the store that it came from; None where it
            was made here.
        """
        found = cls.object_ids.contains(obj.object_id)
        return dict(found[0].origins[obj.object_id]) if found.exists() else None

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{len(self.object_ids)} objects of {self.exported_by} from {self.folder}"
