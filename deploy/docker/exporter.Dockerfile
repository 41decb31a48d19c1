# The exporter of one hospital. From the root of the source tree:
#   docker build -f deploy/docker/exporter.Dockerfile -t studyscope-exporter .
#   … --build-arg ROLE=exporter-page -t studyscope-exporter:page .      with the hospital's own page
# BASE is any image with Python 3.11 or newer and its venv; nothing here is of one architecture.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
ARG ROLE=exporter
WORKDIR /source
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/studyscope
COPY requirements/build.txt requirements/${ROLE}.txt requirements/
RUN /build/bin/pip install --quiet --no-cache-dir --require-hashes --requirement requirements/build.txt \
    && /build/bin/pip --python /opt/studyscope/bin/python install --quiet --no-cache-dir --require-hashes \
        --only-binary :all: --requirement requirements/${ROLE}.txt \
    && rm -rf /opt/studyscope/lib/python3*/site-packages/pandas/tests
COPY pyproject.toml README.md LICENSE ./
COPY contract contract
COPY exporter exporter
# Only what a hospital runs is in the source here, so only that is in the wheel; the other programs' names go too.
RUN /build/bin/python -m hatchling build --target wheel --directory /dist \
    && /build/bin/pip --python /opt/studyscope/bin/python install --quiet --no-cache-dir --no-deps --no-index /dist/*.whl \
    && rm -f /opt/studyscope/bin/studyscope-aggregator /opt/studyscope/bin/studyscope-dashboards /opt/studyscope/bin/studyscope-demo

FROM ${BASE}
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Studyscope exporter" \
      org.opencontainers.image.description="Turns a hospital's imaging data into protected tables of a study and sends them, signed, to the centre" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/studyscope /opt/studyscope
COPY LICENSE /usr/share/doc/studyscope/LICENSE
ENV PATH=/opt/studyscope/bin:/usr/local/bin:/usr/bin:/bin \
    STUDYSCOPE_SITE=/etc/studyscope/site.yaml \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN mkdir -p /etc/studyscope /var/lib/studyscope && chown 65532:65532 /var/lib/studyscope && chmod 700 /var/lib/studyscope
# Nobody of the host, and no name is needed.
USER 65532:65532
WORKDIR /var/lib/studyscope
VOLUME /var/lib/studyscope
# 0: fine, 1: somebody should look soon. Only 2 and above are ill.
HEALTHCHECK --interval=5m --timeout=60s --start-period=5m CMD studyscope-exporter status >/dev/null 2>&1 || test $? -eq 1
ENTRYPOINT ["studyscope-exporter"]
CMD ["run"]
