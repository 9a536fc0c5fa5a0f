"""What ended an agent."""


def cause(error: BaseException) -> BaseException:
    """What a task raised, without the groups that its task groups made of it."""
    held: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return cause(held[0]) if len(held) == 1 else error
