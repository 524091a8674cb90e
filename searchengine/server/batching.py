"""An encoder whose calls from many requests are joined into batches."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field

import numpy as np

from searchengine.encoders.encoder import Encoder, Prepared
from searchengine.encoders.wrapped import Wrapped
from searchengine.server import metrics
from searchengine.server.errand import GivenUp, errand
from searchengine.server.limits import Turns
from searchengine.server.problems import Busy
from searchengine.types import FloatArray, Modality

#: Segments that are encoded at once, and that may wait: at 30 ms a segment, four seconds' worth.
BATCH, WAITING = 32, 128
#: How long a request waits for its vectors.
PATIENCE_S = 30.0


@dataclass(slots=True, eq=False)
class _Call:
    batch: Sequence[Prepared]
    modality: Modality
    answer: Future[FloatArray] = field(default_factory=Future)


class Batched(Wrapped):
    """See ``Encoder``. One thread encodes; what came while it did goes together, by modality.

    Raises GivenUp when the request that asks was; Busy when more than ``waiting`` segments wait,
    when the vectors are not there after ``patience_s``, and when it is closed.
    """

    def __init__(
        self,
        encoder: Encoder,
        waiting: int = WAITING,
        patience_s: float = PATIENCE_S,
        turns: Turns | None = None,
    ) -> None:
        super().__init__(encoder)
        self._turns = turns or Turns(1)
        self._most = waiting
        self._patience_s = patience_s
        self._calls: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._open = True
        threading.Thread(target=self._work, name="encoder", daemon=True).start()

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        if not batch:
            return np.empty((0, self.dim), np.float32)
        call = _Call(batch, modality)
        self._turns.leave()
        try:
            with errand().stopping(call.answer.cancel):
                self._add(call)
                vectors = call.answer.result(self._patience_s)
            self._turns.take()
            return vectors
        except CancelledError:
            raise GivenUp("nobody waits for the vectors any more") from None
        except Late:
            call.answer.cancel()  # nobody waits for it: it is passed over
            raise Busy(f"not encoded within {self._patience_s:g} s; try again later") from None

    @property
    def waiting(self) -> int:
        """Segments that nobody has begun to encode."""
        with self._changed:
            return self._waiting()

    def close(self) -> None:
        """Let the thread end when all that waits is done."""
        with self._changed:
            self._open = False
            self._changed.notify()

    def _waiting(self) -> int:
        return sum(len(call.batch) for call in self._calls if not call.answer.cancelled())

    def _add(self, call: _Call) -> None:
        """A call of more segments than may wait goes in when nothing else waits."""
        with self._changed:
            if not self._open:
                raise Busy("the server is going down")
            waiting = self._waiting()
            if waiting and waiting + len(call.batch) > self._most:
                raise Busy("too many requests wait for the encoder; try again in a moment")
            self._calls.append(call)
            self._changed.notify()

    def _work(self) -> None:
        while calls := self._next():
            wanted = [call for call in calls if call.answer.set_running_or_notify_cancel()]
            if wanted:
                self._answer(wanted)

    def _answer(self, calls: Sequence[_Call]) -> None:
        """All at once; when that fails one by one, so that only the bad ones fail."""
        joined = [prepared for call in calls for prepared in call.batch]
        metrics.encoded(len(joined))
        try:
            vectors = self._encoder.encode(joined, calls[0].modality)
        except Exception as error:
            for call in calls if len(calls) > 1 else ():
                self._answer([call])
            if len(calls) == 1:
                calls[0].answer.set_exception(error)
            return
        ends = np.cumsum([len(call.batch) for call in calls])[:-1]
        for call, mine in zip(calls, np.split(vectors, ends), strict=True):
            call.answer.set_result(mine)

    def _next(self) -> list[_Call]:
        """Calls of one modality, the oldest first; none when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls or not self._open)
            chosen: list[_Call] = []
            for call in list(self._calls):
                size = sum(len(one.batch) for one in chosen)
                if not chosen or (
                    call.modality is chosen[0].modality and size + len(call.batch) <= BATCH
                ):
                    chosen.append(call)
                    self._calls.remove(call)
            return chosen
