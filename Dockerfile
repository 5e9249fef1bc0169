# docker build -t zoldyq/zoldyq:latest .
# docker run -d -p 9000:9000 zoldyq/zoldyq:latest

FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE-APACHE LICENSE-MIT ./
COPY zoldyq zoldyq
RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[redis]'
# Without pip in it, the environment holds what the server needs and nothing else.
RUN python -m venv --without-pip /opt/zoldyq \
    && pip --python /opt/zoldyq/bin/python install --no-cache-dir --no-index --find-links /wheels \
        'zoldyq[redis]'

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin zoldyq
COPY --from=build /opt/zoldyq /opt/zoldyq
ENV PATH=/opt/zoldyq/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ZOLDYQ_HOST=0.0.0.0
# By number, so that Kubernetes can tell that it is not root.
USER 10001
EXPOSE 9000
# Follows the variables, also those for TLS; a port given as a flag is not seen here.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 \
    CMD ["zoldyq", "health", "--own"]
# The exec form makes zoldyq process 1, so that the SIGTERM of `docker stop` reaches it and it drains.
ENTRYPOINT ["zoldyq"]
