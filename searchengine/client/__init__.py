"""A server's library from Python: ``Client``, and ``AsyncClient`` with the same methods.

::

    drivers.py    Client, AsyncClient: carry steps out, waiting or awaiting
    methods.py    what can be done, once for both: generators of steps
    steps.py      a step is a Call or a Pause; what makes a method of a generator
    trying.py     which calls are tried again, when, and how often
    parts.py      what is searched by, to JSON and files
    answers.py    JSON to the nouns of types/
    problems.py   problem documents to the errors of errors.py

Nothing here loads a network, a decoder, SQL or FAISS.
"""

from searchengine.client.drivers import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
