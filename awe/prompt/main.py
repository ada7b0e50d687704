"""The `awe` command: the prompt, scripts, and the few jobs that need neither."""

import argparse
import gc
import os
import sys
from pathlib import Path

import awe
from awe.base.errors import AweError, did_you_mean
from awe.base.interrupts import press_again
from awe.prompt.notices import plain_warnings

__all__ = ["main"]

_HELP = """\
usage: awe                           open the awe> prompt
       awe SCRIPT.py [ARG ...]       run a script with everything preloaded
       awe -c 'CODE' [ARG ...]       run one command with everything preloaded
       awe ingest PATH ... [--instrument NAME] [--purpose KIND] [--commit]
                                     read FITS files; without --commit only say what would be done
       awe demo                      simulate a small night, reduce it and compare with the truth
       awe dpu start [--workers N] | stop | status
                                     the pool that runs jobs, and its web page; dpu.run(...)
                                     starts the pool by itself
       awe import FOLDER [--check]   restore what export(query, FOLDER) wrote, in your project;
                                     --check only says whether it could be
       awe backup FOLDER [--external]
                                     save the store and its files while others write; the second
                                     time only what is new
       awe restore FOLDER [--store URL]
                                     put a backup into an empty AWE_HOME, or into PostgreSQL
       awe verify [FOLDER] [--repair]
                                     check the store and its files, or a backup; --repair moves
                                     orphan files away
       awe reindex                   rebuild the columns that queries run on
       awe --version | --help

Settings: AWE_HOME (default ~/.awe) holds the store, the files, your recipes and Environment.cfg,
with lines such as `project = TUTORIAL2015`. A variable AWE_PROJECT, AWE_USER, AWE_PRIVILEGES,
AWE_STORE or AWE_DATA overrides the key of that name. `awe ingest --help` tells more of ingest.
"""


def main(argv=None):
    """Run the `awe` command.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status: 0 where all is well, 2 for what the user can mend, 1 for other errors
        and for problems that ``awe verify`` found, 130 after an interrupt.
    """
    if argv is None:
        # Start-up makes what stays: the collector of cycles begins when the store is open.
        gc.set_threshold(0)
        # NumPy's OpenBLAS starts a thread for each core, which would spin for 30 ms at once and
        # after each piece of work, on a core that others may need: it shall wait asleep.
        os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "16")
        _print_everything(sys.stdout)
        sys.unraisablehook = press_again
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with plain_warnings():
            return _dispatch(arguments)
    except AweError as err:
        print(f"awe: {err}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nawe: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, went away: nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _print_everything(stream):
    """Let what a terminal or a pipe cannot take be printed as an escape, as on stderr."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def _dispatch(arguments):
    if not arguments:
        return _prompt()
    first, rest = arguments[0], arguments[1:]
    if first in _COMMANDS:
        return _COMMANDS[first](rest)
    if first == "-":
        return _standard_input(rest)
    if first.startswith("-"):
        return _unknown(first, _COMMANDS)
    if Path(first).is_file():
        from awe.prompt.scripts import run_script

        return run_script(first, rest)
    return _unknown(first, [*_COMMANDS, *(str(p) for p in Path().glob("*.py"))])


def _unknown(word, known):
    what = "option" if word.startswith("-") else "command or file"
    msg = f"There is no {what} {word!r}.{did_you_mean(word, known)}"
    raise AweError(msg, remedy="awe --help shows what there is.")


def _prompt():
    if not sys.stdin.isatty():
        return _standard_input([])
    from awe.prompt.shell import run_shell

    return run_shell()


def _standard_input(arguments):
    from awe.prompt.scripts import run_source

    return run_source(sys.stdin.read(), "<stdin>", ["-", *arguments], "")


def _command(arguments):
    if not arguments:
        msg = "-c needs the code as one argument."
        raise AweError(msg, remedy="Type: awe -c 'print(context)'")
    from awe.prompt.scripts import run_command

    return run_command(arguments[0], arguments[1:])


def _parser(name, text):
    return argparse.ArgumentParser(prog=f"awe {name}", description=text)


def _ingest(arguments):
    parser = _parser("ingest", "Read FITS files into the store.")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files and folders")
    parser.add_argument("--instrument", metavar="NAME", help="by default the headers tell")
    parser.add_argument(
        "--purpose",
        metavar="KIND",
        help="bias, dark, dome, twilight, science ...; by default the headers tell",
    )
    parser.add_argument(
        "--commit", action="store_true", help="store the frames; without it only say what would be"
    )
    parser.add_argument(
        "--checksum", action="store_const", const=True, default=argparse.SUPPRESS,
        help="compute the SHA-256 of files that stay where they are (MUSE)",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    from awe.prompt.scripts import session

    with session():
        from awe.recipes.ingest_choice import ingest_task

        task = ingest_task(**vars(given))
        task.execute()
        return task.exit_status


def _import(arguments):
    parser = _parser("import", "Restore the objects, links and files of an export.")
    parser.add_argument("folder", metavar="FOLDER", help="what export(query, FOLDER) wrote")
    parser.add_argument("--project", metavar="NAME", help="by default the current project")
    parser.add_argument(
        "--check", action="store_true", help="only say whether it could be, and what is wrong"
    )
    given = parser.parse_args(arguments)
    from awe.prompt.scripts import session

    with session() as context:
        from awe.process.importing import import_folder

        if given.project is not None:
            context.set_project(given.project)
        print(import_folder(given.folder, commit=not given.check))
    return 0


def _demo(arguments):
    _parser("demo", "Simulate a small night, reduce it and compare with the truth.").parse_args(
        arguments
    )
    from awe.prompt.demo import run_demo
    from awe.prompt.scripts import session

    with session():
        return run_demo()


def _dpu(arguments):
    parser = _parser("dpu", "The pool of processes that runs jobs: start it, stop it, look at it.")
    parser.add_argument("what", choices=("start", "stop", "status"))
    parser.add_argument(
        "--workers", type=int, metavar="N", help="by default dpu_workers, or one for each core"
    )
    given = parser.parse_args(arguments)
    from awe.prompt.scripts import session
    from awe.services.commands import run_command

    with session():
        return run_command(given.what, "awe.prompt.namespace:open_session", given.workers)


def _safekeeping(name):
    def run(arguments):
        from awe.prompt import safekeeping

        return getattr(safekeeping, f"{name}_command")(arguments)

    return run


def _reindex(arguments):
    _parser("reindex", "Rebuild the columns that queries run on.").parse_args(arguments)
    from awe.prompt.scripts import session

    with session() as context:
        from awe.store.verify import reindex

        rebuilt = reindex(context)
    print(f"Rebuilt: {rebuilt}")
    return 0


def _version(arguments):
    print(f"awe {awe.__version__}")
    return 0


def _help(arguments):
    print(_HELP, end="")
    return 0


_COMMANDS = {
    "--help": _help,
    "--version": _version,
    "-V": _version,
    "-c": _command,
    "-h": _help,
    "backup": _safekeeping("backup"),
    "demo": _demo,
    "dpu": _dpu,
    "help": _help,
    "import": _import,
    "ingest": _ingest,
    "reindex": _reindex,
    "restore": _safekeeping("restore"),
    "verify": _safekeeping("verify"),
}
