# syntax=docker/dockerfile:1
# A static binary, the platform's root certificates, and nothing else.
#
#   docker build -t evenkeel .
#   docker buildx build --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) \
#     --build-arg CREATED=$(git log -1 --format=%cI) --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) \
#     --output type=image,name=REGISTRY/evenkeel:0.1.0,rewrite-timestamp=true --platform linux/amd64,linux/arm64 .
#
# Reproducible: the base is pinned by digest, the crates by Cargo.lock; no path or time of the build is in the binary, and
# `rewrite-timestamp` sets those of the layers to the commit's. What may differ is what Alpine's musl-dev is on the day.
# buildah: `buildah build --format docker --timestamp $(git log -1 --format=%ct) -t evenkeel .`, since OCI's format has no health check.
# Docker's records the builder's container; by `--format oci`, two folders with one binary make one digest.
FROM rust:1.95-alpine3.23@sha256:606fd313a0f49743ee2a7bd49a0914bab7deedb12791f3a846a34a4711db7ed2 AS build
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
ENV CARGO_INCREMENTAL=0 \
    CARGO_TARGET_DIR=/target \
    RUSTFLAGS="--remap-path-prefix=/src=. --remap-path-prefix=/usr/local/cargo/registry=cargo"
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target,id=evenkeel-target-$TARGETPLATFORM \
    cargo build --release --locked --bin evenkeel \
 && mkdir -p /out/var/lib/evenkeel /out/etc/evenkeel /out/etc/ssl/certs \
 && cp /target/release/evenkeel /out/evenkeel \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=https://github.com/evenkeel/evenkeel
LABEL org.opencontainers.image.title="evenkeel" \
      org.opencontainers.image.description="Keeps every EMQX Cloud deployment in the state that a file in Git says" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="evenkeel" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}/blob/main/README.md" \
      org.opencontainers.image.base.name="scratch"
# The state directory has to belong to the user that writes the ledger. Time zones are inside the binary.
COPY --from=build --chown=65532:65532 /out/ /
USER 65532:65532
ENV EVENKEEL_LISTEN=0.0.0.0:9464 \
    EVENKEEL_STATE_DIR=/var/lib/evenkeel \
    EVENKEEL_DESIRED=/etc/evenkeel/desired.yaml
VOLUME /var/lib/evenkeel
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 CMD ["/evenkeel", "status", "--probe"]
ENTRYPOINT ["/evenkeel"]
CMD ["run"]
