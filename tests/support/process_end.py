"""The end of a process that no test expects."""


def unexpected_end() -> None:
    """Stand in for the end of the process, which would take the whole test run with it.

    Raises:
        AssertionError: Always.
    """
    raise AssertionError("the worker would have ended its process")
