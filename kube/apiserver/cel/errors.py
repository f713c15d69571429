"""What goes wrong with an expression: it is refused when it is compiled, or fails when it is evaluated."""


class CelError(Exception):
    """The expression has no value for these variables; the sentence is cel-go's."""


class OutOfBudget(CelError):
    """The evaluation was given up because it costs too much."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")


class CompileError(Exception):
    """The text is no expression, or none that can have a value; shown with the place, as cel-go shows it."""

    def __init__(self, text: str, at: int, message: str) -> None:
        line_start = text.rfind("\n", 0, at) + 1
        line = text.count("\n", 0, at) + 1
        line_end = text.find("\n", at)
        shown = text[line_start : line_end if line_end >= 0 else len(text)]
        column = at - line_start
        super().__init__(f"ERROR: <input>:{line}:{column + 1}: {message}\n | {shown}\n | {'.' * column}^")
        self.message = message
        self.at = at
