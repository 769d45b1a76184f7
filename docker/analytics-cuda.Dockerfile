# The CUDA image of the call analytics: `callstream serve` with a language model of 7 B on a GPU.
#
#   docker build -f docker/analytics-cuda.Dockerfile -t callstream-analytics-cuda .
#   docker run --gpus all -p 8123:8123 -v models:/home/callstream/.cache -v ./model:/model:ro \
#       -e CALLSTREAM_ANALYTICS__MODELS=contact-centre=/model callstream-analytics-cuda
#
# The wheels of torch bring the CUDA libraries; the host needs the driver and the NVIDIA Container
# Toolkit. See docs/deploy_cuda.md.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/callstream
ENV PATH="/opt/callstream/bin:${PATH}"
WORKDIR /src
# The dependencies alone, so that a change of the code does not download them again.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN pip install --constraint constraints.txt ".[train]"
COPY schemas schemas
COPY models models
COPY training training
COPY benchmarks benchmarks
COPY stream_app stream_app
RUN pip install --no-deps --force-reinstall .

FROM python:3.11-slim-bookworm AS analytics
# tini passes signals on to the server.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends "tini=0.19.*" \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 callstream \
    && useradd --uid 10001 --gid callstream --create-home --shell /usr/sbin/nologin callstream \
    && install --directory --owner callstream --group callstream /home/callstream/.cache
COPY --from=build /opt/callstream /opt/callstream
ENV PATH="/opt/callstream/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    CALLSTREAM_API__HOST=0.0.0.0 \
    CALLSTREAM_API__PORT=8123 \
    CALLSTREAM_ANALYTICS__BACKEND=transformers \
    CALLSTREAM_ANALYTICS__DEVICE=cuda
USER 10001:10001
WORKDIR /home/callstream
EXPOSE 8123
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8123/health', timeout=5)"]
ENTRYPOINT ["tini", "--", "callstream"]
CMD ["serve"]
