"""What an explorer is worked with: its controls, its buttons in groups, and the way to what is kept back."""

import ipywidgets

from course_utils.explorers.core.film import Film

HINT = "A box takes exact numbers; Page Up and Page Down leap."


class Panel(ipywidgets.Box):
    """Controls, then buttons. Groups named in `later` would answer the goal: they wait for `tell`."""

    def __init__(self, controls, presets, later, go, tell):
        self._go, self._tell, self._films = go, tell, {}
        self._groups = {label: self._group(label, group) for label, group in presets.items()}
        unknown = set(later) - set(self._groups)
        if unknown:
            raise ValueError(f"no group of buttons named {', '.join(sorted(unknown))}")
        self._open = [group for label, group in self._groups.items() if label not in later]
        show = _button("Show me", "Show what answers the task, without finding it", tell)
        show.add_class("explorer-show")
        self._buttons = ipywidgets.Box([*self._open, *([show] if later else [])])
        self._buttons.add_class("explorer-buttons")
        hint = ipywidgets.HTML(HINT)
        hint.add_class("explorer-hint")
        super().__init__([*controls, self._buttons, hint])
        self.add_class("explorer-panel")

    def tell(self):
        """All groups, in their order."""
        self._buttons.children = list(self._groups.values())

    def tell_playing(self, playing):
        """A film's button pauses it while it plays."""
        for button, text in self._films.items():
            button.description = button.tooltip = "Pause" if playing else text

    def _group(self, label, group):
        name = ipywidgets.Label(label)
        buttons = [
            _button(text, f"Go to: {text}", lambda values=values: self._go(values))
            for text, values in group.items()
        ]
        films = zip(buttons, group.items(), strict=True)
        self._films |= {button: text for button, (text, values) in films if isinstance(values, Film)}
        self.tell_playing(False)
        made = ipywidgets.Box([name, *buttons])
        made.add_class("explorer-group")
        return made


def _button(text, tooltip, then):
    button = ipywidgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
    button.on_click(lambda _: then())
    return button
