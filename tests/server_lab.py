"""Servers and other processes that end with the process of the tests, however that ends."""

import glob
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

__all__ = ["Postgres", "Watch"]


class Watch:
    """Run a command when this process is gone, also where it was killed.

    Parameters
    ----------
    *command : str or int or Path
        What is run then, in the folder `/`.
    """

    def __init__(self, *command):
        # Not of our session: what ends all of that must not end this.
        self._shell = subprocess.Popen(
            ["sh", "-c", 'read -r nothing; exec "$@"', "sh", *map(str, command)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd="/", start_new_session=True,
        )  # fmt: skip

    def call_off(self):
        """Let it be: what it would have ended has ended."""
        self._shell.kill()
        self._shell.communicate()


class Postgres:
    """A PostgreSQL server in a folder of its own, reached by a socket in that folder.

    The test that asks for one is skipped where PostgreSQL is not installed.
    """

    def __init__(self):
        self._programs = _programs()
        # Short, as the path of a socket must be, and not below a folder that only we may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="awepg"))
        self._as_user = []
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as_user = ["runuser", "-u", "postgres", "--"]
        self._watch = Watch("sh", "-c", '"$@"; rm -rf "$0"', self.folder, *self._stop)
        self._run(*self._command("initdb"), "-U", "postgres", "-A", "trust", "-E", "UTF8")

    @property
    def data(self):
        """The folder of its data."""
        return self.folder / "data"

    @property
    def is_up(self):
        """Whether it runs."""
        return (self.data / "postmaster.pid").exists()

    @property
    def _stop(self):
        return (*self._command("pg_ctl"), "-m", "immediate", "-w", "stop")

    def _command(self, program):
        return *self._as_user, self._programs / program, "-D", self.data

    def _run(self, *command):
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            cwd=self.folder, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def start(self):
        """Start it."""
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=60"
        self._run(*self._command("pg_ctl"), "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self):
        """Kill it without warning."""
        self._run(*self._stop)

    def remove(self):
        """End it and remove what it wrote."""
        if self.is_up:
            self.stop()
        self._watch.call_off()
        shutil.rmtree(self.folder)

    def url(self, database):
        """Give the address of a database."""
        return f"postgresql://postgres@/{database}?host={self.folder}"


def _programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    path = shutil.which("initdb") or (found[-1] if found else None)
    if path is None:
        pytest.skip("PostgreSQL is not installed: there is no initdb")
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
    return Path(path).parent
