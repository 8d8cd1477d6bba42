"""A button that plays: one state after the other, to the last one or until it is pressed again."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

PAUSE = 0.1  # seconds from one picture to the next
LATE = 10  # pictures after which the page may still answer one


@dataclass(frozen=True)
class Film:
    """`frames(state)` gives new values, one picture after the other. Called, a film gives the last of them."""

    frames: Callable

    def __call__(self, state):
        return list(self.frames(state))[-1]


class Projector:
    """Shows films: `show(values)` draws a picture, `tell(playing)` says that one begins or has ended."""

    def __init__(self, show, tell):
        self._show, self._tell, self._task = show, tell, None
        self._recent = deque(maxlen=LATE)

    def press(self, film, state):
        """Begin, or stop what is playing. Where no page waits the last picture is shown at once."""
        if self._task:
            return self.stop()
        try:
            self._task = asyncio.get_running_loop().create_task(self._play(film, state))
        except RuntimeError:  # nobody to see it move
            self._show(film(state))

    def stop(self):
        """Stay at the picture that is shown."""
        if self._task:
            self._task.cancel()

    def is_echo(self, name, value) -> bool:
        """Is this value of a control the page's late answer to a picture of the film, and no move of somebody?"""
        return self._task is not None and any(values.get(name) == value for values in self._recent)

    async def _play(self, film, state):
        self._recent.clear()
        self._tell(True)
        try:
            for values in film.frames(state):
                self._recent.append(values)
                self._show(values)
                await asyncio.sleep(PAUSE)
        finally:
            self._task = None
            self._tell(False)
