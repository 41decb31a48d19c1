# The demo consortium: hospitals, centre, Prometheus and Alertmanager in one image, for deploy/compose/demo.yaml.
# BASE is Debian with Python 3.11 or newer and its venv.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/studyscope
COPY requirements/build.txt requirements/demo.txt requirements/
RUN /build/bin/pip install --quiet --no-cache-dir --require-hashes --requirement requirements/build.txt \
    && /build/bin/pip --python /opt/studyscope/bin/python install --quiet --no-cache-dir --require-hashes \
        --only-binary :all: --requirement requirements/demo.txt
COPY pyproject.toml README.md LICENSE ./
COPY contract contract
COPY exporter exporter
COPY aggregator aggregator
COPY dashboards dashboards
COPY deploy/demo deploy/demo
RUN /build/bin/python -m hatchling build --target wheel --directory /dist \
    && /build/bin/pip --python /opt/studyscope/bin/python install --quiet --no-cache-dir --no-deps --no-index /dist/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="Studyscope demo consortium" \
      org.opencontainers.image.description="Made-up hospitals, a centre, Prometheus and Alertmanager; nothing for real data" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/studyscope /opt/studyscope
COPY LICENSE /usr/share/doc/studyscope/LICENSE
ENV PATH=/opt/studyscope/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN mkdir -p /demo && chown 65532:65532 /demo
USER 65532:65532
WORKDIR /demo
VOLUME /demo
ENTRYPOINT ["studyscope-demo"]
CMD ["--folder", "/demo/data", "run"]
