"""The library over HTTP: routes under ``/v1``, and a page."""
