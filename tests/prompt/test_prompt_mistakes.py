"""What one mistypes at the awe> prompt: the answer names what was meant, and what to type."""

import pytest


@pytest.fixture(scope="module")
def noted(shared):
    """Give the prompt on a store with a note of the title 'slip'."""
    prompt, _ = shared
    prompt.enter("Note(name='slip', seeing=1.0).commit()")
    return prompt


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Noet.select_all()", "name 'Noet' is not defined. Did you mean 'Note'"),
        ("BiasTaks(instrument='X')", "Did you mean 'BiasTask'"),
        ("(Note.name == 'nothing').max('seeing').info()", "query.explain() tells"),
        ("[Note.get(name='slip')].inspect()", "Type inspect(...) with the list"),
        ("[Note.get(name='slip')].order_by('seeing')", "queries have, such as CLASS.select_all()"),
        ("[Note.get(name='slip')].seeing", "Type [x.seeing for x in ...]"),
        ("BiasTask.execute()", "BiasTask(...).execute()"),
        ("Note.select_all().table(nmaes='seeing')", "Note.select_all().table(*names)"),
        ("context.set_project(projekt='X')", "Did you mean 'project'?"),
        ("missing(Note)", "missing(cls, query, pars=None)"),
        ("Note.get(name='slip').inf()", "Did you mean 'info'"),
        ("Note.get(name='slip').delete()", "here it is context.delete(obj)."),
        ("Note.observer == 'Vera Rubin'", "By its name: Note.observer.name == 'Vera Rubin'"),
        ("Note.EXPTIME > 5", "It is an attribute of"),
        ("inspect('d1059.fits')", "Type: ingest('d1059.fits', commit=True)"),
        ("help('Noet')", "Did you mean 'Note'"),
    ],
)
def test_a_slip_is_told_in_a_few_lines(noted, line, words):
    answer = noted.enter(line)
    assert words in " ".join(answer.split())
    assert "Traceback" not in answer
    assert len(answer.splitlines()) < 8


@pytest.mark.parametrize(
    "line", ["1 / 0", "1 + 'a'", "len(5)", "np.zeros(shape=3, dtipe=float)", "quite_unlike_any_zz"]
)
def test_what_is_not_ours_keeps_its_traceback(shared, line):
    prompt, _ = shared
    assert "Traceback" in prompt.enter(line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("help('Reduce')", "Make a ReducedScienceFrame with its WeightFrame"),
        ("help('Note')", "Seeing when it was written [arcsec]"),
        ("help(6.0)", "p.show()"),
        ("help(BiasFrame.process_params.SIGMA_CLIP)", "3.0 sigma by default, 1 to ..."),
        ("help(context)", "set_project(project)"),
        ("help(Note.select_all())", "order_by(*names)"),
        ("help('if')", 'The "if" statement'),
    ],
)
def test_help(shared, line, words):
    prompt, _ = shared
    answer = prompt.enter(line)
    assert words in " ".join(answer.split())
    assert "__init__" not in answer
