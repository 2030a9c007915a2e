# syntax=docker/dockerfile:1
# The batch platform: Dagster's code server, web interface and daemon in one image.
# Build from the repository's root: docker build -f deployment/batch.Dockerfile .

ARG PYTHON=3.11
FROM python:${PYTHON}-slim AS build
WORKDIR /app
COPY locks locks
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes -r locks/bootstrap.txt \
    && .venv/bin/uv pip sync --no-cache --python .venv/bin/python --require-hashes \
        --build-constraints locks/build.txt locks/postgres.txt
COPY pyproject.toml README.md LICENSE ./
COPY analytics_platform analytics_platform
COPY api api
COPY bento_services bento_services
COPY streaming streaming
RUN .venv/bin/uv pip install --no-cache --python .venv/bin/python --no-deps \
        --build-constraints locks/build.txt --editable .

FROM python:${PYTHON}-slim
# LightGBM's threads need libgomp1.
RUN apt-get update -qq \
    && apt-get install -qq -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data platform \
    && install -d -o platform /data
COPY --from=build /app /app
WORKDIR /app
COPY dbt_project dbt_project
COPY deployment deployment
COPY dagster.yaml workspace.yaml ./
RUN install -d /app/instance \
    && cp deployment/dagster.yaml instance/dagster.yaml \
    && install -d -o platform dbt_project/target dbt_project/logs
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/app/instance \
    DAGSTER_STORAGE=/data/dagster \
    ANALYTICS_HOME=/data \
    ANALYTICS_LOGS__FORMAT=json \
    DAGSTER_DISABLE_TELEMETRY=yes \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    BENTOML_DO_NOT_TRACK=True \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false \
    GX_ANALYTICS_ENABLED=false \
    RUNTIME__DLTHUB_TELEMETRY=false
USER platform
VOLUME /data
EXPOSE 3000 4000
CMD ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", "4000", \
     "--location-name", "analytics_platform", "-m", "analytics_platform.definitions"]
