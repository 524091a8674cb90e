# A server, or a worker, of a library. docs/deploy.md says how to run it.
FROM python:3.12-slim-bookworm AS build
RUN python -m venv /opt/searchengine
WORKDIR /source
# What it needs changes less often than it does: a layer of its own.
COPY pyproject.toml .
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
      print(*p['dependencies'], *p['optional-dependencies']['postgres'], sep='\n')" > needed.txt \
    && /opt/searchengine/bin/pip install --no-cache-dir -r needed.txt
COPY . .
RUN /opt/searchengine/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim-bookworm
COPY --from=build /opt/searchengine /opt/searchengine
# Both folders are the user's, so that volumes mounted there are too.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin searchengine \
    && install -d -o searchengine -g searchengine /library /models
ENV PATH=/opt/searchengine/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    SEARCHENGINE_LIBRARY=/library \
    SEARCHENGINE_MODELS=/models
USER 10001:10001
EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/healthz', timeout=2)"]
ENTRYPOINT ["searchengine"]
CMD ["serve", "--host", "0.0.0.0"]
