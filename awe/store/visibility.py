"""Who sees what: the only place that decides it.

Level 1 (MyDB): the creator. 2 (Project): the members of the project. 3 (Astro-WISE): every named
user. 4 (World) and 5 (VO): everybody. Vocabulary: everybody. A query leaves out what lies below
the current privileges; a link is followed to whatever the user may see.
"""

from awe.store.records import DELETED, VOCABULARY

__all__ = ["Visibility"]


class Visibility:
    """What one user sees in one store.

    Parameters
    ----------
    session : Session
        The session.
    user : User or None
        None stands for an unnamed reader.
    level : int
        The current privileges.
    """

    def __init__(self, session, user, level):
        self._session = session
        self._user = user
        self._level = level
        self._epoch = -1
        self._may = {}
        self._member = {}

    def _renew(self):
        if self._epoch != self._session.epoch:
            self._epoch = self._session.epoch
            self._may = {}
            self._member = {}

    def may_see(self, domain):
        """Tell whether the user may see objects of a domain at all.

        Parameters
        ----------
        domain : int
            Number of creator, project and level in the store.

        Returns
        -------
        bool
            True for vocabulary, False for what was deleted.
        """
        self._renew()
        if domain not in self._may:
            self._may[domain] = self._decide(domain)
        return self._may[domain]

    def in_query(self, domain):
        """Tell whether queries of the user give objects of a domain.

        Parameters
        ----------
        domain : int
            Number of creator, project and level in the store.

        Returns
        -------
        bool
            What may be seen and lies at or above the current privileges.
        """
        if not self.may_see(domain):
            return False
        level = self._session.root.domains.triples[domain][2]
        return domain == VOCABULARY or level >= self._level

    def _decide(self, domain):
        if domain in (DELETED, VOCABULARY):
            return domain == VOCABULARY
        creator, project, level = self._session.root.domains.triples[domain]
        if level >= 4:
            return True
        if self._user is None:
            return False
        if level == 1:
            return creator == self._user._packed
        return level == 3 or self._is_member(project)

    def _is_member(self, project):
        if project not in self._member:
            self._member[project] = self._session.get(project).has_member(self._user)
        return self._member[project]
