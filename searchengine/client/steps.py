"""Steps of a method: calls and pauses, which a driver carries out."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    overload,
)

import httpx

from searchengine.errors import DecodeError

if TYPE_CHECKING:
    from searchengine.client.drivers import AsyncClient, Client

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. With ``files``, by the name of their field, it is a form, which is read from
    disk as it is sent; ``fields`` are its other fields. ``repeatable`` changes nothing."""

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Any = None
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    repeatable: bool = False

    @contextmanager
    def opened(self) -> Iterator[dict[str, Any]]:
        """Keywords of ``httpx.Client.request``. Raises DecodeError for a file."""
        request: dict[str, Any] = {"method": self.method, "url": self.path, "params": self.params}
        with ExitStack() as stack:
            if self.files:
                request |= {"data": self.fields, "files": _open(self.files, stack)}
            elif self.body is not None:
                request |= {"content": json.dumps(self.body), "headers": _JSON}
            yield request


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is done for so many ``seconds``."""

    seconds: float


#: What a driver did: a call is answered or fails on its way, a pause is over.
Outcome: TypeAlias = httpx.Response | httpx.RequestError | None

#: A generator of steps, which is sent the outcome of each and returns the result.
Steps: TypeAlias = Generator[Call | Pause, Outcome, R]


class Method(Protocol[P, R_co]):
    """Of a Client it returns the result; of an AsyncClient, it is to be awaited."""

    @overload
    def __get__(self, client: Client, owner: Any = None, /) -> Callable[P, R_co]: ...
    @overload
    def __get__(
        self, client: AsyncClient, owner: Any = None, /
    ) -> Callable[P, Coroutine[Any, Any, R_co]]: ...


def method(steps: Callable[Concatenate[Any, P], Steps[R]]) -> Method[P, R]:
    """A method of both clients, of one that yields its steps."""

    @functools.wraps(steps)
    def carried_out(client: Any, *args: P.args, **keywords: P.kwargs) -> Any:
        return client.run(steps(client, *args, **keywords))

    carried_out.__name__ = steps.__name__.removeprefix("_")
    return carried_out  # type: ignore[return-value] # functions bind as Method says


def sent_name(path: Path) -> str:
    """The name of a file, which on disk need not be UTF-8."""
    return path.name.encode("utf-8", "replace").decode()


_JSON = {"content-type": "application/json"}


def _open(files: Mapping[str, Path], stack: ExitStack) -> dict[str, tuple[str, Any]]:
    try:
        return {
            name: (sent_name(path), stack.enter_context(path.open("rb")))
            for name, path in files.items()
        }
    except OSError as error:
        raise DecodeError(str(error.filename), f"cannot be read ({error.strerror})") from error
