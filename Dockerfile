# One image for every role: `portal migrate`, `portal api` and `portal worker` are its arguments. compose.yml runs it.

FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY . .
# Static, C library included, because the image has none. The target is named, although it is the machine's own: the
# flags are then for the program only, and not for macros, which the compiler has to load. The certificates say whom
# to trust for https: the issuer of tokens, the customer source.
ENV RUSTFLAGS="-C target-feature=+crt-static"
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(uname -m)-unknown-linux-gnu" \
    && cargo build --release --locked --package portal --target "$target" \
    && mkdir -p /image/etc/ssl/certs \
    && cp "target/$target/release/portal" /image/portal \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/

FROM scratch
COPY --from=builder /image/ /
# A number, because there is no list of names; it owns nothing, and writes nothing.
USER 65532:65532
ENV PORTAL_HTTP__ADDR=0.0.0.0:8080 \
    PORTAL_WORKER__HEALTH_ADDR=0.0.0.0:8081 \
    PORTAL_METRICS__API_ADDR=0.0.0.0:9464 \
    PORTAL_METRICS__WORKER_ADDR=0.0.0.0:9465 \
    PORTAL_LOG__FORMAT=json
EXPOSE 8080 8081 9464 9465
STOPSIGNAL SIGTERM
ENTRYPOINT ["/portal"]
CMD ["--help"]
