# syntax=docker/dockerfile:1
# A static binary and nothing else. Build: docker build -t evenkeel .
FROM rust:1-alpine AS build
RUN apk add --no-cache ca-certificates musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN cargo build --release --locked --bin evenkeel \
 && mkdir -p /out/var/lib/evenkeel /out/etc/evenkeel \
 && cp target/release/evenkeel /out/evenkeel

FROM scratch
LABEL org.opencontainers.image.title="evenkeel" \
      org.opencontainers.image.description="Keeps EMQX Cloud deployments in the state that a file in Git says" \
      org.opencontainers.image.licenses="Apache-2.0"
# The state directory has to belong to the user that writes the ledger.
COPY --from=build --chown=65532:65532 /out/ /
# The platform's roots: HTTPS to the API needs them.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENV EVENKEEL_LISTEN=0.0.0.0:9464 \
    EVENKEEL_STATE_DIR=/var/lib/evenkeel \
    EVENKEEL_DESIRED=/etc/evenkeel/desired.yaml
VOLUME /var/lib/evenkeel
EXPOSE 9464
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s CMD ["/evenkeel", "status", "--probe"]
ENTRYPOINT ["/evenkeel"]
CMD ["run"]
