"""The commands `awe backup`, `awe restore` and `awe verify`."""

import argparse
import os

from awe.base.environment import home, read_environment
from awe.base.errors import AweError
from awe.base.paths import typed_path

__all__ = ["backup_command", "restore_command", "verify_command"]

_PARTS = ("instruments", "recipes")
# Lines of a list that may be long.
_MOST = 20


def backup_command(arguments):
    """Save the store and its files in a folder.

    Parameters
    ----------
    arguments : list of str
        What follows ``awe backup``.

    Returns
    -------
    int
        0, or 1 where something could not be taken.
    """
    parser = argparse.ArgumentParser(
        prog="awe backup",
        description="Save the store, its files, and your recipes and settings in a folder, while "
        "others write. The second time only what is new is copied.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="empty, or with an earlier backup")
    parser.add_argument(
        "--external", action="store_true",
        help="take the files that stay where they were collected as well",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    from awe.prompt.scripts import session

    with session() as context:
        from awe.store.backup import backup

        report = backup(
            context, given.folder, external=given.external, home=home(), parts=_own_parts(home())
        )
    _print_problems(report.problems)
    outside = f" and {report.outside} outside of the store" if report.outside else ""
    print(
        f"{report.objects} objects and {report.files} files{outside} are in {report.folder}: "
        f"{report.new} new files, {report.written / 1e6:.1f} MB written in {report.seconds:.1f} s."
    )
    if report.left:
        print(
            f"{report.left} files outside of the store stay where they are and are not in it: "
            f"awe backup --external {report.folder} takes them."
        )
    return 1 if report.problems else 0


def _own_parts(folder):
    """Give the settings, recipes and instruments of the user, as paths below AWE_HOME."""
    found = [folder / "Environment.cfg"]
    for part in _PARTS:
        found += (folder / part).rglob("*")
    return sorted(
        path.relative_to(folder).as_posix()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    )


def restore_command(arguments):
    """Restore a backup into an empty AWE_HOME, or into the database of a team.

    Parameters
    ----------
    arguments : list of str
        What follows ``awe restore``.

    Returns
    -------
    int
        0, or 1 where something could not be restored.
    """
    parser = argparse.ArgumentParser(
        prog="awe restore",
        description="Restore what `awe backup FOLDER` saved: all of it, or nothing. Nothing that "
        "is there is overwritten.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="what `awe backup` wrote")
    parser.add_argument(
        "--store", metavar="URL", help="a folder or postgresql://...; by default as in AWE_HOME"
    )
    parser.add_argument(
        "--external", action="store_true",
        help="put files outside of the store back where they were collected",
    )  # fmt: skip
    parser.add_argument(
        "--incomplete", action="store_true",
        help="go on without the files that are damaged or missing in the backup",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if given.store is not None:
        os.environ["AWE_STORE"] = given.store
    from awe.store.backup_contents import without_password
    from awe.store.backup_restore import finished_backup, restore
    from awe.view import enter

    # Before AWE_HOME and its folders are made.
    finished_backup(given.folder)
    settings = read_environment()
    enter()
    report = restore(
        given.folder, settings.store, settings.data, external=given.external,
        incomplete=given.incomplete, home=settings.home,
    )  # fmt: skip
    _print_problems(report.problems)
    for path in report.kept:
        print(f"Left in the backup, since others are there or it names a store: {path}")
    print(
        f"{report.objects} objects and {report.files} files as of {report.made} UTC are in the "
        f"store {without_password(settings.store)}, files {settings.data} "
        f"({report.seconds:.1f} s)."
    )
    if report.outside:
        print(f"{report.outside} files outside of the store are where they were collected.")
    if report.left:
        print(f"{report.left} files outside of the store are left in the backup (--external).")
    if given.store is not None:
        print(f"Put it into {settings.home / 'Environment.cfg'} as well: store = ...")
    return 1 if report.problems else 0


def verify_command(arguments):
    """Check the store, that of another home, or a backup.

    Parameters
    ----------
    arguments : list of str
        What follows ``awe verify``.

    Returns
    -------
    int
        0, or 1 where something is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="awe verify",
        description="Check a store or a backup: every object, column, link, file and checksum.",
    )
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?",
        help="a backup, another AWE_HOME, or postgresql://...; by default your own store",
    )  # fmt: skip
    parser.add_argument(
        "--repair", action="store_true", help="move files that no object has to lost+found"
    )
    given = parser.parse_args(arguments)
    if given.folder is None:
        return _verify_store(given.repair)
    if "://" in given.folder:
        os.environ["AWE_STORE"] = given.folder
        return _verify_store(given.repair)
    folder = typed_path(given.folder).absolute()
    if folder.name == "store" and _is_home(folder.parent):
        folder = folder.parent
    if _is_home(folder):
        os.environ["AWE_HOME"] = str(folder)
        for key in ("AWE_STORE", "AWE_DATA"):
            os.environ.pop(key, None)
        return _verify_store(given.repair)
    if given.repair:
        msg = f"{folder} is no AWE_HOME; only a store is repaired."
        raise AweError(msg, remedy="Type: awe verify --repair")
    return _verify_backup(folder)


def _is_home(folder):
    return (folder / "Environment.cfg").is_file() or (folder / "store" / "main.sqlite3").is_file()


def _verify_store(repair):
    from awe.prompt.scripts import session

    with session() as context:
        from awe.store.external import check_external
        from awe.store.verify import verify

        problems = verify(context, repair=repair)
        outside, without = check_external()
    problems += outside
    _print_problems(problems)
    _tell_of_missing_checksums(without)
    return _verdict(problems)


def _tell_of_missing_checksums(paths):
    if not paths:
        return
    print(f"{len(paths)} files outside of the store have no checksum (ingest with --checksum):")
    for path in paths[:_MOST]:
        print(f"  {path}")
    if len(paths) > _MOST:
        more = len(paths) - _MOST
        print(f"  ... and {more} more; at the prompt: (ExternalFile.sha256 == None).values('path')")


def _verify_backup(folder):
    from awe.prompt.namespace import load_classes
    from awe.store.backup_verify import verify_backup

    load_classes()
    problems, notes = verify_backup(folder)
    _print_problems(problems)
    for note in notes:
        print(note)
    if problems:
        print("What is damaged or foreign: remove it and type `awe backup` again, which copies "
              "anew what is missing.")  # fmt: skip
    return _verdict(problems)


def _print_problems(problems):
    for problem in problems:
        print(problem)


def _verdict(problems):
    print(f"{len(problems)} problems found." if problems else "Nothing is wrong.")
    return 1 if problems else 0
