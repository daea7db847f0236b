# One image for every process of ours; docker-compose.yml says which process a container runs. No secret is in it.

FROM python:3.13.15-slim-trixie AS build

ENV UV_PROJECT_ENVIRONMENT=/opt/cryptoflow \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never

RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.8

WORKDIR /build

# The libraries first: this layer is made anew only when the lock changes.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-install-project

COPY README.md LICENSE dagster.yaml workspace.yaml ./
COPY sql ./sql
COPY cryptoflow ./cryptoflow
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-editable


FROM python:3.13.15-slim-trixie

# The number is written out, so that a host that admits only non-root images can tell.
RUN groupadd --gid 10001 cryptoflow \
    && useradd --uid 10001 --gid cryptoflow --home-dir /var/lib/cryptoflow --no-create-home --shell /usr/sbin/nologin cryptoflow \
    && install --directory --owner=cryptoflow --group=cryptoflow --mode=0750 /var/lib/cryptoflow /var/lib/cryptoflow/dagster

COPY --from=build /opt/cryptoflow /opt/cryptoflow
COPY --chown=cryptoflow:cryptoflow dagster.yaml workspace.yaml /var/lib/cryptoflow/dagster/

ENV PATH=/opt/cryptoflow/bin:$PATH \
    CRYPTOFLOW_HOME=/var/lib/cryptoflow \
    DAGSTER_HOME=/var/lib/cryptoflow/dagster \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1 \
    TZ=UTC

USER 10001:10001
WORKDIR /var/lib/cryptoflow

CMD ["cryptoflow", "--help"]
