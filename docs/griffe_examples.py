"""An extension of griffe: archbo's docstrings head their examples with ``Example:``, Google's style with ``Examples:``."""

import re

import griffe


class Examples(griffe.Extension):
    """Let the section ``Example:`` be one of code that runs."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Rename the section in a docstring."""
        if obj.docstring:
            text = re.sub(
                r"^(\s*)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE
            )
            obj.docstring.value = text
