"""What is given to ``run`` and to what asks for jobs, at `dpu` and at `lpu`."""

from awe.base.errors import AweTypeError, AweValueError
from awe.process.task import check_folder

__all__ = ["as_list", "as_seconds", "refuse_nameless", "what_to_do", "what_would_be"]


def what_to_do(sequence, arguments):
    """Give what a call of ``run`` is to do, and refuse what cannot be done.

    Parameters
    ----------
    sequence : str
        As for `Processor.run`.
    arguments : dict
        As for `Processor.run`.

    Returns
    -------
    awe.dpu.sequences.Plan
        The steps with their units.
    """
    from awe.dpu import sequences, targeting

    make = targeting.target_steps if "target" in arguments else sequences.make_plan
    found = make(sequence, arguments)
    check_folder(arguments.get("folder"))
    return found


def what_would_be(sequence, arguments):
    """Give the plan of a call of ``run``.

    Parameters
    ----------
    sequence : str
        As for `Processor.run`.
    arguments : dict
        As for `Processor.run`.

    Returns
    -------
    awe.process.plan.Plan
        Nothing is computed, stored or queued.
    """
    from awe.dpu import sequences, targeting

    make = targeting.plan_targets if "target" in arguments else sequences.foresee
    return make(sequence, arguments)


def refuse_nameless(values):
    """Refuse arguments of a recipe that are given without their names.

    Parameters
    ----------
    values : tuple
        What stood after the sequence.

    Raises
    ------
    AweTypeError
        There is one.
    """
    if values:
        msg = f"The arguments of a recipe are given by name, not as {values[0]!r}."
        raise AweTypeError(msg, remedy="Type: dpu.run('Reduce', instrument='OMEGACAM', ...)")


def as_list(jobids):
    """Take one number of a job, or several.

    Parameters
    ----------
    jobids : int or list of int
        What the user gave.

    Returns
    -------
    list of int
        The numbers.
    """
    return list(jobids) if isinstance(jobids, (list, tuple, set, range)) else [jobids]


def as_seconds(limit):
    """Take a limit of time.

    Parameters
    ----------
    limit : float or None
        What the user gave, in seconds.

    Returns
    -------
    float or None
        The same.

    Raises
    ------
    AweTypeError
        It is no number.
    AweValueError
        It is not positive.
    """
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, (int, float)):
        msg = f"dpu_time is a number of seconds, not {type(limit).__name__} {limit!r}."
        raise AweTypeError(msg)
    if not limit > 0:
        msg = f"dpu_time is {limit!r} s: no unit could end in that time."
        raise AweValueError(msg)
    return float(limit)
