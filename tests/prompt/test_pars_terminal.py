"""The tutorial's lines on parameters and calibrations, typed at the real prompt."""

import pytest

HIGH = "ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH"


def answer(prompt, line, timeout=60):
    """Type a line, and give what is printed; an error of any kind is not expected."""
    prompt.child.send(line + "\r")
    text = prompt.read(timeout=timeout)
    assert "Traceback" not in text, text
    assert "Error" not in text, text
    return text


class TestWithoutData:
    """What needs no frame in the store."""

    @pytest.mark.parametrize("what", ["ReduceTask", "'Reduce'", "ReducedScienceFrame"])
    def test_the_lines_of_the_tutorial(self, shared, what):
        prompt, _ = shared
        answer(prompt, f"p = Pars({what}, instrument='OMEGACAM')")
        shown = answer(prompt, "p.show()")
        assert "Parameters of Reduce" in shown
        (line,) = [w for w in map(str.split, shown.splitlines()) if "FRINGE_THRESHOLD_HIGH" in w]
        assert line == ["FRINGE_THRESHOLD_HIGH", "5.0", "sigma", "class", "0", "to", "..."]
        answer(prompt, f"p.{HIGH} = 6.0")
        assert f"{{'{HIGH}': 6.0}}" in answer(prompt, "p.get()")

    def test_help_lists_arguments_and_parameters(self, shared):
        prompt, _ = shared
        told = answer(prompt, "help(ReduceTask)")
        assert "raw_filenames   names of the raw frames" in told
        assert "process parameters: a Pars, or" in told
        assert "FRINGE_THRESHOLD_HIGH        5.0 sigma (0 to ...): Greatest strength" in told
        told = answer(prompt, "help(Pars)")
        assert "instrument  name of the instrument whose defaults count" in told
        assert "FRINGE_THRESHOLD_HIGH        5.0 sigma (0 to ...): Greatest strength" in told

    def test_tab_completes_down_to_the_parameter(self, shared):
        prompt, _ = shared
        answer(prompt, "t = Pars(ReduceTask, instrument='OMEGACAM')")
        for typed in ("t.ReducedS\t", ".pro\t", ".IMA\t"):
            prompt.type(typed)
        prompt.child.send(" = 4.5\r")
        assert "Error" not in prompt.read()
        name = "ReducedScienceFrame.process_params.IMAGE_THRESHOLD"
        assert f"{{'{name}': 4.5}}" in answer(prompt, "t.get()")

    def test_mistakes_are_messages(self, shared):
        prompt, _ = shared
        answer(prompt, "m = Pars('Reduce', instrument='OMEGACAM')")
        for line, told in (
            (f"m.{HIGH.replace('THRESH', 'TRESH')} = 6.0", "Did you mean 'FRINGE_THRESHOLD_HIGH'"),
            (f"m.{HIGH} = 'high'", "takes a number (float), not str 'high'"),
            (f"m.{HIGH} = -1.0", "is out of range: 0 to ... sigma"),
            ("Pars('Redce')", "There is no recipe 'Redce'. Did you mean 'Reduce'"),
        ):
            text = prompt.enter(line)
            assert told in text.replace("\n", "")
            assert "Traceback" not in text
        assert "{}" in answer(prompt, "m.get()")

    def test_a_file(self, shared):
        prompt, _ = shared
        answer(prompt, "s = Pars('Reduce', instrument='OMEGACAM')")
        answer(prompt, f"s.{HIGH} = 6.5")
        answer(prompt, "f = s.save('mine.yaml')")
        assert f"{{'{HIGH}': 6.5}}" in answer(prompt, "Pars.load('mine.yaml').get()")


@pytest.mark.heavy
class TestOnTheDemo:
    """What needs frames."""

    def test_parameters_reach_the_product_by_task_lpu_and_dpu(self, demo):
        answer(demo, "p = Pars(ReduceTask, instrument='OMEGACAM')")
        answer(demo, f"p.{HIGH} = 6.0")
        common = "instrument='OMEGACAM', raw_filenames=[raw.filename], commit=True, folder=None"
        look = "print(r.process_params.FRINGE_THRESHOLD_HIGH, r.parameter_origins)"
        last = "r = (ReducedScienceFrame.raw == raw).max('creation_date')"
        for run in (
            f"made = ReduceTask({common}, pars=p).execute()",
            f"made = ReduceTask({common}, pars=p.get()).execute()",
            f"job = lpu.run('Reduce', {common}, pars=p)",
            f"job = dpu.run('Reduce', {common}, pars=p); done = dpu.wait(job)",
        ):
            before = answer(demo, "print('count', len(ReducedScienceFrame.raw == raw))")
            answer(demo, run, timeout=120)
            after = answer(demo, "print('count', len(ReducedScienceFrame.raw == raw))")
            assert before.splitlines()[1] != after.splitlines()[1]
            answer(demo, last)
            told = answer(demo, look).replace("\n", "")
            assert "6.0 (" in told
            assert "FRINGE_THRESHOLD_HIGH: user" in told
            assert "IMAGE_THRESHOLD: class" in told

    def test_a_chain_gives_each_recipe_its_own(self, demo):
        answer(demo, "c = Pars('Bias>Reduce', instrument='OMEGACAM')")
        answer(demo, "c.BiasFrame.process_params.SIGMA_CLIP = 4.0")
        answer(demo, "c.ReducedScienceFrame.process_params.IMAGE_THRESHOLD = 4.5")
        answer(
            demo,
            "job = lpu.run('Bias>Reduce', instrument='OMEGACAM', chip=raw.chip.name, pars=c, "
            "commit=True, folder=None)", timeout=120,
        )  # fmt: skip
        answer(demo, "r = (ReducedScienceFrame.raw == raw).max('creation_date')")
        told = answer(demo, "r.process_params.IMAGE_THRESHOLD, r.bias.process_params.SIGMA_CLIP")
        assert "(4.5, 4.0)" in told

    def test_explanations_fit_the_screen(self, demo):
        told = answer(demo, "raw.explain('bias')")
        assert "  calibration nights chip mode interval is_valid flags overscan visible" in told
        assert "chip is ESO_CCD_#" in told
        rows = [line for line in told.splitlines() if line[:2] in ("> ", "+ ", "- ")]
        assert rows[0].startswith("> ")
        told = answer(demo, "red.explain('flat')")
        assert "  used: <MasterFlatFrame" in told
        assert ">*" in told
        assert "mode interval is_valid flags visible" in told
        assert "chip mode filter" in told or "chip filter mode" in told

    def test_a_verdict_changes_the_choice_and_none_is_explained(self, demo):
        answer(demo, "names = [raw.filename]")
        answer(demo, "biases = [b for b in BiasFrame.chip == raw.chip]")
        answer(demo, "b = raw.explain('bias').chosen")
        answer(demo, "context.update_is_valid(b, 0, 'light leak')")
        assert "False" in answer(demo, "raw.explain('bias').chosen is b")
        answer(demo, "bad = [context.update_is_valid(x, 0, 'light leak') for x in biases]")
        text = demo.enter("ReduceTask(instrument='OMEGACAM', raw_filenames=names).execute()")
        assert "fails only by is_valid is 0" in text
        assert "calibration nights chip mode interval is_valid flags overscan visible" in text
        assert "Traceback" not in text
        answer(demo, "context.update_is_valid(b, 1, 'was fine')")
        assert "True" in answer(demo, "raw.explain('bias').chosen is b")

    def test_the_calendar_is_a_picture(self, demo):
        answer(demo, "calendar(BiasFrame, instrument='OMEGACAM', chip=raw.chip.name, save='c.png')")
        assert "PNG" in answer(demo, "print(open('c.png', 'rb').read(4))")
        text = demo.enter("calendar(RawBiasFrame, instrument='OMEGACAM')")
        assert "RawBiasFrame has no intervals of validity" in text
