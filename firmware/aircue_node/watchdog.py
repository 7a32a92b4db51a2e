"""The watchdog's judgement: whether every task of the node still gets on. Pure; Feeder is the thin shell around it."""

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Dog


class Watch:
    """Tasks, each with the moment it was last heard of and how long it may take until the next.

    Moments are the processor's own ticks in ms, which wrap; difference(later, earlier) is time.ticks_diff. An allowance
    must be shorter than half of the wrap (6 days). alive() is called from a timer, in between any two steps of a task.
    """

    def __init__(self, difference: "Callable[[int, int], int]") -> None:
        self._difference = difference
        self._tasks: dict[str, tuple[int, int]] = {}

    def tick(self, task: str, now: int, allowance_ms: int) -> None:
        """The task got on, and will again within allowance_ms."""
        self._tasks[task] = (now, allowance_ms)

    def late(self, now: int) -> list[str]:
        """The tasks that should have been heard of."""
        difference = self._difference
        return [task for task, (ticked, allowed) in self._tasks.items() if difference(now, ticked) > allowed]

    def alive(self, now: int) -> bool:
        return not self.late(now)


class Feeder:
    """Feeds the hardware's watchdog as long as every task is alive; feed is a timer's callback."""

    def __init__(self, watch: Watch, dog: "Dog", ticks_ms: "Callable[[], int]") -> None:
        self._watch = watch
        self._dog = dog
        self._ticks_ms = ticks_ms

    def feed(self, _timer: object = None) -> None:
        late = self._watch.late(self._ticks_ms())
        if late:
            print("watchdog: not heard of:", ", ".join(late))
        else:
            self._dog.feed()
