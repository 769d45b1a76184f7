"""Find the greatest number of calls that keeps a promise: doubling, then bisection."""

from dataclasses import dataclass, field

from schemas.errors import ConfigurationError


@dataclass(slots=True)
class CapacitySearch:
    """Says which number to try next, and takes the result of each trial.

    Attributes:
        start: First number to try.
        most: Never try more.
        tolerance: Stop when what is not known yet is a smaller share of what is good.
        good: Greatest number that kept the promise; 0 while none did.
        bad: Least number that broke it; None while none did.
    """

    start: int
    most: int = 1_024
    tolerance: float = 0.08
    good: int = 0
    bad: int | None = None
    tried: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        if not 1 <= self.start <= self.most:
            raise ConfigurationError(f"start with 1 to {self.most} calls, not {self.start}")

    @property
    def next_number(self) -> int | None:
        """Return what to try; None when the answer is known well enough."""
        if self.bad is None:
            doubled = self.good * 2 if self.good else self.start
            following = min(doubled, self.most)
            return following if following > self.good else None
        if self.bad - self.good <= max(1, int(self.tolerance * self.good)):
            return None
        return (self.good + self.bad) // 2

    def note(self, number: int, *, is_good: bool) -> None:
        """Take the result of a number."""
        self.tried.append(number)
        if is_good:
            self.good = max(self.good, number)
        elif self.bad is None or number < self.bad:
            self.bad = number
