# The centre's aggregator, with the programs that write what Prometheus, Alertmanager and Grafana read.
#   docker build -f deploy/docker/aggregator.Dockerfile -t studyscope-aggregator .
# BASE is any image with Python 3.11 or newer and its venv; nothing here is of one architecture.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/studyscope
COPY requirements/build.txt requirements/aggregator.txt requirements/
RUN /build/bin/pip install --quiet --no-cache-dir --require-hashes --requirement requirements/build.txt \
    && /build/bin/pip --python /opt/studyscope/bin/python install --quiet --no-cache-dir --require-hashes \
        --only-binary :all: --requirement requirements/aggregator.txt
COPY pyproject.toml README.md LICENSE ./
COPY contract contract
COPY aggregator aggregator
COPY dashboards dashboards
RUN /build/bin/python -m hatchling build --target wheel --directory /dist \
    && /build/bin/pip --python /opt/studyscope/bin/python install --quiet --no-cache-dir --no-deps --no-index /dist/*.whl \
    && rm -f /opt/studyscope/bin/studyscope-exporter /opt/studyscope/bin/studyscope-demo

FROM ${BASE}
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Studyscope aggregator" \
      org.opencontainers.image.description="Takes the signed reports of a consortium's sites and federates what they publish into Prometheus" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/studyscope /opt/studyscope
COPY LICENSE /usr/share/doc/studyscope/LICENSE
ENV PATH=/opt/studyscope/bin:/usr/local/bin:/usr/bin:/bin \
    STUDYSCOPE_CENTRE=/etc/studyscope/centre.yaml \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN mkdir -p /etc/studyscope/state && chown 65532:65532 /etc/studyscope/state && chmod 700 /etc/studyscope/state
USER 65532:65532
WORKDIR /etc/studyscope
VOLUME /etc/studyscope/state
EXPOSE 8400
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8400/readyz', timeout=8)"]
ENTRYPOINT ["studyscope-aggregator"]
CMD ["serve"]
