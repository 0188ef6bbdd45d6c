"""What was told of a check, carried over to how it was found since: only what is new is told again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody was told.

    :param count: how many differences there were.
    :param subjects: the first ids of them, which were kept; the others were told as part of the count.
    """

    count: int
    subjects: tuple[str, ...]

    def still(self, count: int, subjects: Sequence[str], shown: Collection[str] = ()) -> Told:
        """Return what is told of the differences that there are now.

        Of a difference that has more ids than are kept, the next ones slide in at the end as the first ones go. They
        were told as part of the count, as far as that covers more than was kept. An id before one that was kept has
        not slid in: it is new. What has gone is taken off the count as well, so that as many new ones behind the
        last id that is kept are news.

        :param count: how many there are now.
        :param subjects: the first ids of them, always in the same order.
        :param shown: the ids that were kept last time; those of them that nobody was told of are still new.
        """
        left, kept, behind, new = Counter(self.subjects), list[str](), list[str](), 0
        for subject in subjects:
            if left[subject]:
                left[subject] -= 1
                kept.append(subject)
                new, behind = new + len(behind), []
            elif subject in shown:
                new += 1
            else:
                behind.append(subject)
        number = max(min(self.count - left.total(), count - new), len(kept))
        # The last of them: whoever is new may stand anywhere, who has slid in stands at the end.
        covered = behind[max(len(behind) - (number - len(kept)), 0) :]
        return Told(number, (*kept, *covered))
