"""The three things that can be wrong, named by what follows; `cli` turns each into its exit code in one place."""


class StanceError(Exception):
    """A message for the user: what was found, what was expected, what to do next."""

    exit_code = 2


class ConfigError(StanceError):
    """The configuration is wrong: nothing is run."""


class InputError(StanceError):
    """An input or output the user named cannot be used: nothing is run, or nothing more is written."""


class ModelError(StanceError):
    """The model cannot be loaded or cannot be trusted: nothing is scored."""

    exit_code = 3
