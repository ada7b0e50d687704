"""A screen without glass, and a hand at its keyboard and mouse, for the tests of windows."""

import functools
import importlib
import os
import shutil
import subprocess
import sys
import time

_KEYSYMS = {"+": "plus", "-": "minus", "?": "question", " ": "space", ".": "period",
            "enter": "Return", "escape": "Escape", "backspace": "BackSpace"}  # fmt: skip


def why_no_window():
    """Tell what is missing for a window in a test, or None."""
    if shutil.which("Xvfb") is None:
        return "Xvfb is not installed"
    try:
        import tkinter  # noqa: F401
    except ImportError:
        return "this Python has no tkinter"
    return None


def why_no_qt():
    """Tell what is missing for a window of Qt in a test, or None."""
    if shutil.which("Xvfb") is None:
        return "Xvfb is not installed"
    code = "from awe.view.inspect_screen import _qt_has_its_libraries as has; exit(not has())"
    if subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode:
        return "Qt or its X libraries are not installed"
    return None


class Screen:
    """An X server without glass, which ends with the process that began it."""

    def __init__(self):
        reader, writer = os.pipe()
        options = ["-displayfd", str(writer), "-screen", "0", "1600x1200x24", "-nolisten", "tcp",
                   "-noreset", "-dpi", "96"]  # fmt: skip
        self._server = subprocess.Popen(
            ["sh", "-c", 'Xvfb "$@" & read -r nothing; kill $!; wait', "sh", *options],
            pass_fds=[writer], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writer)
        with os.fdopen(reader) as told:
            number = told.readline().strip()
        self.display = f":{number}"

    def close(self):
        """Stop the server."""
        self._server.stdin.close()
        self._server.wait(timeout=10)


@functools.cache
def screen_of_this_process():
    """Give the one screen for windows of this process, never closed before it ends.

    Xlib ends a process whose server goes away, also after the last window was closed.
    """
    return Screen()


class Hand:
    """Moves the pointer over a window and types keys: events of the real canvas."""

    def __init__(self, figure):
        self.figure = figure
        self.window = figure.awe_window
        self._send = _Qt(figure) if "qt" in type(figure.canvas).__module__ else _Tk(figure)
        self._at = (5, 5)
        self.wait()

    def wait(self, seconds=0.02):
        """Let the window do what it has to."""
        end = time.monotonic() + seconds
        while True:
            self.figure.canvas.flush_events()
            if time.monotonic() > end:
                return

    def move(self, x, y, axes=None):
        """Move the pointer to a place of axes, by default of the first picture."""
        axes = axes or self.window.views[0].axes
        self._move_to(*axes.transData.transform((x, y)))

    def move_to_part(self, across, up):
        """Move the pointer to a place of the window, in parts of its size."""
        width, height = self.figure.bbox.size
        self._move_to(across * width, up * height)

    def _move_to(self, across, up):
        self._at = (round(across), round(self.figure.bbox.height - up))
        self._send.move(self._at)
        self.wait()

    def key(self, key):
        """Type a key."""
        self._send.key(key, self._at)
        self.wait()

    def type(self, text):
        """Type a text."""
        for letter in text:
            self.key(letter)

    def drag(self, x0, y0, x1, y1):
        """Drag the picture with the left button."""
        self.move(x0, y0)
        self._send.press(self._at)
        across, up = self.window.views[0].axes.transData.transform((x1, y1))
        end = (round(across), round(self.figure.bbox.height - up))
        self._send.move(end)
        self._send.release(end)
        self.wait()

    def wheel(self, steps):
        """Turn the wheel: up for positive steps."""
        for _ in range(abs(steps)):
            self._send.wheel(1 if steps > 0 else -1, self._at)
        self.wait()

    @property
    def read_out(self):
        """What the window says of the place under the pointer."""
        return self._send.read_out()

    def close_soon(self, close):
        """Call a function when the window waits for events."""
        timer = self.figure.canvas.new_timer(50, [(close, (), {})])
        timer.single_shot = True
        timer.start()
        return timer


class _Tk:
    """Events of TkAgg."""

    def __init__(self, figure):
        self.canvas = figure.canvas
        self.widget = figure.canvas.get_tk_widget()
        self.canvas.flush_events()
        self.widget.focus_force()

    def _event(self, name, at):
        self.widget.event_generate(name, x=at[0], y=at[1])

    def move(self, at):
        self._event("<Motion>", at)

    def key(self, key, at):
        self.widget.focus_force()
        self._event(f"<KeyPress-{_KEYSYMS.get(key, key)}>", at)

    def press(self, at):
        self._event("<ButtonPress-1>", at)

    def release(self, at):
        self._event("<ButtonRelease-1>", at)

    def wheel(self, step, at):
        self._event("<Button-4>" if step > 0 else "<Button-5>", at)

    def read_out(self):
        return self.canvas.toolbar.message.get()


class _Qt:
    """Events of QtAgg."""

    def __init__(self, figure):
        from matplotlib.backends.qt_compat import QT_API, QtCore, QtGui

        self.canvas = figure.canvas
        self.core, self.gui = QtCore, QtGui
        self.test = importlib.import_module(f"{QT_API}.QtTest").QTest
        self.button = QtCore.Qt.MouseButton.LeftButton

    def _point(self, at):
        ratio = self.canvas.device_pixel_ratio
        return self.core.QPoint(round(at[0] / ratio), round(at[1] / ratio))

    def _mouse(self, kind, at, button, held):
        place = self.core.QPointF(self._point(at))
        there = self.core.QPointF(self.canvas.mapToGlobal(self._point(at)))
        event = self.gui.QMouseEvent(getattr(self.core.QEvent.Type, kind), place, there, button,
                                     held, self.core.Qt.KeyboardModifier.NoModifier)  # fmt: skip
        self.core.QCoreApplication.sendEvent(self.canvas, event)

    def move(self, at):
        # A key is taken to be typed where the cursor is.
        self.gui.QCursor.setPos(self.canvas.mapToGlobal(self._point(at)))
        none = self.core.Qt.MouseButton.NoButton
        self._mouse("MouseMove", at, none, none)

    def key(self, key, at):
        named = {"enter": "Key_Return", "escape": "Key_Escape", "backspace": "Key_Backspace",
                 "F5": "Key_F5"}  # fmt: skip
        if key in named:
            self.test.keyClick(self.canvas, getattr(self.core.Qt.Key, named[key]))
        else:
            shift = self.core.Qt.KeyboardModifier
            self.test.keyClick(self.canvas, key, shift.ShiftModifier if key.isupper()
                               else shift.NoModifier)  # fmt: skip

    def press(self, at):
        self._mouse("MouseButtonPress", at, self.button, self.button)

    def release(self, at):
        self._mouse("MouseButtonRelease", at, self.button, self.core.Qt.MouseButton.NoButton)

    def wheel(self, step, at):
        qt = self.core.Qt
        place = self.core.QPointF(self._point(at))
        event = self.gui.QWheelEvent(
            place, self.core.QPointF(self.canvas.mapToGlobal(self._point(at))),
            self.core.QPoint(), self.core.QPoint(0, 120 * step), qt.MouseButton.NoButton,
            qt.KeyboardModifier.NoModifier, qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        self.core.QCoreApplication.sendEvent(self.canvas, event)

    def read_out(self):
        return self.canvas.toolbar.locLabel.text()
