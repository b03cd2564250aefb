# Workers, the command line and the page: everything but the database server, which compose.yaml adds.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/mtl
ENV PATH=/opt/mtl/bin:$PATH
COPY constraints.txt ./
# PyTorch for CPUs; with GPUs, build with --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --no-deps --extra-index-url "$TORCH_INDEX" --requirement constraints.txt
COPY pyproject.toml README.md LICENSE ./
COPY examples examples
COPY mtl_flows mtl_flows
# The history stays outside: --build-arg VERSION=1.2.3 says which version this is.
ARG VERSION=
ENV SETUPTOOLS_SCM_PRETEND_VERSION=$VERSION
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 mtl && mkdir /work && chown mtl:mtl /work
COPY --from=build /opt/mtl /opt/mtl
ENV PATH=/opt/mtl/bin:$PATH OMP_NUM_THREADS=1
USER mtl
WORKDIR /work
ENTRYPOINT ["mtl"]
CMD ["--help"]
